/** A recorded run of one worker, and how the early warning did on it. */

import { readdirSync, readFileSync } from 'node:fs';
import { type VitalSample, warnEarly } from '@graphshift/core';

export interface Recording {
  readonly name: string;
  /** What was done to it, one line. */
  readonly what: string;
  /** When it failed, by the clock of the samples; null where it did not. */
  readonly failedAt: number | null;
  /** The oldest first. */
  readonly samples: readonly VitalSample[];
}

export interface Verdict {
  readonly name: string;
  readonly what: string;
  readonly beats: number;
  /** `hit`: warned a beat or more before it failed. `false alarm`: warned, and it did not fail. */
  readonly verdict: 'hit' | 'miss' | 'false alarm' | 'quiet';
  /** The signs of the first warning. */
  readonly signs: readonly string[];
  /** Beats between the first warning and the failure. */
  readonly leadBeats: number | null;
}

const RECORDINGS = new URL('./recordings/', import.meta.url);

export function readRecordings(): Recording[] {
  return readdirSync(RECORDINGS)
    .filter((name) => name.endsWith('.json'))
    .sort()
    .map((name) => JSON.parse(readFileSync(new URL(name, RECORDINGS), 'utf8')) as Recording);
}

/** Plays a recording beat by beat, as the others would have seen it. */
export function judgeRecording({ name, what, failedAt, samples }: Recording): Verdict {
  const before = samples.filter(({ at }) => failedAt === null || at < failedAt);
  const index = before.findIndex((_sample, last) => warnEarly(before.slice(0, last + 1)).length > 0);
  const first = before[index];
  const signs = first ? warnEarly(before.slice(0, index + 1)).map(({ sign }) => sign) : [];
  const common = { name, what, beats: samples.length, signs };
  if (failedAt === null) return { ...common, verdict: first ? 'false alarm' : 'quiet', leadBeats: null };
  if (!first) return { ...common, verdict: 'miss', leadBeats: null };
  const leadBeats = Math.round(((failedAt - first.at) / first.everyMs) * 10) / 10;
  return { ...common, verdict: leadBeats >= 1 ? 'hit' : 'miss', leadBeats };
}
