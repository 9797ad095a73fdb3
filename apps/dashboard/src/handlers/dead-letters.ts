import { type Handler, ok } from '../http.ts';
import { idOf } from './deployments.ts';

export const listDeadLetters: Handler = async ({ backend }) => ok(await backend.operations.deadLetters());

export const retryDeadLetter: Handler = async ({ backend, params, user }) => {
  return ok(await backend.operations.retry(idOf(params), user));
};

export const retryAllDeadLetters: Handler = async ({ backend, user }) => {
  return ok(await backend.operations.retryAllDead(user));
};

export const discardDeadLetter: Handler = async ({ backend, params, user }) => {
  return ok(await backend.operations.discard(idOf(params), user));
};
