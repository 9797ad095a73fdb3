/** One installation for the suite: Redis, the store, real workers and a producer behind links, a reader, and customers. */

import { existsSync, readdirSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as wait } from 'node:timers/promises';
import {
  type Installation,
  makeInstallation,
  type Program,
  type Random,
  randomOf,
  startProgram,
} from '@graphshift/testkit';
import { Actor } from './actor.ts';
import { openEmbeddedTarget } from './embedded-target.ts';
import { Judge } from './judge.ts';
import { openNeo4jTarget } from './neo4j-target.ts';
import type { Told } from './reader-program.ts';
import { customerOf, Snapshots } from './snapshots.ts';
import type { StoreKind, Target } from './target.ts';
import { CUSTOMERS, HELD, ORDINARY, PINNED, SCALED_RESILIENCE, type Sin } from './times.ts';

const WORKERS = 2;

export interface WorldOptions {
  readonly seed: number;
  /** @default 'embedded' */
  readonly store?: StoreKind | undefined;
  readonly sin?: Sin | undefined;
  /** Whether the processes run from the build, which starts them in half the time. @default false */
  readonly built?: boolean | undefined;
  /** Ordinary customers alone, with one database each to begin with: for short runs. @default false */
  readonly plain?: boolean | undefined;
  readonly say: (line: string) => void;
  /** Takes each line of what was done and seen, for the evidence. */
  readonly note: (what: string) => void;
}

export class World {
  readonly installation: Installation;
  readonly target: Target;
  readonly snapshots: Snapshots;
  readonly judge: Judge;
  readonly workers: readonly Actor[];
  readonly producer: Actor;
  /** Logs and orders. */
  readonly directory: string;
  readonly #options: WorldOptions;
  #reader: Program | undefined;
  #publishing = false;
  #loops: Promise<void>[] = [];
  #looking = false;

  private constructor(options: WorldOptions, installation: Installation, target: Target) {
    this.#options = options;
    this.installation = installation;
    this.target = target;
    this.directory = join(installation.directory, 'actors');
    this.snapshots = new Snapshots(installation.data, installation.directory, target.scale.sizes);
    this.judge = new Judge(this.snapshots, Date.now, target.wasDown);
    const actor = (name: string, role: 'worker' | 'producer') =>
      new Actor({
        name,
        role,
        redisPort: installation.redis.port,
        storePort: target.port,
        storeEnvironment: target.environment,
        environment: this.#environment(),
        program: this.#program('actor-program'),
        directory: this.directory,
        sin: options.sin,
        note: options.note,
      });
    this.workers = Array.from({ length: WORKERS }, (_, index) => actor(`worker-${index + 1}`, 'worker'));
    this.producer = actor('producer', 'producer');
  }

  static async open(options: WorldOptions): Promise<World> {
    const installation = await makeInstallation();
    const open = options.store === 'neo4j' ? openNeo4jTarget : openEmbeddedTarget;
    const target = await open(installation.directory).catch(async (error: unknown) => {
      await installation.remove();
      throw error;
    });
    const world = new World(options, installation, target);
    await mkdir(world.directory);
    return world;
  }

  get actors(): readonly Actor[] {
    return [...this.workers, this.producer];
  }

  get customers(): readonly string[] {
    return this.#options.plain ? ORDINARY : CUSTOMERS;
  }

  get system() {
    const { target, snapshots, installation, customers } = this;
    return { target, snapshots, customers, redisUrl: installation.redis.url };
  }

  #program(name: string): URL {
    const path = this.#options.built ? `../dist/chaos/src/${name}.js` : `./${name}.ts`;
    return new URL(path, import.meta.url);
  }

  #environment(): Record<string, string> {
    return {
      ...this.installation.environment,
      GRAPHSHIFT_ORCHESTRATOR_NUM_WORKERS: '2',
      GRAPHSHIFT_ORCHESTRATOR_MAX_DATABASES: '500',
      // Many a fault costs a worker or an attempt; none of them is the snapshot's.
      GRAPHSHIFT_ORCHESTRATOR_MAX_CRASHES: '1000',
      GRAPHSHIFT_ORCHESTRATOR_MAX_RETRIES: '50',
      // What a Redis that was thrown back forgot to be waiting is found by a full scan.
      GRAPHSHIFT_ORCHESTRATOR_FULL_SCAN_INTERVAL: '2',
      GRAPHSHIFT_LOG_FILES: 'false',
      ...SCALED_RESILIENCE,
    };
  }

  /** Starts everything; each customer has two databases then, one is pinned, one was rolled back. */
  async begin(): Promise<void> {
    await Promise.all(this.actors.map((actor) => actor.start()));
    const random = randomOf(this.#options.seed ^ 0x5eed);
    for (const round of this.#options.plain ? [1] : [1, 2]) {
      for (const customer of this.customers) await this.snapshots.publish(customer, random, 'small');
      await this.until(
        async () => (await this.#atNewest()) === this.customers.length,
        `round ${round} to be live`,
      );
    }
    if (!this.#options.plain) await this.#pinAndRollBack();
    await this.#startReader();
    this.#looking = true;
    this.#loops.push(this.#look());
  }

  async #pinAndRollBack(): Promise<void> {
    const { operations } = await this.installation.open(this.target.flags);
    await operations.pin(PINNED, 'chaos');
    await operations.rollback({ customer: HELD, by: 'chaos' });
  }

  async #atNewest(): Promise<number> {
    const { aliases } = await this.target.look();
    return aliases.filter(
      ({ customer, timestamp }) =>
        timestamp === Math.max(...this.snapshots.of(customer).map((one) => one.timestamp)),
    ).length;
  }

  /** Waits for what has to come. @throws when it does not */
  async until(holds: () => Promise<boolean>, what: string, patienceMs = 180_000): Promise<void> {
    if (!(await this.waitFor(holds, patienceMs)))
      throw new Error(`waited ${patienceMs / 1000} s for ${what}`);
  }

  async waitFor(holds: () => Promise<boolean>, patienceMs: number): Promise<boolean> {
    const deadline = Date.now() + patienceMs;
    while (Date.now() < deadline) {
      if (await holds()) return true;
      await wait(100);
    }
    return false;
  }

  /** Customers publish all the time, until `quiet`. */
  publish(random: Random): void {
    this.#publishing = true;
    const loop = async () => {
      while (this.#publishing) {
        await wait(random.whole(...this.target.scale.paceMs));
        if (this.#publishing) await this.#publishOne(random);
      }
    };
    this.#loops.push(loop());
  }

  async #publishOne(random: Random): Promise<void> {
    const customer = this.#options.plain ? random.pick(ORDINARY) : customerOf(random);
    const held = customer === HELD && this.snapshots.of(HELD).find(({ timestamp }) => this.#holds(timestamp));
    const { timestamp } = held
      ? await this.snapshots.publishAgain(held)
      : await this.snapshots.publish(customer === HELD ? PINNED : customer, random);
    this.#options.note(`published ${customer}@${timestamp}`);
    const live = this.judge.alias(customer)?.timestamp;
    if (live !== undefined && customer !== HELD && customer !== PINNED)
      await this.snapshots.tidy(customer, live);
  }

  #holds(timestamp: number): boolean {
    return this.judge.alias(HELD)?.holds.includes(timestamp) ?? false;
  }

  quiet(): void {
    this.#publishing = false;
  }

  /** A large one, and a small one while that is loading: so that a step has another waiting behind it. */
  async stir(customer: string, random: Random): Promise<void> {
    await this.snapshots.publish(customer, random, 'medium');
    await wait(700);
    await this.snapshots.publish(customer, random, 'small');
  }

  async #startReader(): Promise<void> {
    const part = { ...this.target.reader, customers: this.customers };
    const reader = startProgram(this.#program('reader-program'), [JSON.stringify(part)], {});
    this.#reader = reader;
    await reader.line(/^ready$/);
    const { stdout } = reader.process;
    if (stdout) createInterface({ input: stdout }).on('line', (line) => this.#hear(line));
    void reader.ended().then((code) => {
      if (this.#reader === reader)
        this.judge.fail(1, `the reader ended with ${code}: ${reader.lines.at(-1)}`);
    });
  }

  #hear(line: string): void {
    if (line.startsWith('{"')) this.judge.hear(JSON.parse(line) as Told);
  }

  async #look(): Promise<void> {
    while (this.#looking) {
      this.judge.see(await this.target.look());
      await wait(this.target.scale.lookMs);
    }
  }

  /** Ends the reading, after a last look at what it has to tell. */
  async endReading(): Promise<void> {
    const reader = this.#reader;
    this.#reader = undefined;
    this.#looking = false;
    this.quiet();
    await Promise.all(this.#loops.splice(0));
    await reader?.end('SIGTERM');
  }

  keepLogs(): void {
    for (const actor of this.actors) actor.keepLog();
  }

  async close(): Promise<void> {
    this.#looking = false;
    this.quiet();
    await Promise.all(this.#loops.splice(0)).catch(() => {});
    const reader = this.#reader;
    this.#reader = undefined;
    await reader?.end('SIGKILL');
    for (const actor of this.actors) await actor.stop();
    await this.target.close();
    await this.installation.remove();
  }
}

/** The library that makes a process believe in another time, where it is installed. */
export function findFaketime(): string | undefined {
  const folders = ['/usr/lib', '/usr/local/lib', '/usr/lib64'];
  const below = (folder: string) =>
    existsSync(folder) ? readdirSync(folder).map((name) => join(folder, name)) : [];
  const candidates = [...folders, ...folders.flatMap(below)].map((folder) =>
    join(folder, 'faketime', 'libfaketimeMT.so.1'),
  );
  return candidates.find((path) => existsSync(path));
}
