/** A stopping worker's last wait: running loads get their time to end, and a person reads what is waited for. */

import type { DeploymentRecord } from '../deployment/record.ts';
import type { State } from '../deployment/states.ts';
import type { Clock } from '../platform/clock.ts';
import { messageOf } from '../platform/errors.ts';
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
  try {
    const records = await grace.records(inHand());
    const present = new Set(inHand());
    const held = records.filter(({ id }) => present.has(id));
    for (const { id, state } of held) if (!UNDER_WAY.includes(state)) giveBack(id);
    const awaited = held.filter(({ state }) => UNDER_WAY.includes(state));
    if (awaited.length === 0) return;
    const seconds = Math.max(0, Math.ceil((deadline - clock.now()) / 1000));
    log.info(
      { deployments: awaited.map(({ id }) => id), secondsLeft: seconds },
      `stopping: waits up to ${seconds} s more for ${awaited.map(describe).join(' and ')}`,
    );
  } catch (error) {
    log.warn({ err: error }, `stopping: waits for ${inHand().join(', ')}; ${messageOf(error)}`);
  }
}

function describe({ id, state, rows, rowsTotal }: DeploymentRecord): string {
  const counted = rowsTotal === undefined ? '' : `, ${rows ?? 0} of ${rowsTotal} rows`;
  return `${id} (${state}${counted})`;
}
