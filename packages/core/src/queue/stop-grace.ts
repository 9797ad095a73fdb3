/** A stopping worker's last wait: running loads get their time to end, and a person reads what is waited for. */

import type { DeploymentRecord } from '../deployment/record.ts';
import type { State } from '../deployment/states.ts';
import type { Clock } from '../platform/clock.ts';
import { within } from '../platform/deadline.ts';
import type { Logger } from '../platform/log.ts';

export interface Grace {
  /** How long deployments in hand may go on. 0 gives them back at once. */
  readonly timeoutMs: number;
  /** Aborts when somebody does not want to wait any longer. */
  readonly hurry?: AbortSignal;
  /** The records of the deployments in hand, for the lines that say what is waited for. */
  readonly records: (ids: readonly string[]) => Promise<readonly DeploymentRecord[]>;
}

export interface Waiting {
  readonly clock: Clock;
  readonly log: Logger;
  /** Deployments in hand, by id. */
  readonly inHand: () => readonly string[];
  /** Resolves when none is in hand any more. */
  readonly idle: Promise<void>;
  /** Gives one back. */
  readonly giveBack: (deployment: string) => void;
}

const SAY_EVERY_MS = 5000;
/** A line says without the states what is waited for where Redis does not tell them in this time. */
const ANSWER_MS = 1000;

/** Only these are worth waiting for; what has not begun to load begins elsewhere just as well. */
const UNDER_WAY: readonly State[] = ['loading', 'verifying', 'switching'];

/** Waits until nothing is in hand, the time is over, or somebody is in a hurry. */
export async function waitForLoads(grace: Grace, waiting: Waiting): Promise<void> {
  const { clock, log, inHand, idle } = waiting;
  if (inHand().length === 0) return;
  const deadline = clock.now() + grace.timeoutMs;
  const over = new AbortController();
  void idle.then(() => over.abort());
  const signal = grace.hurry ? AbortSignal.any([over.signal, grace.hurry]) : over.signal;
  while (inHand().length > 0 && !signal.aborted && clock.now() < deadline) {
    // Not waited for: a Redis that hangs must not hold the deadline up.
    void say(grace, waiting, deadline);
    await clock.sleep(Math.min(SAY_EVERY_MS, deadline - clock.now()), signal).catch(() => {});
  }
  const left = inHand();
  if (left.length === 0) return;
  const why = grace.hurry?.aborted ? 'told again' : `${grace.timeoutMs / 1000} s are over`;
  log.warn({ deployments: left }, `stopping: ${why}; gives back ${left.join(', ')}`);
}

async function say(grace: Grace, waiting: Waiting, deadline: number): Promise<void> {
  const { clock, log, inHand, giveBack } = waiting;
  const read = await within(clock, ANSWER_MS, grace.records(inHand())).catch(() => 'late' as const);
  const known = new Map(read === 'late' ? [] : read.value.map((record) => [record.id, record]));
  for (const { id, state } of known.values()) if (!UNDER_WAY.includes(state)) giveBack(id);
  const awaited = inHand().filter((id) => UNDER_WAY.includes(known.get(id)?.state ?? 'loading'));
  if (awaited.length === 0) return;
  const seconds = Math.max(0, Math.ceil((deadline - clock.now()) / 1000));
  const what = awaited.map((id) => describe(id, known.get(id))).join(' and ');
  const redis = read === 'late' ? '; Redis does not answer' : '';
  log.info(
    { deployments: awaited, secondsLeft: seconds },
    `stopping: waits up to ${seconds} s more for ${what}${redis}`,
  );
}

function describe(id: string, record: DeploymentRecord | undefined): string {
  if (!record) return id;
  const { state, rows, rowsTotal } = record;
  return `${id} (${state}${rowsTotal === undefined ? '' : `, ${rows ?? 0} of ${rowsTotal} rows`})`;
}
