/** The times of the suite's processes, and the sins that they may be started with. */

export interface Times {
  readonly lockMs: number;
  readonly stalledCheckMs: number;
  readonly upkeepMs: number;
}

/** About a tenth of what is shipped: an orphan is back within some five seconds. */
export const SCALED: Times = { lockMs: 4000, stalledCheckMs: 500, upkeepMs: 400 };

/** Of heartbeats, in seconds, for the environment: a frozen process is recovered, first in part and then wholly. */
export const SCALED_RESILIENCE = {
  HEARTBEAT_INTERVAL: '0.5',
  HEARTBEAT_CHECK_INTERVAL: '0.5',
  HEARTBEAT_WARNING_THRESHOLD: '2',
  HEARTBEAT_TIMEOUT: '4',
  EMERGENCY_THRESHOLD: '9',
  RETRY_DELAY_SECONDS: '0.5',
  CIRCUIT_BREAKER_TIMEOUT: '2',
  GRAPHSHIFT_RESILIENCE_WATCHDOG_SECONDS: '10',
} as const;

/** Exit code of a process that asks to be started again: others have what it held. */
export const START_AGAIN = 75;

/** As shipped. */
export const SHIPPED: Times = { lockMs: 30_000, stalledCheckMs: 10_000, upkeepMs: 10_000 };

/** Something that is taken out of the processes, to show that the suite sees its absence. */
export const SINS = {
  fence: 'the checks of the epoch, Redis’s and the store’s',
  sweep: 'the upkeep, which sweeps for heads without jobs',
  switch: 'the one step in which an alias moves: it is dropped and made anew',
} as const;
export type Sin = keyof typeof SINS;

/** What is published for, by what is to hold for them. */
export const ORDINARY = ['amber', 'birch', 'cedar'] as const;
/** Nothing passes, from the beginning on. */
export const PINNED = 'pinned';
/** Was rolled back at the beginning; what it left comes again under newer names and must not pass. */
export const HELD = 'held';
export const CUSTOMERS = [...ORDINARY, PINNED, HELD] as const;
