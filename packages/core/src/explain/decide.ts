/** Why the newest snapshot of a customer is not live, from one picture; pure. */

import { near } from '../config/suggestion.ts';
import { ERRORS, type ErrorRecord } from '../platform/errors.ts';
import { databaseName, deploymentId } from '../snapshot/names.ts';
import { BY_STATE } from './by-state.ts';
import { at, type Cause, type Explanation, FINE, type Verdict, verdict } from './explanation.ts';
import type { ExplainPicture, NewestSnapshot, Unready } from './picture.ts';

export function decide(picture: ExplainPicture): Explanation {
  return explanationOf(picture, decideCause(picture));
}

function explanationOf(picture: ExplainPicture, { cause, why, action }: Verdict): Explanation {
  const { customer, newest, standing, alias } = picture;
  return {
    customer,
    snapshot: newest?.timestamp ?? null,
    deployment: standing?.record.id ?? null,
    state: standing?.record.state ?? null,
    live: alias ? { database: alias.database, timestamp: alias.properties.snapshot } : null,
    cause,
    fine: FINE.includes(cause),
    why,
    action,
  };
}

/** Where a service cannot be reached, that is the cause, whatever else there is. */
export function unreachable(
  customer: string,
  cause: Cause,
  error: { message: string; action: string },
): Explanation {
  const nothing = { snapshot: null, deployment: null, state: null, live: null };
  return { customer, ...nothing, cause, fine: false, why: error.message, action: error.action };
}

function decideCause(picture: ExplainPicture): Verdict {
  const { newest, refused, unreadAlias, customer } = picture;
  if (refused) return refusal('customer-refused', refused);
  if (unreadAlias !== undefined)
    return verdict(
      'alias-broken',
      `alias ${customer} cannot be read: ${unreadAlias}`,
      'Look at the store; nothing of this customer is moved or dropped meanwhile.',
    );
  const [root] = picture.unreadRoots;
  if (root !== undefined && !picture.hasDirectory)
    return verdict('root-unreadable', root, ERRORS.ROOT_UNREADABLE.action);
  if (!newest) return withoutSnapshot(picture);
  return liveAlready(picture, newest) ?? withSnapshot(picture, newest);
}

/** What is wrong with a path, in the words of the producer. */
function refusal(cause: Cause, { code, message }: ErrorRecord): Verdict {
  return verdict(cause, message, ERRORS[code].action);
}

function withoutSnapshot({ customer, customers, hasDirectory }: ExplainPicture): Verdict {
  if (hasDirectory || customers.includes(customer))
    return verdict(
      'no-snapshot',
      `${customer} has no snapshot`,
      `Drop one: <root>/${customer}/<unix seconds>/, as docs/snapshots.md says.`,
    );
  const close =
    customers.find((known) => customer.length > 2 && known.startsWith(customer)) ??
    near(customer, customers, 4);
  const action =
    close === undefined
      ? 'Check the name, and orchestrator.data_path; `graphshift aliases ls` lists what is live.'
      : `Did you mean ${close}?`;
  return verdict('customer-unknown', `there is no customer ${customer}`, action);
}

function liveAlready(
  { alias, customer, targetComplete }: ExplainPicture,
  { timestamp }: NewestSnapshot,
): Verdict | undefined {
  const { database, properties } = alias ?? {};
  if (!alias || database !== databaseName({ customer, timestamp })) return undefined;
  if (!targetComplete)
    return verdict(
      'alias-broken',
      `alias ${customer} leads to ${database}, which is not there, complete`,
      '`graphshift doctor --repair` moves it where the store proves it right.',
    );
  return verdict('live', `the newest snapshot is live since ${properties?.since}`, 'Nothing.');
}

function withSnapshot(picture: ExplainPicture, newest: NewestSnapshot): Verdict {
  const { standing, unreadable, unready } = picture;
  if (standing) return BY_STATE[standing.record.state](picture, standing);
  if (unreadable !== undefined)
    return verdict(
      'record-unreadable',
      unreadable,
      'Ask with the version that wrote it; an older one left it alone.',
    );
  if (newest.refused) {
    const ahead = newest.refused.message.includes('ahead of the clock');
    return refusal(ahead ? 'timestamp-ahead' : 'snapshot-refused', newest.refused);
  }
  return notRecorded(picture, newest, unready);
}

function notRecorded(picture: ExplainPicture, newest: NewestSnapshot, unready: Unready | undefined): Verdict {
  const { customer, producers, now, limits } = picture;
  const id = deploymentId({ customer, timestamp: newest.timestamp });
  if (unready?.awaits !== undefined)
    return verdict(
      'marker-missing',
      `${newest.path ?? id} has no ${unready.awaits} yet`,
      `Let its writer add ${unready.awaits} as the last file, or set orchestrator.readiness to settled.`,
    );
  if (producers === 0)
    return verdict(
      'no-producer',
      `${id} is not recorded, and no producer is alive`,
      'Start one: `graphshift producer`, or `graphshift up`.',
    );
  const { problem, changedAt = 0 } = unready ?? {};
  // What looks unfinished settles six times as long.
  const settledAt = changedAt + limits.settleMs * (problem ? 6 : 1);
  if (now < settledAt + limits.scanMs) {
    const looks = problem ? `, and looks unfinished: ${problem.message}` : '';
    return verdict(
      'not-settled',
      `${id} has changed at ${at(changedAt)}${looks}`,
      `Wait: it is recorded when nothing has changed until ${at(settledAt)}.`,
    );
  }
  return verdict(
    'not-recorded',
    `${id} has not changed since ${at(changedAt)}, and no producer has recorded it`,
    "See the producer's log; `graphshift doctor --repair` records it if it is whole.",
  );
}
