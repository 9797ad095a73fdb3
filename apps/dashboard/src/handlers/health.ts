import { messageOf } from '@graphshift/core';
import { type Handler, ok } from '../http.ts';

/** The process answers; whether it can do anything is `/readyz`'s matter. */
export const healthz: Handler = async () => ok({ status: 'ok' });

/** 200 when Redis and the graph store answer, else 503 with what does not. */
export const readyz: Handler = async ({ backend }) => {
  const [redis, store] = await Promise.all([
    backend.deployments.serverTime().then(
      () => undefined,
      (error: unknown) => messageOf(error),
    ),
    backend.store.health(),
  ]);
  const problems = {
    ...(redis !== undefined && { redis }),
    ...(!store.reachable && { store: store.problem ?? 'does not answer' }),
  };
  const ready = Object.keys(problems).length === 0;
  return { status: ready ? 200 : 503, body: { status: ready ? 'ready' : 'not ready', problems } };
};
