/** One run of the crash suite: faults by chance while customers publish and a reader reads, then rest, then judgement. */

import { appendFileSync, cpSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { randomOf } from '@graphshift/testkit';
import type { Actor } from './actor.ts';
import { checkAtRest, readAudit, unrest } from './checker.ts';
import { drawFault, FAULT_KINDS, type Fault, type FaultKind } from './faults.ts';
import { laneOf, PERFORM } from './perform.ts';
import type { StoreKind } from './target.ts';
import type { Sin } from './times.ts';
import { findFaketime, World } from './world.ts';

const AT_ONCE = 4;
/** How long a process gets to come to the point at which it is killed; then it is killed where it is. */
const REACH_MS = 4000;
const POINT_MS = 60_000;
/** The same for a newer snapshot that goes live while a worker is frozen. */
const FREEZE_MS = 30_000;
const OVERTAKEN_MS = 180_000;
/** Where something changes all the time and there is no rest, it is given up after so many times `restMs`. */
const REST_MOST = 10;

export interface SuiteOptions {
  readonly seed: number;
  /** @default 'embedded' */
  readonly store?: StoreKind | undefined;
  /** The faults end after this time, or after so many, whichever comes first. */
  readonly minutes: number;
  readonly faults: number;
  readonly kinds: readonly FaultKind[];
  /** Faults at the same time, each of something else. @default 4 */
  readonly atOnce?: number | undefined;
  /** Kinds of the first faults, one each, so that these are certain to be there. */
  readonly first?: readonly FaultKind[] | undefined;
  readonly points?: readonly string[] | undefined;
  readonly sin?: Sin | undefined;
  readonly built?: boolean | undefined;
  readonly plain?: boolean | undefined;
  /** For how long nothing may change while there is no rest. */
  readonly restMs: number;
  /** Where the evidence of a failure goes, in a directory of its own. */
  readonly evidence: string;
  readonly say: (line: string) => void;
  readonly signal?: AbortSignal | undefined;
}

export interface Totals {
  readonly seed: number;
  readonly faults: Readonly<Record<string, number>>;
  readonly leftOut: readonly string[];
  readonly published: number;
  /** Deployments that went live, by the audit stream since Redis was last emptied. */
  readonly live: number;
  readonly reads: number;
  /** Reads that failed while the store's server was down. */
  readonly excused: number;
  readonly exits: number;
  /** Those exits of processes that others had recovered. */
  readonly gaveUp: number;
  /** Of silent processes, begun by monitors. */
  readonly recoveries: number;
  readonly seconds: number;
  readonly failures: readonly string[];
  readonly evidence?: string;
}

export async function runSuite(options: SuiteOptions): Promise<Totals> {
  const scratch = mkdtempSync(join(tmpdir(), 'graphshift-chaos-'));
  const timeline = join(scratch, 'timeline.log');
  const note = (what: string) => appendFileSync(timeline, `${new Date().toISOString()} ${what}\n`);
  const world = await World.open({ ...options, note });
  try {
    return await new Suite(options, world, note, scratch).run();
  } finally {
    await world.close();
    rmSync(scratch, { recursive: true, force: true });
  }
}

class Suite {
  readonly #options: SuiteOptions;
  readonly #world: World;
  readonly #note: (what: string) => void;
  readonly #scratch: string;
  readonly #counts: Record<string, number> = {};
  readonly #lanes = new Map<string, Promise<void>>();
  readonly #faketime = findFaketime();
  readonly #beganAt = Date.now();

  constructor(options: SuiteOptions, world: World, note: (what: string) => void, scratch: string) {
    this.#options = options;
    this.#world = world;
    this.#note = note;
    this.#scratch = scratch;
  }

  async run(): Promise<Totals> {
    const { say, seed, restMs } = this.#options;
    const world = this.#world;
    try {
      await world.begin();
      say(`everything is live after ${this.#seconds()} s; faults begin`);
      world.publish(randomOf(seed ^ 0x9ab11));
      await this.#harm();
      world.quiet();
      await Promise.all(this.#lanes.values());
      for (const actor of world.actors) actor.orders.clear();
      say('faults have ended; waiting for rest');
      const rested = await this.#rest(restMs);
      await world.endReading();
      if (rested) await checkAtRest(world.system, world.judge);
    } catch (error) {
      world.judge.fail(0, error instanceof Error ? (error.stack ?? error.message) : String(error));
    }
    return this.#totals();
  }

  get #leftOut(): string[] {
    const { target } = this.#world;
    const without = this.#faketime === undefined ? ['faketime: the library faketime is not installed'] : [];
    return [...target.leftOut, ...without];
  }

  async #harm(): Promise<void> {
    const { seed, minutes, faults, first = [], points, say, signal } = this.#options;
    const random = randomOf(seed);
    const { target, workers } = this.#world;
    const missing = (kind: FaultKind) =>
      (kind === 'faketime' && this.#faketime === undefined) ||
      ((kind === 'full' || kind === 'store-kill') && target.faults[kind] === undefined);
    const kinds = this.#options.kinds.filter((kind) => !missing(kind));
    const deadline = Date.now() + minutes * 60_000;
    for (let count = 1; count <= faults && Date.now() < deadline && !signal?.aborted; count++) {
      const certain = first[count - 1];
      const fault = drawFault(random, {
        kinds: certain ? [certain] : kinds,
        points,
        workers: workers.length,
      });
      const pauseMs = random.whole(0, 700);
      await this.#launch(fault);
      this.#counts[fault.kind] = (this.#counts[fault.kind] ?? 0) + 1;
      if (count % 25 === 0)
        say(`${count} faults after ${this.#seconds()} s, ${this.#world.judge.reads} reads`);
      if (this.#world.judge.failures.length > 0) return;
      await wait(pauseMs);
    }
  }

  /** Begins a fault as soon as what it needs is free. */
  async #launch(fault: Fault): Promise<void> {
    const lane = laneOf(fault);
    await this.#lanes.get(lane);
    const { seed, atOnce = AT_ONCE } = this.#options;
    while (this.#lanes.size >= atOnce) await Promise.race(this.#lanes.values());
    const stage = {
      world: this.#world,
      random: randomOf(seed + fault.forMs),
      faketime: this.#faketime,
      // A point that was asked for is worth waiting for.
      reachMs: this.#options.points ? POINT_MS : REACH_MS,
      over: () => this.#world.judge.failures.length > 0,
      freezeMs: this.#options.points ? OVERTAKEN_MS : FREEZE_MS,
    };
    this.#note(`fault ${JSON.stringify(fault)}`);
    const running = PERFORM[fault.kind](stage, fault)
      .then((what) => this.#note(`${fault.kind} ended: ${what}`))
      .catch((error: unknown) => {
        this.#world.judge.fail(0, `${fault.kind} could not be done: ${String(error)}`);
      })
      .finally(() => this.#lanes.delete(lane));
    this.#lanes.set(lane, running);
  }

  /** @returns whether there is something to judge: everything at rest, and nothing wrong so far */
  async #rest(restMs: number): Promise<boolean> {
    const world = this.#world;
    const deadline = Date.now() + restMs * REST_MOST;
    let restless = await unrest(world.system);
    for (let changedAt = Date.now(); restless.length > 0 && world.judge.failures.length === 0; ) {
      await wait(300);
      const now = await unrest(world.system);
      if (now.join() !== restless.join()) changedAt = Date.now();
      restless = now;
      if (Date.now() - changedAt < restMs && Date.now() < deadline) continue;
      world.judge.fail(3, `no rest, and no change for ${restMs / 1000} s: ${restless.join('; ')}`);
    }
    this.#note(`rest after ${this.#seconds()} s: ${restless.length === 0}`);
    return world.judge.failures.length === 0;
  }

  #seconds(): number {
    return Math.round((Date.now() - this.#beganAt) / 1000);
  }

  async #totals(): Promise<Totals> {
    const { judge, snapshots, installation, actors } = this.#world;
    this.#world.keepLogs();
    const sum = (count: (actor: Actor) => number) => actors.reduce((total, actor) => total + count(actor), 0);
    const audit = await readAudit(installation.redis.url).catch(() => []);
    const totals = {
      seed: this.#options.seed,
      faults: this.#counts,
      leftOut: this.#leftOut,
      published: snapshots.count,
      live: audit.filter(({ to }) => to === 'live').length,
      reads: judge.reads,
      excused: judge.excused,
      exits: sum(({ exits }) => exits),
      gaveUp: sum(({ gaveUp }) => gaveUp),
      recoveries: sum(({ recoveries }) => recoveries),
      seconds: this.#seconds(),
      failures: judge.failures,
    };
    if (judge.failures.length === 0) return totals;
    return { ...totals, evidence: await this.#keepEvidence() };
  }

  async #keepEvidence(): Promise<string> {
    const { seed, evidence } = this.#options;
    const world = this.#world;
    const directory = join(evidence, `seed-${seed}`);
    rmSync(directory, { recursive: true, force: true });
    mkdirSync(directory, { recursive: true });
    const keep = (name: string, text: string) => writeFileSync(join(directory, name), text);
    keep('failures.txt', `${world.judge.failures.join('\n')}\n`);
    keep('store.txt', await world.target.listing().catch(String));
    const audit = await readAudit(world.installation.redis.url).catch(() => []);
    keep('audit-stream.jsonl', audit.map((entry) => `${JSON.stringify(entry)}\n`).join(''));
    cpSync(join(this.#scratch, 'timeline.log'), join(directory, 'timeline.log'));
    cpSync(world.directory, join(directory, 'logs'), { recursive: true });
    const files = join(world.installation.directory, 'audit');
    if (existsSync(files)) cpSync(files, join(directory, 'audit'), { recursive: true });
    return directory;
  }
}

/** The closing line: totals by kind, and what to run again. */
export function closingLine(totals: Totals): string {
  const { seed, faults, published, live, reads, recoveries, exits, gaveUp, seconds, failures, evidence } =
    totals;
  const count = Object.values(faults).reduce((sum, number) => sum + number, 0);
  const kinds = FAULT_KINDS.flatMap((kind) => (faults[kind] ? [`${kind} ${faults[kind]}`] : [])).join(', ');
  const line = `seed ${seed}: ${count} faults (${kinds}), ${published} snapshots published, ${live} cutovers in the audit stream, ${reads} reads${excusedOf(totals)}, ${recoveries} recoveries by monitors, ${exits} exits (${gaveUp} of recovered processes), ${failures.length} failures in ${seconds} s`;
  return evidence === undefined ? line : `${line}; evidence in ${evidence}`;
}

function excusedOf({ excused }: Totals): string {
  return excused > 0 ? ` (${excused} of them failed while the store's server was down)` : '';
}
