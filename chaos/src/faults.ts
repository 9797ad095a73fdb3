/** The faults, and their choice by chance: the same seed gives the same list of faults. */

import { LOAD_POINTS, type Random } from '@graphshift/testkit';
import { ORDINARY } from './times.ts';

/** How often each is drawn, against the others. */
const WEIGHTS = {
  kill: 26,
  'kill-producer': 10,
  freeze: 8,
  'redis-kill': 7,
  rewind: 4,
  flush: 8,
  cut: 9,
  hold: 9,
  blackhole: 9,
  delay: 8,
  refuse: 8,
  clock: 8,
  faketime: 4,
  full: 6,
  'store-kill': 4,
} as const;

export type FaultKind = keyof typeof WEIGHTS;
export const FAULT_KINDS = Object.keys(WEIGHTS) as readonly FaultKind[];

export const FAULT_MEANINGS: Readonly<Record<FaultKind, string>> = {
  kill: 'SIGKILL of a worker at a step boundary; one in four twice in a row',
  'kill-producer': 'SIGKILL of the producer at a step boundary',
  freeze:
    'SIGSTOP of a worker at a step boundary for longer than every lease while newer snapshots go live, then SIGCONT',
  'redis-kill': 'Redis killed with -9 and started again',
  rewind: 'Redis killed and started again without the last second or more',
  flush: 'FLUSHALL',
  cut: 'a process’s connections to a service ended and refused for a while',
  hold: 'a process’s link stops in one direction or both, and what was sent arrives late',
  blackhole: 'a process’s link loses what is sent in one direction or both',
  delay: 'everything on a process’s link arrives late',
  refuse: 'the store refuses whatever a process asks of it',
  clock: 'a process’s injected clock jumps, and jumps back',
  faketime: 'a worker is killed and started with the system’s clock wrong for all it does',
  full: 'the store’s disk is full',
  'store-kill': 'the store’s server killed with -9 and started again',
};

/** Boundaries that an ordinary deployment passes in a worker. */
export const WORKER_POINTS = [
  ...LOAD_POINTS,
  'claimed',
  'switching',
  'cutover.read',
  'cutover.prepared',
  'cutover.checked',
  'cutover.fired',
  'live',
  'fired',
  'drop prepared',
  'dropped',
  'before enqueue',
  'enqueued',
  ...[
    'queued>gated',
    'gated>loading',
    'loading>verifying',
    'verifying>switching',
    'switching>live',
    'live>replaced',
  ].flatMap((edge) => [`before ${edge}`, `after ${edge}`]),
] as const;

const PRODUCER_POINTS = ['before discover', 'after discover', 'before enqueue', 'enqueued'] as const;

/** Points between the moment at which a cutover is decided and its end. */
const FREEZE_POINTS = [
  'switching',
  'cutover.read',
  'cutover.prepared',
  'cutover.checked',
  'prepared',
  'fired',
  'sealed',
  'proven',
  'unmarked',
  'in nodes',
  'drop prepared',
  'before verifying>switching',
  'after verifying>switching',
  'before switching>live',
  'claimed',
] as const;

export interface Fault {
  readonly kind: FaultKind;
  /** Which of the workers, where one is meant. */
  readonly worker: number;
  /** Whether it hits the producer instead. */
  readonly producer: boolean;
  readonly point: string;
  readonly again: boolean;
  readonly direction: 'in' | 'out' | 'both';
  /** Whether it is the link to the store's server, where there is one, or else that to Redis. */
  readonly storeLink: boolean;
  /** How long it lasts, where it lasts. */
  readonly forMs: number;
  readonly clockMs: number;
  readonly customer: string;
}

export interface Choice {
  readonly kinds: readonly FaultKind[];
  /** Points of kills and freezes; undefined for all. */
  readonly points?: readonly string[] | undefined;
  readonly workers: number;
}

/** The next fault. Always draws as many numbers, so that one choice moves no other. */
export function drawFault(random: Random, { kinds, points, workers }: Choice): Fault {
  const kind = drawKind(random, kinds);
  const fault = {
    worker: random.whole(0, workers - 1),
    producer: random.next() < 0.2,
    point: random.pick(points ?? pointsOf(kind)),
    again: random.next() < 0.25,
    direction: random.pick(['in', 'out', 'both'] as const),
    forMs: random.whole(300, 5000),
    clockMs: random.pick([-30_000, -5000, 5000, 30_000] as const),
    customer: random.pick(ORDINARY),
    storeLink: random.next() < 0.5,
  };
  return { kind, ...fault };
}

function pointsOf(kind: FaultKind): readonly string[] {
  if (kind === 'kill-producer') return PRODUCER_POINTS;
  return kind === 'freeze' ? FREEZE_POINTS : WORKER_POINTS;
}

function drawKind(random: Random, kinds: readonly FaultKind[]): FaultKind {
  const total = kinds.reduce((sum, kind) => sum + WEIGHTS[kind], 0);
  let left = random.next() * total;
  for (const kind of kinds) {
    left -= WEIGHTS[kind];
    if (left < 0) return kind;
  }
  return kinds[kinds.length - 1] ?? 'kill';
}
