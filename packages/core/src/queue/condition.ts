/** What the silence of an instance makes of it. */

import type { Settings } from '../config/settings.ts';

/** What monitors or a person have written down, each worse than the one before; `recovered` ends it. */
export const MARKS = ['warning', 'failed', 'emergency', 'recovered'] as const;
export type Mark = (typeof MARKS)[number];

/**
 * `alive`: it beats. `warning`: late. `failed`: so late, or fenced by a person, that it gets no new work and what it holds
 * is taken from it. `emergency`: so late that it gets the whole procedure. `recovered`: it got it; nothing is left to do.
 */
export const CONDITIONS = ['alive', ...MARKS] as const;
export type Condition = (typeof CONDITIONS)[number];

/** Milliseconds without a beat. */
export interface HeartbeatTimes {
  readonly warningMs: number;
  readonly timeoutMs: number;
  readonly emergencyMs: number;
}

export const DEFAULT_TIMES: HeartbeatTimes = { warningMs: 120_000, timeoutMs: 300_000, emergencyMs: 600_000 };

export function heartbeatTimes({ resilience }: Pick<Settings, 'resilience'>): HeartbeatTimes {
  const { heartbeat_warning_threshold, heartbeat_timeout, emergency_threshold } = resilience;
  return {
    warningMs: heartbeat_warning_threshold * 1000,
    timeoutMs: heartbeat_timeout * 1000,
    emergencyMs: emergency_threshold * 1000,
  };
}

export interface Judged {
  readonly silentMs: number;
  readonly mark?: Mark | undefined;
  readonly fencedAt?: number | undefined;
}

export function conditionOf({ silentMs, mark, fencedAt }: Judged, times: HeartbeatTimes): Condition {
  if (mark === 'recovered') return 'recovered';
  if (silentMs >= times.emergencyMs) return 'emergency';
  if (silentMs >= times.timeoutMs || fencedAt !== undefined) return 'failed';
  return silentMs >= times.warningMs ? 'warning' : 'alive';
}
