/** The health of the system as a number from 0 to 100, the sum of its parts. It tells how far it is; the level, what it is. */

import { expected, type HealthPicture, livingWorkers } from './picture.ts';
import type { HealthTimes } from './rules.ts';

export interface ScorePart {
  readonly name: string;
  /** 0 to `most`. */
  readonly points: number;
  readonly most: number;
}

export interface HealthScore {
  /** 0 to 100. */
  readonly score: number;
  readonly parts: readonly ScorePart[];
}

interface PartRule {
  readonly name: string;
  readonly most: number;
  /** For the document. */
  readonly how: string;
  /** 0 to 1. */
  readonly share: (picture: HealthPicture, times: HealthTimes) => number;
}

/** Of that many dead letters or failed recoveries each halves what is left. */
const HALVED_BY_DEAD = 5;

const CONDITION_SHARES = { alive: 1, warning: 0.5, failed: 0, emergency: 0, recovered: 1 } as const;
const STATE_SHARES = { closed: 1, 'half-open': 0.5, open: 0 } as const;

export const SCORE_PARTS: readonly PartRule[] = [
  {
    name: 'redis',
    most: 20,
    how: 'all while Redis answers',
    share: ({ redisProblem }) => (redisProblem === undefined ? 1 : 0),
  },
  {
    name: 'store',
    most: 20,
    how: 'all while the graph store answers, half while the gate is closed',
    share: ({ storeProblem, gateClosed }) => {
      if (storeProblem !== undefined) return 0;
      return gateClosed === undefined ? 1 : 0.5;
    },
  },
  {
    name: 'instances',
    most: 20,
    how: 'the mean over the instances: alive 1, warning 0.5, failed and emergency 0; none without a worker while work waits',
    share: (picture) => {
      if (picture.redisProblem !== undefined) return 0;
      if (picture.pending > 0 && livingWorkers(picture).length === 0) return 0;
      return mean(expected(picture).map(({ condition }) => CONDITION_SHARES[condition]));
    },
  },
  {
    name: 'breakers',
    most: 10,
    how: 'the mean over the breakers: closed 1, half-open 0.5, open 0',
    share: (picture) =>
      picture.redisProblem === undefined ? mean(picture.breakers.map(({ state }) => STATE_SHARES[state])) : 0,
  },
  {
    name: 'queue',
    most: 10,
    how: 'all while nothing waits, none when something has waited for 15 minutes',
    share: ({ redisProblem, oldestWaitMs }, { longWaitMs }) =>
      redisProblem === undefined ? Math.max(0, 1 - oldestWaitMs / longWaitMs) : 0,
  },
  {
    name: 'dead letters',
    most: 10,
    how: 'halved by every five dead letters',
    share: ({ redisProblem, deadLetters }) =>
      redisProblem === undefined ? 0.5 ** (deadLetters / HALVED_BY_DEAD) : 0,
  },
  {
    name: 'recovery',
    most: 10,
    how: 'halved by every instance whose newest recovery failed within the last hour; none while an emergency is raised',
    share: ({ redisProblem, emergencies, recoveriesFailed }) =>
      redisProblem === undefined && emergencies.length === 0 ? 0.5 ** recoveriesFailed : 0,
  },
];

export function scoreHealth(picture: HealthPicture, times: HealthTimes): HealthScore {
  const parts = SCORE_PARTS.map(({ name, most, share }) => ({
    name,
    points: Math.round(share(picture, times) * most * 10) / 10,
    most,
  }));
  const score = Math.round(parts.reduce((sum, { points }) => sum + points, 0));
  return { score, parts };
}

function mean(values: readonly number[]): number {
  return values.length === 0 ? 1 : values.reduce((sum, value) => sum + value, 0) / values.length;
}
