/**
 * A worker or a producer of the crash suite, with its part as JSON in the first argument: the product's own services
 * with scaled times, an injected clock that jumps when told to, and points at which the process ends or stops itself.
 */

import { writeSync } from 'node:fs';
import {
  type Backend,
  BusyMeter,
  type Clock,
  createLogger,
  GraphshiftError,
  makeAuditExport,
  makeInstanceId,
  openBackend,
  Presence,
  Pulse,
  readSettings,
  recoverRecords,
  type Service,
  ServiceStack,
  systemClock,
  Vitals,
  within,
} from '@graphshift/core';
import { Producer } from '@graphshift/producer';
import { createWorker } from '@graphshift/worker';
// Not through the testkit's door, behind which stands much more: a process that is killed often must start quickly.
import { dropAliases, removeFences } from '../../packages/testkit/src/sins.ts';
import { hookSteps } from '../../packages/testkit/src/step-points.ts';
import { Orders } from './orders.ts';
import { SCALED, type Sin, START_AGAIN, type Times } from './times.ts';

export interface Part {
  readonly name: string;
  readonly role: 'worker' | 'producer';
  /** Where its orders are. */
  readonly orders: string;
  readonly sin?: Sin;
  /** @default SCALED */
  readonly times?: Times;
  /** What becomes of every deployment that comes to its load: it stays in hand until the process is killed, or is skipped. */
  readonly loads?: 'hold' | 'skip';
}

const NEVER_MS = 3_600_000;
/** One that was recovered gets so long to stop in order. */
const GOODBYE_MS = 3000;

const part = JSON.parse(process.argv[2] ?? '') as Part;
const orders = new Orders(part.orders, part.name);
const times = part.times ?? SCALED;
const say = (line: string) => void writeSync(1, `${line}\n`);

/** Whose cutover is under way, for the points that do not say. */
let switching = '';

// Who started it may be killed itself; nobody would end this process then.
const parent = process.ppid;
setInterval(() => process.ppid !== parent && process.kill(process.pid, 'SIGKILL'), 1000).unref();

const clock: Clock = { ...systemClock, now: () => systemClock.now() + orders.clockOffsetMs };
const { settings } = readSettings({ environment: environmentOf(process), directory: process.cwd() });
const backend = await openBackend({
  settings,
  log: createLogger({ pretty: false }),
  directory: process.cwd(),
  clock,
});
if (part.sin === 'fence') removeFences(backend);
if (part.sin === 'switch') dropAliases(backend);
refuseWhenTold(backend);
hookSteps(backend, async (id, point) => reach(point, id));
const instance = makeInstanceId();
const meter = new BusyMeter(clock);
const stack = new ServiceStack([presence(backend), pulse(backend), ...(await services(backend))]);
await stack.start();
say('ready');
process.once('SIGTERM', async () => {
  await stack.stop();
  await backend.stop();
});

function environmentOf({ env }: NodeJS.Process): NodeJS.ProcessEnv {
  return env;
}

function reach(point: string, id = switching): void {
  if (point.endsWith('>switching')) switching = id;
  const act = orders.take(point);
  if (act === undefined) return;
  say(`reached ${point} ${id}`);
  process.kill(process.pid, act);
}

function presence({ settings: { orchestrator, resilience }, instances, log }: Backend): Presence {
  return new Presence({
    id: instance,
    kind: part.role,
    capacity: part.role === 'worker' ? orchestrator.num_workers : 0,
    meter,
    instances,
    clock,
    log,
    everyMs: resilience.heartbeat_interval * 1000,
    vitals: new Vitals(),
    onOusted: giveUp,
  });
}

function pulse({ settings, breakers, readings, redis, keys, log }: Backend): Pulse {
  const everyMs = settings.resilience.heartbeat_interval * 1000;
  const probe = () => readings.read();
  return new Pulse({ id: instance, everyMs, meter, breakers, probe, redis, keys, clock, log });
}

/** What it held is others' by now, or it fetches nothing: it ends, to be started again. */
function giveUp(reason: string): void {
  say(`gives up: ${reason}`);
  within(systemClock, GOODBYE_MS, stack.stop())
    .catch(() => {})
    .finally(() => process.exit(START_AGAIN));
}

async function services(parts: Backend): Promise<Service[]> {
  if (part.role === 'producer') {
    const recover = async () => void (await recoverRecords(parts));
    const producer = new Producer({ backend: parts, roots: parts.roots, recover });
    return [makeAuditExport(parts, process.cwd()), producer];
  }
  const { lockMs, stalledCheckMs } = times;
  const worker = await createWorker({
    backend: parts,
    instance,
    meter,
    onHopeless: giveUp,
    times: { lockMs, stalledCheckMs },
    upkeepMs: part.sin === 'sweep' ? NEVER_MS : times.upkeepMs,
    checkpoint: async (point) => {
      reach(point);
      if (point !== 'loading' || part.loads === undefined) return;
      if (part.loads === 'skip') throw new GraphshiftError('SNAPSHOT_GONE', 'skipped, says the suite');
      say('holds');
      await new Promise<never>(() => {});
    },
  });
  return [worker];
}

/** Whatever is asked of a store that refuses fails, until it is told otherwise. */
function refuseWhenTold({ store }: Backend): void {
  const refuse = () => {
    if (orders.refused) throw new GraphshiftError('STORE_UNREACHABLE', 'the store refuses, says the suite');
  };
  const guard = <Values extends unknown[], Result>(ask: (...values: Values) => Promise<Result>) => {
    return async (...values: Values): Promise<Result> => {
      refuse();
      const answer = await ask(...values);
      // What was done before it began to refuse may still be told so.
      refuse();
      return answer;
    };
  };
  store.list = guard(store.list.bind(store));
  store.alias = guard(store.alias.bind(store));
  store.epochFloor = guard(store.epochFloor.bind(store));
  store.openLoad = guard(store.openLoad.bind(store));
  store.certificate = guard(store.certificate.bind(store));
  store.counts = guard(store.counts.bind(store));
  store.unmark = guard(store.unmark.bind(store));
  store.takeOver = guard(store.takeOver.bind(store));
  const [prepareAlias, prepareDrop] = [store.prepareAlias.bind(store), store.prepareDrop.bind(store)];
  store.prepareAlias = guard(async (change) => {
    const { fire, cancel } = await prepareAlias(change);
    return { fire: guard(fire), cancel };
  });
  store.prepareDrop = guard(async (...values) => {
    const { fire, cancel } = await prepareDrop(...values);
    return { fire: guard(fire), cancel };
  });
}
