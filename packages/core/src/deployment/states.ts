/**
 * The life of a deployment as one table. `DeploymentStore.transition` is the only code that moves a record along
 * it; docs/lifecycle.md draws it, and a test holds the drawing against this table.
 */

export const STATES = [
  'discovered',
  'queued',
  'waiting',
  'retrying',
  'gated',
  'loading',
  'verifying',
  'switching',
  'live',
  'replaced',
  'retired',
  'dead',
  'quarantined',
  'skipped',
  'superseded',
  'cancelled',
  'rolled-back',
] as const;

export type State = (typeof STATES)[number];

/**
 * From each state, the states that may follow.
 *
 * - `discovered` waits in its customer's backlog; `queued` is the head and has a job.
 * - `waiting` (gate or breaker closed) and `retrying` keep the head; the job is delayed.
 * - A head that no worker is busy with goes back to `discovered` when another goes first.
 * - `gated` → `queued` and the like give work back without an attempt, when a worker stops.
 * - `switching` is the point of no return: what is overtaken there is `superseded`, never `cancelled`.
 * - A redrive leads from an end state that a person may revive back to `discovered`, with a new run.
 */
export const TRANSITIONS: Readonly<Record<State, readonly State[]>> = {
  discovered: ['queued', 'skipped', 'superseded', 'cancelled', 'dead'],
  queued: [
    'discovered',
    'gated',
    'switching',
    'live',
    'waiting',
    'retrying',
    'dead',
    'skipped',
    'superseded',
    'cancelled',
  ],
  waiting: [
    'discovered',
    'gated',
    'switching',
    'live',
    'waiting',
    'retrying',
    'dead',
    'skipped',
    'superseded',
    'cancelled',
  ],
  retrying: [
    'discovered',
    'gated',
    'switching',
    'live',
    'waiting',
    'retrying',
    'dead',
    'skipped',
    'superseded',
    'cancelled',
  ],
  gated: ['loading', 'queued', 'waiting', 'retrying', 'dead', 'skipped', 'superseded', 'cancelled'],
  loading: [
    'verifying',
    'queued',
    'waiting',
    'retrying',
    'dead',
    'quarantined',
    'skipped',
    'superseded',
    'cancelled',
  ],
  verifying: [
    'switching',
    'loading',
    'queued',
    'waiting',
    'retrying',
    'dead',
    'quarantined',
    'skipped',
    'superseded',
    'cancelled',
  ],
  switching: ['live', 'waiting', 'retrying', 'dead', 'superseded'],
  live: ['replaced', 'rolled-back'],
  replaced: ['live', 'retired'],
  retired: [],
  dead: ['discovered', 'cancelled'],
  quarantined: ['discovered', 'cancelled'],
  skipped: ['discovered'],
  superseded: ['discovered'],
  cancelled: ['discovered'],
  'rolled-back': ['discovered'],
};

/** A deployment in one of these is over, until a person revives it or the next cutover replaces it. */
export const END_STATES = [
  'live',
  'replaced',
  'retired',
  'dead',
  'quarantined',
  'skipped',
  'superseded',
  'cancelled',
  'rolled-back',
] as const satisfies readonly State[];

/** A worker holds the deployment: losing the worker in one of these counts as a crash. */
export const ACTIVE_STATES = [
  'gated',
  'loading',
  'verifying',
  'switching',
] as const satisfies readonly State[];

/** No worker holds the deployment, and it waits to be taken up. */
export const IDLE_STATES = ['queued', 'waiting', 'retrying'] as const satisfies readonly State[];

/** The deployment is its customer's head and must have a job. */
export const HEAD_STATES = [...IDLE_STATES, ...ACTIVE_STATES] as const satisfies readonly State[];

/** A person may start these over. */
export const REVIVABLE_STATES = END_STATES.filter((state) => TRANSITIONS[state].includes('discovered'));

/** A person may cancel these; from `switching` on it is too late. */
export const CANCELLABLE_STATES = STATES.filter(
  (state) => !(END_STATES as readonly State[]).includes(state) && TRANSITIONS[state].includes('cancelled'),
);

/** Nothing that readers, rollbacks or people still ask for hangs on a deployment in one of these. */
export const FORGETTABLE_STATES = [
  'retired',
  'skipped',
  'superseded',
  'cancelled',
  'rolled-back',
] as const satisfies readonly State[];

export function isEndState(state: State): boolean {
  return (END_STATES as readonly State[]).includes(state);
}

export function isActiveState(state: State): boolean {
  return (ACTIVE_STATES as readonly State[]).includes(state);
}
