/**
 * What a process tells of itself beside its beats: its vital signs, one sample a beat, and the states of its breakers, at
 * once when one changes. Both end with their time in Redis, so that nothing is left of a process that is gone.
 */

import { type IntervalHistogram, monitorEventLoopDelay } from 'node:perf_hooks';
import type { Redis } from 'ioredis';
import { z } from 'zod';
import type { BreakerView } from '../../platform/breaker.ts';
import type { Clock } from '../../platform/clock.ts';
import { within } from '../../platform/deadline.ts';
import { messageOf } from '../../platform/errors.ts';
import type { Logger } from '../../platform/log.ts';
import type { Service } from '../../platform/service.ts';
import type { BusyMeter } from '../../queue/busy-meter.ts';
import type { Keys } from '../../queue/keys.ts';
import { ADMINISTRATION, type Breakers } from './breakers.ts';
import { type VitalSample, vitalSample } from './vitals.ts';

export interface PulseOptions {
  /** Name of this process. */
  readonly id: string;
  /** Milliseconds between two samples. */
  readonly everyMs: number;
  readonly meter: BusyMeter;
  readonly breakers: Breakers;
  /** Asks the store something, so that the breaker of its administration closes in a process that has nothing else to ask. */
  readonly probe?: () => Promise<unknown>;
  readonly redis: Redis;
  readonly keys: Keys;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Samples kept of one instance: ten minutes with the shipped settings. */
const SAMPLES = 60;
/** What is not renewed for so many beats is gone. */
const BEATS_KEPT = 12;
/** A stopping process waits no longer than this for Redis. */
const GOODBYE_MS = 2000;
const NANOSECONDS = 1e6;
/** The histogram measures its own timer too, which is late by this much at rest. */
const RESOLUTION_MS = 10;

export class Pulse implements Service {
  readonly #options: PulseOptions;
  #cancel: (() => void) | undefined;
  #delay: IntervalHistogram | undefined;
  #lastAt = 0;
  #told = { ended: 0, failed: 0 };
  #publishing: Promise<void> = Promise.resolve();

  constructor(options: PulseOptions) {
    this.#options = options;
  }

  async start(): Promise<void> {
    if (this.#cancel) return;
    const { clock, everyMs, breakers, meter } = this.#options;
    this.#delay = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
    this.#delay.enable();
    this.#lastAt = clock.now();
    this.#told = meter.pickups;
    const stopTicks = clock.every(everyMs, () => {
      this.#probe();
      return this.#publish(this.#sample());
    });
    const stopListening = breakers.onChange(() => void this.#publish());
    this.#cancel = () => {
      stopTicks();
      stopListening();
    };
    await this.#publish();
  }

  async stop(): Promise<void> {
    if (!this.#cancel) return;
    this.#cancel();
    this.#cancel = undefined;
    this.#delay?.disable();
    const { clock, redis, keys, id } = this.#options;
    const leave = this.#publishing.then(() => redis.del(keys.breakers(id), keys.vitals(id)));
    await within(clock, GOODBYE_MS, leave).catch(() => {});
  }

  #probe(): void {
    const { breakers, probe, log } = this.#options;
    if (breakers.get(ADMINISTRATION).state !== 'half-open') return;
    probe?.().catch((error: unknown) => log.debug({ err: error }, `probe: ${messageOf(error)}`));
  }

  #sample(): VitalSample {
    const { clock, everyMs, meter } = this.#options;
    const at = clock.now();
    const { ended, failed } = meter.pickups;
    const sample = {
      at,
      everyMs,
      lateMs: Math.max(0, at - this.#lastAt - everyMs),
      delayMs: Math.round(Math.max(0, (this.#delay?.max ?? 0) / NANOSECONDS - RESOLUTION_MS)),
      memoryBytes: process.memoryUsage.rss(),
      ended: ended - this.#told.ended,
      failed: failed - this.#told.failed,
    };
    this.#delay?.reset();
    this.#lastAt = at;
    this.#told = { ended, failed };
    return sample;
  }

  /** One after the other, so that an older state never overwrites a newer one. What Redis does not hear, the next makes up for. */
  #publish(sample?: VitalSample): Promise<void> {
    this.#publishing = this.#publishing.then(() => this.#send(sample));
    return this.#publishing;
  }

  async #send(sample: VitalSample | undefined): Promise<void> {
    const { redis, keys, id, breakers, everyMs, log } = this.#options;
    const keptMs = Math.ceil(everyMs * BEATS_KEPT);
    try {
      const transaction = redis
        .multi()
        .set(keys.breakers(id), JSON.stringify(breakers.views()), 'PX', keptMs);
      if (sample) {
        transaction.lpush(keys.vitals(id), JSON.stringify(sample)).ltrim(keys.vitals(id), 0, SAMPLES - 1);
        transaction.pexpire(keys.vitals(id), keptMs);
      }
      await transaction.exec();
    } catch (error) {
      log.debug({ err: error }, `pulse: ${messageOf(error)}`);
    }
  }
}

const breakerView = z.object({
  name: z.string(),
  state: z.enum(['closed', 'open', 'half-open']),
  failures: z.number(),
  opened: z.number(),
  openedAt: z.number().nullable(),
  lastError: z.string().nullable(),
});

/** What one instance told of itself; empty where it told nothing lately. */
export interface InstanceSigns {
  readonly breakers: readonly BreakerView[];
  /** The oldest first. */
  readonly samples: readonly VitalSample[];
}

/** In the order of the ids. What a newer version tells in a way that this one does not understand is left out. */
export async function readSigns(redis: Redis, keys: Keys, ids: readonly string[]): Promise<InstanceSigns[]> {
  const pipeline = redis.pipeline();
  for (const id of ids) pipeline.get(keys.breakers(id)).lrange(keys.vitals(id), 0, SAMPLES - 1);
  const answers = ids.length === 0 ? [] : ((await pipeline.exec()) ?? []);
  return ids.map((_id, index) => {
    const breakers = z.array(breakerView).safeParse(parse(answers[2 * index]?.[1] as string | null));
    const texts = (answers[2 * index + 1]?.[1] ?? []) as string[];
    const samples = texts.flatMap((text) => vitalSample.safeParse(parse(text)).data ?? []);
    return { breakers: breakers.data ?? [], samples: samples.reverse() };
  });
}

function parse(text: string | null | undefined): unknown {
  return typeof text === 'string' ? JSON.parse(text) : undefined;
}
