/**
 * A worker, producer or dashboard for tests that kill it, and what producers and people do elsewhere, with the plan as
 * JSON in its first argument. It says `ready`, and `reached <deployment>` for each that stands at its point.
 */

import {
  type Backend,
  createLogger,
  type DeploymentRecord,
  DeploymentStore,
  GraphshiftError,
  openBackend,
  readSettings,
  recoverRecords,
  type Service,
} from '@graphshift/core';
import { createDashboard } from '@graphshift/dashboard';
import { Producer } from '@graphshift/producer';
import { createWorker } from '@graphshift/worker';
import { instrument, instrumentRecords } from './instrument.ts';
import { type Act, DEFAULT_LOCK_MS, type Plan } from './plan.ts';
import { sabotage } from './sabotage.ts';

const STALLED_CHECK_MS = 500;
const UPKEEP_MS = 400;
const NEVER_MS = 3_600_000;
/** Whoever picks a deployment up that was left in one of these begins again at the gate. */
const BEGUN_AGAIN: ReadonlySet<string> = new Set(['gated', 'loading']);

const startedAt = Date.now();
const plan = JSON.parse(process.argv[2] ?? '') as Plan;
const say = (line: string) => void process.stdout.write(`${line}\n`);
const { settings } = readSettings({ environment: process.env, directory: process.cwd() });
const log = createLogger({ pretty: false });
const backend = await openBackend({ settings, log, directory: process.cwd() });
if (plan.sabotage) sabotage(backend, plan.sabotage);
instrument(backend, plan, say);
const service = await makeService(backend);
await service.start();
say('ready');
for (const [id, { acts = [] }] of Object.entries(plan.deployments)) {
  const customer = id.slice(0, id.lastIndexOf('@'));
  for (const act of acts) {
    perform(backend, customer, act).catch((error: unknown) =>
      say(`${act.act} ${customer}: ${String(error)}`),
    );
  }
}

async function makeService(parts: Backend): Promise<Service> {
  if (plan.runs === 'producer') {
    const recover = async () => void (await recoverRecords(parts));
    return new Producer({ backend: parts, roots: parts.roots, recover });
  }
  if (plan.runs === 'dashboard') {
    const dashboard = createDashboard({ backend: parts });
    const start = async () => {
      await dashboard.start();
      say(`serves ${dashboard.address().origin}`);
    };
    return { start, stop: () => dashboard.stop() };
  }
  const upkeepMs = plan.sabotage === 'no-sweep' ? NEVER_MS : UPKEEP_MS;
  const times = { lockMs: plan.lockMs ?? DEFAULT_LOCK_MS, stalledCheckMs: STALLED_CHECK_MS };
  return createWorker({ backend: parts, times, upkeepMs });
}

async function perform(parts: Backend, customer: string, act: Act): Promise<void> {
  const { deployments, operations, clock } = parts;
  if (act.when) {
    const [timestamp, state] = act.when;
    await new Promise<void>((resolve) => {
      const stop = clock.every(100, async () => {
        const record = await deployments.get(`${customer}@${timestamp}`);
        if (record?.state !== state || isLeft(record)) return;
        stop();
        resolve();
      });
    });
  }
  const id = `${customer}@${act.timestamp}`;
  if (act.act === 'discover') await discover(parts, customer, act);
  if (act.act === 'cancel') await operations.cancel(id, 'test');
  if (act.act === 'retry') await operations.retry(id, 'test');
  if (act.act === 'discard') await operations.discard(id, 'test');
  if (act.act === 'board-retry') await retryLetter(parts, `${id}~1`);
  if (act.act === 'rollback') await operations.rollback({ customer, by: 'test' });
  say(`${act.act} ${id}: done`);
}

/** A process that was killed left it in this state, and it leaves it once it is picked up. */
function isLeft({ state, changedAt }: DeploymentRecord): boolean {
  return BEGUN_AGAIN.has(state) && changedAt < startedAt;
}

/** What Bull Board's Retry button does, once the letter stands there. */
async function retryLetter({ letters, clock }: Backend, letter: string): Promise<void> {
  await new Promise<void>((resolve) => {
    const stop = clock.every(100, async () => {
      const job = await letters.queue.getJob(letter);
      if (!(await job?.isFailed())) return;
      stop();
      await job?.retry();
      resolve();
    });
  });
}

/** As a producer does it, under a policy of this snapshot's own. */
async function discover(parts: Backend, customer: string, act: Act): Promise<void> {
  const { redis, keys, clock, roots, wakeUps, letters } = parts;
  const { timestamp } = act;
  const deployments = act.order
    ? instrumented(new DeploymentStore(redis, keys, clock, { order: act.order }))
    : parts.deployments;
  const error = new GraphshiftError('FILE_TRUNCATED', 'broken, says the test').toRecord();
  const path = `${roots[0]}/${customer}/${timestamp}`;
  const { head } = await deployments.discover({ customer, timestamp, path, ...(act.broken && { error }) });
  const record = act.broken ? await deployments.get(`${customer}@${timestamp}`) : undefined;
  if (record) await letters.ensure(record);
  await wakeUps.ensureHead(deployments, head);
}

function instrumented(deployments: DeploymentStore): DeploymentStore {
  instrumentRecords({ ...backend, deployments }, plan, say);
  return deployments;
}
