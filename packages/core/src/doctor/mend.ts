/**
 * `doctor --repair`: mends what the doctor found, one finding at a time, by the fenced ways alone, and leaves to a person
 * what it cannot judge. It trusts no finding: every repair looks again before it changes anything.
 */

import { AliasDesk } from '../cutover/alias-desk.ts';
import { FencedChanges } from '../cutover/fenced-changes.ts';
import { messageOf } from '../platform/errors.ts';
import { Mending } from '../queue/mending.ts';
import { Retention } from '../retention/retention.ts';
import type { Backend } from '../runtime/backend.ts';
import type { Finding } from './finding.ts';
import { mendProperties, mendTarget, wasOvertaken } from './repairs/aliases.ts';
import { mendGone, mendKept, mendLeftover } from './repairs/databases.ts';
import { mendEpoch } from './repairs/epochs.ts';
import { mendHead } from './repairs/heads.ts';
import { mendJob, mendStrayJob } from './repairs/jobs.ts';
import { mendLetter } from './repairs/letters.ts';
import { mendLists } from './repairs/lists.ts';
import { mendHeld, mendLive } from './repairs/records.ts';
import { type Bench, left, type Outcome, type Repair } from './repairs/repair.ts';
import { mendRoom } from './repairs/rooms.ts';
import { mendUnrecorded } from './repairs/snapshots.ts';

/** By the rule that found it; in the order in which they are done. A rule that is not here is left to a person. */
export const REPAIRS: Readonly<Record<string, Repair>> = {
  // Everything else asks the lists.
  'record-index': mendLists,
  'alias-target': mendTarget,
  'alias-properties': mendProperties,
  'live-record': mendLive,
  holds: mendHeld,
  'snapshot-record': mendUnrecorded,
  head: mendHead,
  'head-job': mendJob,
  'epoch-behind': mendEpoch,
  'half-loaded': mendLeftover,
  'load-mark': mendLeftover,
  'database-left': mendLeftover,
  'retention-late': mendKept,
  'retention-kept': mendGone,
  'job-record': mendStrayJob,
  'dead-letter': mendLetter,
  reservation: mendRoom,
};

/** What came of one finding. */
export interface Repaired extends Pick<Finding, 'rule' | 'customer' | 'subject' | 'what'> {
  readonly outcome: Outcome['kind'];
  /** What was done, or why nothing was. */
  readonly did: string;
  /** What a person does about what was not mended; null where nothing is left to do. */
  readonly action: string | null;
}

export interface MendOptions {
  /** Who asks, for the audit stream. */
  readonly by: string;
}

/**
 * Mends what `examine` found. Can be done twice, by two at once, and while workers run.
 * @returns one line of account for each finding, in the order in which they were mended
 */
export async function mend(
  backend: Backend,
  findings: readonly Finding[],
  options: MendOptions,
): Promise<Repaired[]> {
  const bench = makeBench(backend, options.by);
  const order = Object.keys(REPAIRS);
  const place = ({ rule }: Finding) => (order.includes(rule) ? order.indexOf(rule) : order.length);
  const repaired: Repaired[] = [];
  for (const finding of [...findings].sort((one, other) => place(one) - place(other)))
    repaired.push(account(finding, await repairOne(bench, finding)));
  return repaired;
}

async function repairOne(bench: Bench, finding: Finding): Promise<Outcome> {
  const repair = REPAIRS[finding.rule];
  if (!repair) return left('only a person can judge it');
  try {
    return await repair(bench, finding);
  } catch (error) {
    if (wasOvertaken(error))
      return { kind: 'failed', why: `somebody else was at work on it: ${messageOf(error)}` };
    bench.backend.log.warn({ err: error }, `doctor: ${finding.rule}: ${messageOf(error)}`);
    return { kind: 'failed', why: messageOf(error) };
  }
}

function account({ rule, customer, subject, what, action }: Finding, outcome: Outcome): Repaired {
  const { kind } = outcome;
  const about = {
    rule,
    ...(customer !== undefined && { customer }),
    ...(subject !== undefined && { subject }),
  };
  if (kind === 'mended' || kind === 'settled')
    return { ...about, what, outcome: kind, did: outcome.did, action: null };
  if (kind === 'failed')
    return {
      ...about,
      what,
      outcome: kind,
      did: outcome.why,
      action: 'Repair again; if it stays, see the message.',
    };
  return { ...about, what, outcome: kind, did: outcome.why, action: outcome.action ?? action };
}

function makeBench(backend: Backend, by: string): Bench {
  const { store, deployments, clock, log, settings, redis, keys } = backend;
  const {
    policy: order,
    supersede_running: supersedeRunning,
    retention: keep,
    drain_seconds,
  } = settings.orchestrator;
  const changes = new FencedChanges({ store, deployments, log });
  return {
    backend,
    by,
    changes,
    desk: new AliasDesk({ store, deployments, changes, clock, log }),
    mending: new Mending({ redis, keys, clock, deployments, by, policy: { order, supersedeRunning } }),
    retention: new Retention({
      store,
      deployments,
      changes,
      clock,
      log,
      keep,
      drainMs: drain_seconds === undefined ? store.drainMs : drain_seconds * 1000,
    }),
  };
}
