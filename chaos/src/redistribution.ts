/**
 * From a worker's death to the moment another one holds its deployment, with the times as shipped: workers that hold one
 * deployment each are killed with -9 at any moment of their locks, many of them alive at once. Told by the audit stream
 * alone: its entries carry Redis's time, and the suite and Redis have one clock.
 */

import { setTimeout as wait } from 'node:timers/promises';
import type { Backend } from '@graphshift/core';
import {
  type Installation,
  makeInstallation,
  type Program,
  randomOf,
  startProgram,
} from '@graphshift/testkit';
import { Redis } from 'ioredis';
import type { Part } from './actor-program.ts';
import { SHIPPED, type Times } from './times.ts';

export interface RedistributionOptions {
  readonly kills: number;
  /** Workers that hold a deployment and wait to be killed, at a time. */
  readonly atOnce: number;
  /** The program `actor-program`, from its source or built. */
  readonly program: URL;
  readonly times?: Times;
  readonly seed?: number;
  readonly say: (line: string) => void;
  readonly signal?: AbortSignal;
}

export interface Redistribution {
  /** One for each kill, in milliseconds, shortest first. */
  readonly tookMs: readonly number[];
  /** Kills whose deployment nobody took up in time. */
  readonly lost: readonly string[];
  readonly seconds: number;
}

const PATIENCE_MS = 240_000;
/** How often, and after how long, a worker that holds nothing yet is given something more. */
const FEEDS = 60;
const FEED_MS = 2000;
const STARTS_AT_ONCE = 3;
/** Between two looks at the audit stream. */
const FOLLOW_MS = 100;

/** @returns the value below which so many percent are; the largest for 100 */
export function percentile(sorted: readonly number[], percent: number): number {
  const index = Math.max(0, Math.ceil((sorted.length * percent) / 100) - 1);
  return sorted[index] ?? Number.NaN;
}

export async function measureRedistribution(options: RedistributionOptions): Promise<Redistribution> {
  const installation = await makeInstallation();
  const measurement = new Measurement(options, installation);
  try {
    return await measurement.run();
  } finally {
    await measurement.end();
    await installation.remove();
  }
}

interface Claim {
  readonly deployment: string;
  readonly pid: number;
  readonly at: number;
}

class Measurement {
  readonly #options: RedistributionOptions;
  readonly #installation: Installation;
  readonly #times: Times;
  readonly #random;
  readonly #programs = new Set<Program>();
  readonly #claims: Claim[] = [];
  readonly #took: number[] = [];
  readonly #lost: string[] = [];
  readonly #waits: Promise<void>[] = [];
  #redis: Redis | undefined;
  #last = '0-0';
  #started = 0;
  #customers = 0;
  #starting = 0;
  #ended = false;

  constructor(options: RedistributionOptions, installation: Installation) {
    this.#options = options;
    this.#installation = installation;
    this.#times = options.times ?? SHIPPED;
    this.#random = randomOf(options.seed ?? 1);
  }

  async run(): Promise<Redistribution> {
    const { atOnce, kills } = this.#options;
    const beganAt = Date.now();
    const backend = await this.#installation.open();
    this.#redis = new Redis(this.#installation.redis.url);
    const following = this.#follow(this.#redis);
    await this.#start('survivor', 'skip');
    const slots = Array.from({ length: Math.min(atOnce, kills) }, () => this.#slot(backend));
    await Promise.all(slots);
    await Promise.all(this.#waits);
    this.#ended = true;
    await following;
    const tookMs = [...this.#took].sort((a, b) => a - b);
    return { tookMs, lost: this.#lost, seconds: Math.round((Date.now() - beganAt) / 1000) };
  }

  async end(): Promise<void> {
    this.#ended = true;
    this.#redis?.disconnect();
    for (const program of this.#programs) await program.end('SIGKILL');
  }

  /** Claims in the audit stream, as they come. */
  async #follow(redis: Redis): Promise<void> {
    while (!this.#ended) {
      const entries = await redis.xrange('{graphshift}:audit', `(${this.#last}`, '+');
      for (const [id, fields] of entries) {
        this.#last = id;
        const field = (name: string) => fields[fields.indexOf(name) + 1] ?? '';
        if (!field('detail').startsWith('claimed')) continue;
        // A holder is named host-pid-nonce.
        const pid = Number(field('holder').split('-').at(-2));
        this.#claims.push({ deployment: field('deployment'), pid, at: Number(id.split('-')[0]) });
      }
      await wait(FOLLOW_MS);
    }
  }

  /** One worker after the other: it takes a deployment, holds it for a while, and is killed. */
  async #slot(backend: Backend): Promise<void> {
    const { kills, say, signal } = this.#options;
    while (this.#started < kills && !signal?.aborted) {
      const number = ++this.#started;
      const victim = await this.#start(`victim-${number}`, 'hold');
      await this.#feed(backend, victim);
      const pid = victim.process.pid ?? 0;
      await wait(FOLLOW_MS * 3 + this.#random.whole(0, this.#times.lockMs / 2));
      const held = this.#claims.filter((claim) => claim.pid === pid).at(-1);
      if (!held) throw new Error(`worker ${pid} holds something, and the audit stream knows nothing of it`);
      const killedAt = Date.now();
      await victim.end('SIGKILL');
      this.#programs.delete(victim);
      this.#waits.push(this.#await(held, killedAt));
      if (number % 20 === 0) say(`${number} killed, ${this.#took.length} taken up`);
    }
  }

  /** Others take what is meant for it as gladly, so there is more until it has something. */
  async #feed({ deployments, wakeUps }: Backend, victim: Program): Promise<void> {
    const holds = () => victim.lines.includes('holds');
    for (let tries = 0; tries < FEEDS && !holds(); tries++) {
      // A customer's name does not end in digits.
      const customer = `customer-${++this.#customers}-x`;
      const path = `${this.#installation.data}/${customer}/1700000000`;
      const { head } = await deployments.discover({ customer, timestamp: 1_700_000_000, path });
      await wakeUps.ensureHead(deployments, head);
      for (let waited = 0; waited < FEED_MS && !holds(); waited += 100) await wait(100);
    }
    await victim.line(/^holds$/);
  }

  async #await({ deployment, pid }: Claim, killedAt: number): Promise<void> {
    const next = () =>
      this.#claims.find(
        (claim) => claim.deployment === deployment && claim.pid !== pid && claim.at > killedAt,
      );
    const deadline = Date.now() + PATIENCE_MS;
    while (!next() && Date.now() < deadline) await wait(100);
    const claim = next();
    if (claim) this.#took.push(claim.at - killedAt);
    else this.#lost.push(deployment);
  }

  async #start(name: string, loads: 'hold' | 'skip'): Promise<Program> {
    const { directory, environment } = this.#installation;
    const part: Part = { name, role: 'worker', orders: directory, times: this.#times, loads };
    await this.#turn();
    const program = startProgram(this.#options.program, [JSON.stringify(part)], {
      ...environment,
      GRAPHSHIFT_ORCHESTRATOR_NUM_WORKERS: loads === 'hold' ? '1' : '16',
      GRAPHSHIFT_ORCHESTRATOR_MAX_DATABASES: '5000',
      GRAPHSHIFT_ORCHESTRATOR_MAX_CRASHES: '1000',
      GRAPHSHIFT_LOG_FILES: 'false',
    });
    this.#programs.add(program);
    this.#starting++;
    await program.line(/^ready$/).finally(() => this.#starting--);
    return program;
  }

  /** A start is what costs most here. */
  async #turn(): Promise<void> {
    while (this.#starting >= STARTS_AT_ONCE) await wait(50);
  }
}
