/** What earlier loads have shown about the first values of an estimate, in Redis, for all processes. */

import type { Redis } from 'ioredis';
import type { Keys } from '../queue/keys.ts';
import { defineScripts, type RunScript } from '../queue/scripts.ts';
import {
  type Factors,
  FIRST_FACTORS,
  LEAST_FACTOR,
  MEASURES,
  type Measure,
  MOST_FACTOR,
  SIZE_CLASSES,
  sizeClass,
} from './estimate.ts';

/** A lesson of another season says nothing about the machines of today. */
const KEPT_MS = 90 * 24 * 3600 * 1000;

interface Lesson {
  readonly factor: number;
  /** Loads that it was learned from. */
  readonly loads: number;
  /** Redis server time in ms of the last one. */
  readonly at: number;
}

export class LearnedFactors {
  readonly #redis: Redis;
  readonly #keys: Keys;
  readonly #script: RunScript;

  constructor(redis: Redis, keys: Keys) {
    this.#redis = redis;
    this.#keys = keys;
    this.#script = defineScripts(redis);
  }

  /**
   * For a store's kind and a content in bytes: by loads of its size, else of the size nearest to it, else 1.
   * @param now milliseconds since 1970
   */
  async read(kind: string, content: number, now: number): Promise<Factors> {
    const lessons = await this.#redis.hgetall(this.#keys.capacity);
    const own = sizeClass(content);
    const factors = { ...FIRST_FACTORS };
    for (const measure of MEASURES) {
      for (const near of nearest(own)) {
        const lesson = parse(lessons[fieldOf(kind, near, measure)]);
        if (!lesson || now - lesson.at > KEPT_MS) continue;
        factors[measure] = lesson.factor;
        break;
      }
    }
    return factors;
  }

  /** Takes in what a load came to; the newest count most, one alone at most half. */
  async learn(kind: string, content: number, observed: Partial<Factors>): Promise<void> {
    const own = sizeClass(content);
    const pairs = MEASURES.flatMap((measure) => {
      const factor = observed[measure];
      return factor === undefined ? [] : [fieldOf(kind, own, measure), factor];
    });
    if (pairs.length === 0) return;
    await this.#script('learn-1', [this.#keys.capacity], [KEPT_MS, LEAST_FACTOR, MOST_FACTOR, ...pairs]);
  }
}

function fieldOf(kind: string, size: number, measure: Measure): string {
  return `${kind}:${size}:${measure}`;
}

/** Size classes from this one outwards. */
function* nearest(own: number): Generator<number> {
  yield own;
  for (let distance = 1; distance < SIZE_CLASSES; distance += 1) {
    yield own - distance;
    yield own + distance;
  }
}

/** What another version wrote, or nobody, is no lesson. */
function parse(text: string | undefined): Lesson | undefined {
  if (text === undefined) return undefined;
  try {
    const { factor, loads, at } = JSON.parse(text) as Partial<Lesson>;
    const usable = Number(factor) >= LEAST_FACTOR && Number(factor) <= MOST_FACTOR && Number.isFinite(at);
    return usable ? { factor: Number(factor), loads: Number(loads), at: Number(at) } : undefined;
  } catch {
    return undefined;
  }
}
