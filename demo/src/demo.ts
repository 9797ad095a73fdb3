/** The demo: real flights become snapshots, the system makes them live one after another, a person watches. */

import { mkdir, rename, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { type Backend, openBackend, readSettings, removeInstallation, silentLogger } from '@graphshift/core';
import { createLogUpdate } from 'log-update';
import type { DemoArguments } from './arguments.ts';
import { checkAliases } from './check.ts';
import { type DemoSnapshot, stageSnapshots } from './flights.ts';
import { clock, number, render } from './live-view.ts';
import { choosePort } from './port.ts';
import { type System, startSystem } from './system.ts';
import { Watch } from './watch.ts';

export interface DemoSurroundings {
  /** Everything of the demo stands below it; emptied at the start. */
  readonly directory: string;
  readonly redisUrl: string;
  /** Of this process; the system's settings are added to it. */
  readonly environment: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
}

type Plan = Map<string, DemoSnapshot[]>;

const PREFIX = 'graphshift-demo';
const LOOK_MS = 250;
const PLAIN_EVERY_MS = 2000;
/** Nothing has moved for this long: something is wrong. */
const STALL_MS = 180_000;

/** @returns the exit code */
export async function runDemo(demo: DemoArguments, surroundings: DemoSurroundings): Promise<number> {
  const { directory, redisUrl } = surroundings;
  for (const name of ['data', 'store', 'staging'])
    await rm(join(directory, name), { recursive: true, force: true });
  await mkdir(join(directory, 'data'), { recursive: true });
  await removeInstallation(redisUrl, `{${PREFIX}}`);

  say('Making snapshots from 3,000,000 flights of 2001 (vega-datasets) …');
  const plan = await stageSnapshots(join(directory, 'staging'), demo);
  if (surroundings.signal.aborted) return 130;
  const port = await choosePort(demo.port);
  const environment = {
    ...(demo.store !== undefined && accessTo(surroundings.environment)),
    ...settingsOf(demo, surroundings, plan, port),
  };
  const { settings } = readSettings({ environment, directory });
  const system = await startSystem({
    values: ['--log-level', 'info'],
    environment: { ...withoutSettings(surroundings.environment), ...environment },
    // Both processes read their settings here: a configuration file at the top of the checkout is not the demo's.
    directory,
    logFile: join(directory, 'graphshift.log'),
  });
  let backend: Backend | undefined;
  try {
    backend = await openBackend({ settings, log: silentLogger, directory });
    return await follow(demo, surroundings, plan, backend, system);
  } finally {
    await backend?.stop();
    await system.stop();
  }
}

/** Settings that a person has for an installation of their own would change what the demo shows. */
function withoutSettings(environment: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(environment).filter(([name]) => !name.startsWith('GRAPHSHIFT_')));
}

/** User, password and the like of the store that was named. */
function accessTo(environment: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(environment).filter(([name]) => name.startsWith('GRAPHSHIFT_STORE_')),
  );
}

/** A relative directory is taken from where the demo was started, as its readers take it. */
function storeUrl(demo: DemoArguments, directory: string): string {
  if (demo.store === undefined) return `embedded:${join(directory, 'store')}`;
  const embedded = /^embedded:(.+)$/.exec(demo.store)?.[1];
  return embedded === undefined ? demo.store : `embedded:${resolve(embedded)}`;
}

function settingsOf(
  demo: DemoArguments,
  { directory, redisUrl }: DemoSurroundings,
  plan: Plan,
  port: number,
): Record<string, string> {
  // Two kept a customer, and one that waits to be dropped while the next is loaded.
  const databases = String(plan.size * 3 + demo.workers);
  const chosen = {
    max_databases: databases,
    scan_interval: '1',
    settle_seconds: '1',
    num_workers: String(demo.workers),
    // A gate that closes for a moment must not cost a minute of a run that takes two.
    health_check_retry_delay: '5',
    // Nobody reads through a driver whose routing table is five minutes old, and a server's databases are few.
    ...(!storeUrl(demo, directory).startsWith('embedded:') && { drain_seconds: '5' }),
    // Who interrupts a demo does not wait five minutes for its loads.
    shutdown_timeout: '5',
  };
  const set = Object.entries(chosen).map(([name, value]) => `${name} ${value}`);
  say(`The demo sets ${set.join(', ')}; its log is ${join(directory, 'graphshift.log')}`);
  say(`Bull Board will be at http://127.0.0.1:${port}/queues, the page at http://127.0.0.1:${port}/`);
  return {
    ...Object.fromEntries(
      Object.entries(chosen).map(([name, value]) => [`GRAPHSHIFT_ORCHESTRATOR_${name.toUpperCase()}`, value]),
    ),
    GRAPHSHIFT_DATA: join(directory, 'data'),
    GRAPHSHIFT_STORE: storeUrl(demo, directory),
    GRAPHSHIFT_REDIS_PREFIX: PREFIX,
    GRAPHSHIFT_DASHBOARD_PORT: String(port),
    REDIS_URL: redisUrl,
  };
}

/** Drops the snapshots, shows what becomes of them, and checks the aliases at the end. */
async function follow(
  demo: DemoArguments,
  surroundings: DemoSurroundings,
  plan: Plan,
  backend: Backend,
  system: System,
): Promise<number> {
  const dropper = new Dropper(plan, join(surroundings.directory, 'data'));
  const months = Math.max(...[...plan.values()].map((snapshots) => snapshots.length));
  const watch = new Watch(backend, plan, `Graphshift demo   ${plan.size} customers × ${months} months`);
  const view = process.stdout.isTTY ? new TerminalView() : new PlainView();
  const ended = await watchUntilLive(watch, dropper, view, system, surroundings.signal, backend);
  view.done();
  if (ended !== 'live') return fail(ended, watch);
  const code = await report(plan, watch, backend);
  if (demo.once) return code;
  announce(surroundings, plan, backend);
  while (!surroundings.signal.aborted && system.problem === undefined) {
    await backend.clock.sleep(1000, surroundings.signal).catch(() => {});
  }
  if (surroundings.signal.aborted) return 130;
  say(system.problem ?? '');
  return 1;
}

async function watchUntilLive(
  watch: Watch,
  dropper: Dropper,
  view: View,
  system: System,
  signal: AbortSignal,
  backend: Backend,
): Promise<'live' | string> {
  let movedAt = backend.clock.now();
  let mark = '';
  for (;;) {
    await watch.look();
    await dropper.dropNext(watch);
    const state = watch.state();
    view.show(state, backend.clock.now());
    if (dropper.finished(watch)) return 'live';
    if (signal.aborted) return 'interrupted';
    if (system.problem !== undefined) return system.problem;
    const now = JSON.stringify([state.counts, state.rows]);
    if (now !== mark) [mark, movedAt] = [now, backend.clock.now()];
    if (backend.clock.now() - movedAt > STALL_MS) return `nothing has moved for ${STALL_MS / 60_000} minutes`;
    await backend.clock.sleep(LOOK_MS, signal).catch(() => {});
  }
}

/** Drops a customer's next snapshot once the one before it is live or over, so that each alias is seen to move. */
class Dropper {
  readonly #plan: Plan;
  readonly #data: string;
  readonly #dropped = new Map<string, number>();

  constructor(plan: Plan, data: string) {
    this.#plan = plan;
    this.#data = data;
  }

  async dropNext(watch: Watch): Promise<void> {
    for (const [customer, snapshots] of this.#plan) {
      const dropped = this.#dropped.get(customer) ?? 0;
      const last = snapshots[dropped - 1];
      const next = snapshots[dropped];
      if (!next || (last && !watch.ended(customer, last.timestamp))) continue;
      await mkdir(join(this.#data, customer), { recursive: true });
      await rename(next.staged, join(this.#data, customer, String(next.timestamp)));
      this.#dropped.set(customer, dropped + 1);
    }
  }

  /** Every customer's newest snapshot is live, or over in another way. */
  finished(watch: Watch): boolean {
    return [...this.#plan].every(([customer, snapshots]) => {
      const newest = snapshots.at(-1);
      return newest !== undefined && watch.ended(customer, newest.timestamp);
    });
  }
}

interface View {
  show(state: ReturnType<Watch['state']>, now: number): void;
  done(): void;
}

class TerminalView implements View {
  readonly #update = createLogUpdate(process.stdout, { showCursor: true });

  show(state: ReturnType<Watch['state']>): void {
    this.#update(render(state, process.stdout.columns || 100));
  }

  done(): void {
    this.#update.done();
  }
}

/** Where no terminal is: a line when something changed, at most one in two seconds. */
class PlainView implements View {
  #shown = '';
  #shownAt = 0;

  show(state: ReturnType<Watch['state']>, now: number): void {
    const counts = Object.entries(state.counts).map(([name, count]) => `${name} ${count}`);
    const text = `${counts.join(', ') || 'none yet'} of ${state.planned}; ${number(state.rows)} rows`;
    if (text === this.#shown || now - this.#shownAt < PLAIN_EVERY_MS) return;
    [this.#shown, this.#shownAt] = [text, now];
    say(`${clock(state.elapsedSeconds)}  ${text}, ${number(state.rowsPerSecond)} rows/s`);
  }

  done(): void {}
}

function fail(ended: string, watch: Watch): number {
  if (ended === 'interrupted') return 130;
  say(ended);
  for (const { id, state, reason, error } of watch.records.values()) {
    const why = [reason, error?.message].filter((text) => text !== undefined && text !== '').join('; ');
    if (!['live', 'replaced', 'retired'].includes(state)) say(`${id} is ${state}${why && `: ${why}`}`);
  }
  return 1;
}

async function report(plan: Plan, watch: Watch, backend: Backend): Promise<number> {
  const seconds = watch.elapsedSeconds;
  const answers = await checkAliases(backend.store, plan);
  const wrong = answers.filter(({ problem }) => problem !== undefined);
  for (const { customer, problem } of wrong) say(`${customer}: ${problem}`);
  const flights = answers.reduce((sum, answer) => sum + (answer.flights ?? 0), 0);
  const rate = number(watch.rows / seconds);
  say(
    `${answers.length - wrong.length} of ${answers.length} aliases answer with the right counts (${number(flights)} flights).`,
  );
  say(`${watch.moves.length} cutovers, ${number(watch.rows)} rows in ${clock(seconds)} (${rate} rows/s).`);
  return wrong.length === 0 ? 0 : 1;
}

function announce({ directory, redisUrl }: DemoSurroundings, plan: Plan, backend: Backend): void {
  const address = `http://127.0.0.1:${backend.settings.dashboard.port}`;
  const [customer = 'us-ca'] = plan.keys();
  // A URL with a password is not printed: whoever set it has it.
  const redis = new URL(redisUrl).password === '' ? ` REDIS_URL='${redisUrl}'` : '';
  const where = `GRAPHSHIFT_REDIS_PREFIX=${PREFIX}${redis} GRAPHSHIFT_STORE='${backend.settings.store.url}'`;
  say(`
  page        ${address}/
  Bull Board  ${address}/queues
  API         ${address}/api/v1/deployments

  Try, in another terminal:
    export ${where}
    ./graphshift aliases ls
    ./graphshift query ${customer} 'MATCH (a:Airport)-[f:FLIGHT]->(b) RETURN a.id, b.id, count(*) AS flights ORDER BY flights DESC LIMIT 5'
    ./graphshift simulate --customer ${customer} --data ${join(directory, 'data')}
    ./graphshift simulate --customer ${customer} --data ${join(directory, 'data')} --broken truncated

  Ctrl-C stops everything.`);
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
