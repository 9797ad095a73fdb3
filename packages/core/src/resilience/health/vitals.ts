/**
 * The early warning: whether what an instance says of itself looks like what others said before they failed. It judges
 * samples, one a beat; docs/resilience.md shows how often it was right on recorded runs.
 */

import { z } from 'zod';

export const vitalSample = z.object({
  /** Milliseconds since 1970, by the clock of its process. */
  at: z.number(),
  /** How long after the sample before it should have come. */
  everyMs: z.number(),
  /** How much later it came. */
  lateMs: z.number(),
  /** The longest that the event loop was late since the sample before. */
  delayMs: z.number(),
  /** Resident memory of the process. */
  memoryBytes: z.number(),
  /** Pickups that ended since the sample before, and those among them that cost an attempt. */
  ended: z.number(),
  failed: z.number(),
});

export type VitalSample = z.infer<typeof vitalSample>;

export const SIGNS = ['beat jitter', 'event-loop delay', 'error rate'] as const;
export type Sign = (typeof SIGNS)[number];

export interface EarlyWarning {
  readonly sign: Sign;
  /** One line with the figures. */
  readonly message: string;
}

/** Samples that are judged: the newest. */
export const WINDOW = 6;
/** Samples that must show a sign; one alone is a burst of the machine. */
const REPEATED = 2;
/** A beat that comes later than this share of its interval is a sign… */
const LATE_SHARE = 0.25;
/** …and so is an event loop that was late by as much. */
const DELAY_SHARE = 0.25;
/** Half of what ended has failed… */
const FAILED_SHARE = 0.5;
/** …and this many at least. */
const LEAST_FAILED = 3;

/** @param samples of one instance, the oldest first */
export function warnEarly(samples: readonly VitalSample[]): EarlyWarning[] {
  const window = samples.slice(-WINDOW);
  const warnings: EarlyWarning[] = [];
  const late = window.filter(({ lateMs, everyMs }) => lateMs > everyMs * LATE_SHARE);
  if (late.length >= REPEATED)
    warnings.push({
      sign: 'beat jitter',
      message: `${late.length} of its newest ${window.length} beats came late, one by ${seconds(Math.max(...late.map(({ lateMs }) => lateMs)))}`,
    });
  const slow = window.filter(({ delayMs, everyMs }) => delayMs > everyMs * DELAY_SHARE);
  if (slow.length >= REPEATED)
    warnings.push({
      sign: 'event-loop delay',
      message: `its event loop was late in ${slow.length} of its newest ${window.length} beats, once by ${seconds(Math.max(...slow.map(({ delayMs }) => delayMs)))}`,
    });
  const [ended, failed] = [
    sum(window.map((sample) => sample.ended)),
    sum(window.map((sample) => sample.failed)),
  ];
  if (failed >= LEAST_FAILED && failed >= ended * FAILED_SHARE)
    warnings.push({
      sign: 'error rate',
      message: `${failed} of ${ended} pickups in its newest ${window.length} beats failed`,
    });
  return warnings;
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(ms < 1000 ? 2 : 1)} s`;
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
