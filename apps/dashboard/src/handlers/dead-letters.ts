import { GraphshiftError } from '@graphshift/core';
import { type Handler, ok } from '../http.ts';
import { idOf } from './deployments.ts';

export const listDeadLetters: Handler = async ({ backend }) => ok(await backend.operations.deadLetters());

/** Only what is dead: a deployment in another end state is started over at its own route. */
export const retryDeadLetter: Handler = async ({ backend, params, user }) => {
  const { id, state } = await backend.operations.deployment(idOf(params));
  if (state !== 'dead') throw new GraphshiftError('CONFLICT', `deployment ${id} is ${state}, not dead`);
  return ok(await backend.operations.retry(id, user));
};

export const retryAllDeadLetters: Handler = async ({ backend, user }) => {
  return ok(await backend.operations.retryAllDead(user));
};

export const discardDeadLetter: Handler = async ({ backend, params, user }) => {
  return ok(await backend.operations.discard(idOf(params), user));
};
