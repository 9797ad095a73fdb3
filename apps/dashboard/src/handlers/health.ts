import { type Backend, messageOf } from '@graphshift/core';
import { type Handler, ok } from '../http.ts';

/** The process answers; whether it can do anything is `/readyz`'s matter. */
export const healthz: Handler = async () => ok({ status: 'ok' });

/** 200 when Redis and the graph store answer, else 503 with what does not. */
export const readyz: Handler = async ({ backend }) => {
  const [redis, store] = await Promise.all([redisProblem(backend), backend.store.health()]);
  const problems = {
    ...(redis !== undefined && { redis }),
    ...(!store.reachable && { store: store.problem ?? 'does not answer' }),
  };
  const ready = Object.keys(problems).length === 0;
  return { status: ready ? 200 : 503, body: { status: ready ? 'ready' : 'not ready', problems } };
};

/** A balancer waits no longer than this for an answer; commands to a Redis that restarts wait for it far longer. */
const ANSWER_MS = 2000;

async function redisProblem({ deployments, clock }: Backend): Promise<string | undefined> {
  const answered = new AbortController();
  const late = clock
    .sleep(ANSWER_MS, answered.signal)
    .then(() => `does not answer within ${ANSWER_MS / 1000} s`);
  try {
    return await Promise.race([deployments.serverTime().then(() => undefined), late]);
  } catch (error) {
    return messageOf(error);
  } finally {
    answered.abort();
    late.catch(() => {});
  }
}
