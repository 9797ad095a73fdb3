import { type Backend, type Clock, messageOf } from '@graphshift/core';
import { type Handler, ok } from '../http.ts';

/** The process answers; whether it can do anything is `/readyz`'s matter. */
export const healthz: Handler = async () => ok({ status: 'ok' });

/** 200 when Redis and the graph store answer, else 503 with which of them does not; why is in the log, not open to all. */
export const readyz: Handler = async ({ backend }) => {
  const [redis, store] = await Promise.all([
    problemOf(backend, 'redis', async () => {
      await backend.deployments.serverTime();
    }),
    problemOf(backend, 'store', async () => {
      const { reachable, problem } = await backend.store.health();
      if (!reachable) throw new Error(problem ?? 'not reachable');
    }),
  ]);
  const problems = { ...(redis !== undefined && { redis }), ...(store !== undefined && { store }) };
  const ready = Object.keys(problems).length === 0;
  return { status: ready ? 200 : 503, body: { status: ready ? 'ready' : 'not ready', problems } };
};

/** A balancer waits no longer than this for an answer; commands to a Redis that restarts wait for it far longer. */
const ANSWER_MS = 2000;
const LATE = `does not answer within ${ANSWER_MS / 1000} s`;

async function problemOf(
  backend: Backend,
  name: string,
  ask: () => Promise<void>,
): Promise<string | undefined> {
  try {
    return (await answersInTime(backend.clock, ask)) ? undefined : LATE;
  } catch (error) {
    backend.log.warn({ err: error }, `not ready: ${name}: ${messageOf(error)}`);
    return 'cannot be reached';
  }
}

async function answersInTime(clock: Clock, ask: () => Promise<void>): Promise<boolean> {
  const answered = new AbortController();
  const late = clock.sleep(ANSWER_MS, answered.signal).then(() => false);
  try {
    return await Promise.race([ask().then(() => true), late]);
  } finally {
    answered.abort();
    late.catch(() => {});
  }
}
