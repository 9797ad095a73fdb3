/** One explanation for each state that a deployment can be in. */

import { readShortage } from '../capacity/shortage.ts';
import { highestHeld, matches } from '../cutover/decide.ts';
import type { DeploymentRecord } from '../deployment/record.ts';
import { HEAD_STATES, REVIVABLE_STATES, type State } from '../deployment/states.ts';
import { ERRORS } from '../platform/errors.ts';
import { at, type Verdict, verdict } from './explanation.ts';
import { gateClosed, notTaken, pinned } from './obstacles.ts';
import type { ExplainPicture, Standing } from './picture.ts';

type Explain = (picture: ExplainPicture, standing: Standing) => Verdict;

/** Every state there is has its explanation: a new one does not compile without. */
export const BY_STATE: Readonly<Record<State, Explain>> = {
  discovered,
  queued,
  waiting,
  retrying,
  gated: underWay,
  loading: underWay,
  verifying: underWay,
  switching: underWay,
  live: behind,
  replaced,
  retired: replaced,
  dead,
  quarantined,
  skipped,
  superseded,
  cancelled,
  'rolled-back': rolledBack,
};

function discovered(picture: ExplainPicture, { record }: Standing): Verdict {
  const { head, limits } = picture;
  if (!head || !(HEAD_STATES as readonly State[]).includes(head.record.state))
    return (
      notTaken(picture) ??
      verdict(
        'no-head',
        `${record.id} waits, and no deployment of its customer goes first`,
        'Wait: a worker chooses one within seconds. If it stays: `graphshift doctor`.',
      )
    );
  const first = head.record;
  const ahead = BY_STATE[first.state](picture, head);
  if (first.timestamp > record.timestamp) {
    const why = `the newer ${first.id} goes first; this one follows if that one fails`;
    return verdict('newer-first', why, 'Nothing: it is superseded when the newer one is live.');
  }
  const rule =
    limits.order === 'in-order' ? 'snapshots go live in their order' : 'a load under way is finished first';
  return verdict('behind-older', `${rule}, and ${first.id} comes before it: ${ahead.why}`, ahead.action);
}

function queued(picture: ExplainPicture, standing: Standing): Verdict {
  return (
    notTaken(picture) ??
    noJob(standing) ??
    pinned(picture) ??
    gateClosed(picture) ??
    verdict(
      'queued',
      `${standing.record.id} waits for a worker; ${picture.jobsWaiting} jobs wait`,
      'Wait, or start another worker.',
    )
  );
}

function waiting(picture: ExplainPicture, standing: Standing): Verdict {
  const { record } = standing;
  const reason = record.reason ?? 'nobody said why';
  return (
    pinned(picture) ??
    notTaken(picture) ??
    noJob(standing) ??
    gateClosed(picture) ??
    breakerOpen(reason) ??
    noCapacity(reason) ??
    verdict('waiting', `it waits: ${reason}`, `Wait: ${again(record)}.`)
  );
}

/** The words of platform/breaker.ts, which a test holds to this. */
function breakerOpen(reason: string): Verdict | undefined {
  if (!/times in a row and is left alone for a while/.test(reason)) return undefined;
  return verdict('breaker-open', `a breaker is open: ${reason}`, ERRORS.BREAKER_OPEN.action);
}

/** Its estimate does not fit into disk or memory. */
function noCapacity(reason: string): Verdict | undefined {
  const shortage = readShortage(reason);
  return shortage && verdict('no-capacity', reason, shortage.action);
}

function retrying(picture: ExplainPicture, standing: Standing): Verdict {
  const { record } = standing;
  const why = `attempt ${record.attempts} failed: ${record.error?.message ?? record.reason ?? 'nobody said why'}`;
  const action = record.error ? ERRORS[record.error.code].action : 'Wait.';
  return (
    notTaken(picture) ??
    noJob(standing) ??
    gateClosed(picture) ??
    verdict('retrying', `${why}; ${again(record)}`, action)
  );
}

function again({ dueAt }: DeploymentRecord): string {
  return dueAt === undefined ? 'it is tried again by itself' : `it is tried again at ${at(dueAt)}`;
}

function noJob({ hasJob, record }: Standing): Verdict | undefined {
  if (hasJob) return undefined;
  const why = `${record.id} is ${record.state}, and no job will wake a worker up`;
  return verdict(
    'no-job',
    why,
    'Wait: a worker adds it within seconds. If it stays: `graphshift doctor --repair`.',
  );
}

function underWay(picture: ExplainPicture, { record, holderLives }: Standing): Verdict {
  const { id, state, holder } = record;
  const progress = progressOf(record);
  if (holderLives)
    return verdict(
      'in-progress',
      `${id} is ${state} since ${at(record.changedAt)} by ${holder}${progress}`,
      'Wait: it is under way.',
    );
  const lost = verdict(
    'worker-lost',
    `${id} is ${state}, and the worker that had it (${holder || 'nobody'}) is silent`,
    'Wait: another worker takes it up within a minute.',
  );
  return notTaken(picture) ?? lost;
}

function progressOf({ rows, rowsTotal, chunks, chunksTotal, loaders }: DeploymentRecord): string {
  if (rows === undefined || !rowsTotal) return '';
  const done = `, ${rows} of ${rowsTotal} rows are in the store`;
  if (chunks === undefined || !chunksTotal) return done;
  const who = loaders ? `, loaded by ${loaders.split(' ').join(' and ')}` : '';
  return `${done}, ${chunks} of ${chunksTotal} chunks${who}`;
}

/** The record says live, and the alias leads elsewhere. */
function behind({ alias, customer }: ExplainPicture, { record }: Standing): Verdict {
  const leads = alias ? `leads to ${alias.database}` : 'is not there';
  const why = `the record of ${record.id} says ${record.state}, and alias ${customer} ${leads}`;
  return verdict(
    'records-behind',
    why,
    '`graphshift doctor --repair` leads the records to what the alias says.',
  );
}

function replaced(picture: ExplainPicture, standing: Standing): Verdict {
  const { record } = standing;
  const { alias } = picture;
  const older = newerLive(picture, record) ?? passedOver(picture, record);
  if (older) return older;
  if (record.state === 'replaced' || !alias) return behind(picture, standing);
  const why = `${record.id} was live, and its database was dropped since`;
  return verdict('retired', why, 'Drop the snapshot again under a new timestamp.');
}

function newerLive({ alias }: ExplainPicture, { timestamp }: DeploymentRecord): Verdict | undefined {
  if (!alias || alias.properties.snapshot <= timestamp) return undefined;
  const { snapshot } = alias.properties;
  const why = `the newer snapshot ${snapshot} is live since ${alias.properties.since}`;
  return verdict('newer-live', why, 'Nothing: readers see newer data.');
}

function passedOver(
  { alias }: ExplainPicture,
  { id, state, timestamp }: DeploymentRecord,
): Verdict | undefined {
  if (!alias || highestHeld(alias) <= timestamp) return undefined;
  const why = `a rollback from snapshot ${highestHeld(alias)} to ${alias.properties.snapshot} went past it`;
  const revive = (REVIVABLE_STATES as readonly State[]).includes(state)
    ? `; or, to go to this one, \`graphshift deployments retry ${id}\``
    : '';
  return verdict('passed-over', why, `Drop a newer snapshot${revive}.`);
}

function dead(_: ExplainPicture, { record }: Standing): Verdict {
  const { error, id } = record;
  const why = `it failed for good${error?.step ? ` at ${error.step}` : ''}: ${error?.message ?? record.reason ?? 'no error was recorded'}`;
  const { class: kind, action } = ERRORS[error?.code ?? 'INTERNAL'];
  const next = kind === 'permanent' ? action : `Mend the cause, then \`graphshift deployments retry ${id}\`.`;
  return verdict('dead', why, next);
}

function quarantined(_: ExplainPicture, { record }: Standing): Verdict {
  const why = `it failed a rule of quality: ${record.error?.message ?? record.reason ?? 'no report was recorded'}`;
  return verdict(
    'quarantined',
    why,
    `Drop a mended snapshot, or let this one try again: \`graphshift deployments retry ${record.id}\`.`,
  );
}

function cancelled(_: ExplainPicture, { record }: Standing): Verdict {
  return verdict('cancelled', record.reason ?? 'somebody cancelled it', retry(record));
}

function superseded(picture: ExplainPicture, { record }: Standing): Verdict {
  return (
    newerLive(picture, record) ??
    passedOver(picture, record) ??
    verdict('superseded', `it was overtaken: ${record.reason ?? 'by a newer one'}`, retry(record))
  );
}

function rolledBack({ alias }: ExplainPicture, { record }: Standing): Verdict {
  const hold = alias?.properties.holds?.find(({ timestamp }) => timestamp === record.timestamp);
  const why = `it was live, and a rollback left it${hold ? ` at ${hold.since}` : ''}: ${hold?.reason ?? record.reason ?? 'nobody said why'}`;
  return verdict(
    'rolled-back',
    why,
    `Drop a mended snapshot; or let this one pass: \`graphshift deployments retry ${record.id}\`.`,
  );
}

function skipped(picture: ExplainPicture, { record }: Standing): Verdict {
  const reason = record.reason ?? 'nobody said why';
  const { alias } = picture;
  if (alias && reason.startsWith('unchanged: '))
    return verdict(
      'unchanged',
      `it has the content that is live: ${reason.slice('unchanged: '.length)}`,
      'Nothing: readers see this content.',
    );
  const hold = alias?.properties.holds?.find((one) => matches(one, record));
  if (hold)
    return verdict(
      'held',
      `its content is held since ${hold.since}: ${hold.reason}`,
      `Drop one with other content, or let it pass: \`graphshift deployments retry ${record.id}\`.`,
    );
  const older = newerLive(picture, record) ?? passedOver(picture, record);
  if (older) return older;
  if (picture.newest?.timestamp === record.timestamp && picture.newest.path === undefined)
    return verdict('gone', `its directory is gone: ${reason}`, ERRORS.SNAPSHOT_GONE.action);
  return verdict('skipped', `it was skipped: ${reason}`, retry(record));
}

function retry({ id }: DeploymentRecord): string {
  return `\`graphshift deployments retry ${id}\`, or drop a newer snapshot.`;
}
