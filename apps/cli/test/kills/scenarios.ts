/**
 * For each edge of the table of transitions, how a deployment comes to it, and where the deployment ends when the process
 * that took it along the edge was killed right before and right after. Each has a customer of its own.
 */

import type { State } from '@graphshift/core';
import type { Edge, Point } from '@graphshift/testkit';
import type { Act, DeploymentPlan, Detours } from './plan.ts';

/** Unix times of a customer's snapshots; the first two may be live before. */
export const [OLDER, FIRST, SECOND, SUBJECT, NEWER] = [
  1_700_000_000, 1_700_000_100, 1_700_000_200, 1_700_000_300, 1_700_000_400,
] as const;

export interface Scenario {
  /** The snapshot whose deployment goes along the edge. @default SUBJECT */
  readonly subject?: number;
  /** How many snapshots went live before: FIRST, SECOND. @default 0 */
  readonly live?: 0 | 1 | 2;
  /** What the process that prepares does, and the state of the subject in which it is killed. */
  readonly prepared?: { readonly detours: Detours; readonly state: State };
  /** What is done in order before the processes that are killed start. @default the subject is recorded and enqueued */
  readonly before?: readonly Arrangement[];
  /** On the way to the edge. */
  readonly detours?: Detours;
  /** What another does to the customer, by a producer or a person. */
  readonly acts?: readonly Act[];
  /** Whose step carries the subject along, where it is not its own. */
  readonly carrier?: { readonly timestamp: number; readonly step: Edge | 'discover' };
  /** What keeps the newer snapshot from going on. */
  readonly newer?: Detours;
  /** Also the upkeep takes this step, and stands still with it: such run by themselves. */
  readonly upkeep?: boolean;
  /** Another snapshot's content, where the subject is to have it. */
  readonly contentOf?: number;
  /** No code takes the edge yet: the test takes it where the next step would be. */
  readonly forced?: boolean;
  readonly end: State;
  /** Where it ends when the process was killed before the edge, if that leads it another way. */
  readonly endBefore?: State;
}

export type Arrangement =
  | { readonly discover: number; readonly order?: 'latest-only'; readonly broken?: boolean }
  | { readonly cancel: number }
  | { readonly rollback: true }
  /** Its record is lost, as with Redis's last second. */
  | { readonly lose: number };

const SELF = { discover: SUBJECT } as const;

const IDLE = { queued: {}, waiting: { queued: 'waiting' }, retrying: { queued: 'retrying' } } as const;
const stay = (state: State): Detours => ({ [state]: 'stay' });
const when = (state: State) => ({ when: [SUBJECT, state] as const });

/** A newer snapshot is recorded while the subject stands in this state. */
function overtaken(from: State, to: State, order?: 'latest-only'): Scenario {
  return {
    detours: { ...lead(from), ...stay(from) },
    acts: [{ act: 'discover', timestamp: NEWER, ...(order && { order }), ...when(from) }],
    carrier: { timestamp: NEWER, step: 'discover' },
    newer: stay('queued'),
    end: to === 'discovered' ? 'superseded' : to,
  };
}

function cancelled(from: State): Scenario {
  return {
    detours: { ...lead(from), ...stay(from) },
    acts: [{ act: 'cancel', timestamp: SUBJECT, ...when(from) }],
    end: 'cancelled',
  };
}

function lead(from: State): Detours {
  return from === 'waiting' || from === 'retrying' ? IDLE[from] : {};
}

/** Where a worker leads a deployment that it holds, by the error that comes up in this state. */
function failing(from: State, to: State, end: State = 'live'): Scenario {
  return { detours: { ...lead(from), [from]: to }, end };
}

function idle(from: 'queued' | 'waiting' | 'retrying'): Record<string, Scenario> {
  const back: Detours = from === 'queued' ? { verifying: 'queued' } : { switching: from };
  return {
    [`${from}>discovered`]: overtaken(from, 'discovered'),
    [`${from}>gated`]: { detours: IDLE[from], end: 'live' },
    // Complete already: a worker had to leave it just before its cutover.
    [`${from}>switching`]: { detours: back, end: 'live' },
    [`${from}>live`]: {
      live: 1,
      subject: FIRST,
      before: [{ lose: FIRST }, { discover: FIRST }],
      detours: { ...IDLE[from], [from]: 'live' },
      forced: true,
      end: 'live',
    },
    ...(from !== 'queued' && { [`${from}>waiting`]: failing(from, 'waiting') }),
    ...(from !== 'queued' && { [`${from}>retrying`]: failing(from, 'retrying') }),
    ...(from === 'queued' && {
      'queued>waiting': failing(from, 'waiting'),
      'queued>retrying': failing(from, 'retrying'),
    }),
    [`${from}>dead`]: failing(from, 'dead', 'dead'),
    [`${from}>skipped`]: failing(from, 'skipped', 'skipped'),
    [`${from}>superseded`]: overtaken(from, 'superseded', 'latest-only'),
    [`${from}>cancelled`]: cancelled(from),
  };
}

/** What may happen to a deployment in a worker's hands before its point of no return. */
function held(from: 'gated' | 'loading' | 'verifying'): Record<string, Scenario> {
  return {
    [`${from}>queued`]: failing(from, 'queued'),
    [`${from}>waiting`]: failing(from, 'waiting'),
    [`${from}>retrying`]: failing(from, 'retrying'),
    [`${from}>dead`]: failing(from, 'dead', 'dead'),
    [`${from}>skipped`]: failing(from, 'skipped', 'skipped'),
    [`${from}>superseded`]: overtaken(from, 'superseded', 'latest-only'),
    [`${from}>cancelled`]: cancelled(from),
  };
}

const behindNewer = {
  before: [{ discover: NEWER }, SELF],
  carrier: { timestamp: NEWER, step: 'switching>live' },
} as const satisfies Partial<Scenario>;

const revived = (before: readonly Arrangement[], end: State = 'live'): Scenario => ({
  before,
  acts: [{ act: 'retry', timestamp: SUBJECT }],
  end,
});

export const SCENARIOS: Readonly<Record<string, Scenario>> = {
  'discovered>queued': {
    before: [],
    acts: [{ act: 'discover', timestamp: SUBJECT }],
    carrier: { timestamp: SUBJECT, step: 'discover' },
    end: 'live',
  },
  'discovered>skipped': {
    live: 1,
    subject: OLDER,
    before: [],
    acts: [{ act: 'discover', timestamp: OLDER }],
    carrier: { timestamp: OLDER, step: 'discover' },
    end: 'skipped',
  },
  'discovered>superseded': { ...behindNewer, end: 'superseded' },
  'discovered>cancelled': {
    before: behindNewer.before,
    acts: [{ act: 'cancel', timestamp: SUBJECT }],
    newer: stay('queued'),
    end: 'cancelled',
  },
  'discovered>dead': {
    before: [],
    acts: [{ act: 'discover', timestamp: SUBJECT, broken: true }],
    carrier: { timestamp: SUBJECT, step: 'discover' },
    end: 'dead',
  },
  ...idle('queued'),
  ...idle('waiting'),
  ...idle('retrying'),
  'gated>loading': { end: 'live' },
  ...held('gated'),
  'loading>verifying': { end: 'live' },
  'loading>quarantined': { ...failing('loading', 'quarantined', 'quarantined'), forced: true },
  ...held('loading'),
  'verifying>switching': { end: 'live' },
  'verifying>loading': { ...failing('verifying', 'loading'), forced: true },
  'verifying>quarantined': { ...failing('verifying', 'quarantined', 'quarantined'), forced: true },
  ...held('verifying'),
  'switching>live': { end: 'live' },
  'switching>waiting': failing('switching', 'waiting'),
  'switching>retrying': failing('switching', 'retrying'),
  'switching>dead': failing('switching', 'dead', 'dead'),
  // A rollback came between its load and its cutover, and holds the content that it has, too.
  'switching>superseded': {
    live: 2,
    contentOf: SECOND,
    prepared: { detours: stay('switching'), state: 'switching' },
    before: [{ rollback: true }],
    end: 'superseded',
    // Its database was dropped first, so it is loaded again, and the load finds that the content is held.
    endBefore: 'skipped',
  },
  'live>replaced': {
    live: 1,
    subject: FIRST,
    before: [{ discover: NEWER }],
    carrier: { timestamp: NEWER, step: 'switching>live' },
    end: 'replaced',
  },
  'live>rolled-back': {
    live: 2,
    subject: SECOND,
    before: [],
    acts: [{ act: 'rollback', timestamp: SECOND }],
    upkeep: true,
    end: 'rolled-back',
  },
  'replaced>live': {
    live: 2,
    subject: FIRST,
    before: [],
    acts: [{ act: 'rollback', timestamp: SECOND }],
    upkeep: true,
    end: 'live',
  },
  'replaced>retired': {
    live: 2,
    subject: FIRST,
    before: [{ discover: NEWER }],
    upkeep: true,
    end: 'retired',
  },
  'dead>discovered': revived([{ discover: SUBJECT, broken: true }]),
  'dead>cancelled': {
    before: [{ discover: SUBJECT, broken: true }],
    acts: [{ act: 'discard', timestamp: SUBJECT }],
    end: 'cancelled',
  },
  'quarantined>discovered': {
    ...revived([]),
    prepared: { detours: { loading: 'quarantined' }, state: 'quarantined' },
  },
  'quarantined>cancelled': {
    prepared: { detours: { loading: 'quarantined' }, state: 'quarantined' },
    before: [],
    acts: [{ act: 'discard', timestamp: SUBJECT }],
    end: 'cancelled',
  },
  'skipped>discovered': { ...revived([]), prepared: { detours: { queued: 'skipped' }, state: 'skipped' } },
  'superseded>discovered': {
    ...revived([SELF, { discover: NEWER, order: 'latest-only' }], 'superseded'),
    newer: stay('queued'),
  },
  'cancelled>discovered': revived([SELF, { cancel: SUBJECT }]),
  'rolled-back>discovered': {
    live: 2,
    subject: SECOND,
    before: [{ rollback: true }],
    acts: [{ act: 'retry', timestamp: SECOND }],
    end: 'live',
  },
};

/** The ways to a point between two steps, each killed there. */
export function pointScenario(point: Point): Scenario {
  if (point === 'drop prepared' || point === 'dropped')
    return { live: 2, subject: FIRST, before: [{ discover: NEWER }], upkeep: true, end: 'retired' };
  if (point === 'before letter' || point === 'letter')
    return { detours: { loading: 'dead' }, upkeep: true, end: 'dead' };
  if (point === 'before enqueue' || point === 'enqueued')
    return { before: [], acts: [{ act: 'discover', timestamp: SUBJECT }], upkeep: true, end: 'live' };
  return { end: 'live' };
}

/** A person retries the letter in Bull Board, and the worker that starts the deployment over is killed. */
export const BOARD: Scenario = {
  before: [{ discover: SUBJECT, broken: true }],
  acts: [{ act: 'board-retry', timestamp: SUBJECT }],
  end: 'live',
};

export const DEFAULT_BEFORE: readonly Arrangement[] = [SELF];

/** What the processes to be killed are told of the scenario's deployments, by id. */
export function plansOf(customer: string, scenario: Scenario, point?: Point): Record<string, DeploymentPlan> {
  const { subject = SUBJECT, carrier, detours, newer, acts } = scenario;
  const idOf = (timestamp: number) => `${customer}@${timestamp}`;
  const plans: Record<string, DeploymentPlan> = {};
  const add = (timestamp: number, plan: DeploymentPlan) => {
    plans[idOf(timestamp)] = { ...plans[idOf(timestamp)], ...plan };
  };
  if (detours) add(subject, { detours });
  if (newer) add(NEWER, { detours: newer });
  add(carrier?.timestamp ?? subject, { ...(point && { point }), ...(acts && { acts }) });
  return plans;
}

/** Where the process is killed that takes the edge. */
export function killPoint(edge: Edge, { carrier }: Scenario, side: 'before' | 'after'): Point {
  return `${side} ${carrier?.step ?? edge}`;
}
