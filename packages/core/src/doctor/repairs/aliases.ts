/**
 * Aliases that lead astray. Each is read again under a new epoch, when nobody else can move it any more, and moved or
 * written only where the store itself proves what is right; the rest is a person's.
 */

import { rollbackTargets } from '../../cutover/alias-desk.ts';
import type { AliasInfo, AliasProperties, DatabaseInfo } from '../../graph-store/graph-store.ts';
import { GraphshiftError } from '../../platform/errors.ts';
import { withoutGivenUp } from '../../retention/retention.ts';
import { databaseName, deploymentId, parseDatabaseName } from '../../snapshot/names.ts';
import { mendLive } from './records.ts';
import { type Bench, left, type Outcome, type Repair, SETTLED } from './repair.ts';

const UNREADABLE = 'its epoch, its snapshot or its holds are none that can be read';

/**
 * An alias whose target is not there, or is another customer's, goes where its properties say, or back to the newest kept
 * database. One whose target is there and may be right stays.
 */
export const mendTarget: Repair = async (bench, finding) => {
  const { customer = '' } = finding;
  const { alias, databases } = await look(bench, customer);
  // Somebody else has moved it since.
  if (!alias || !finding.what.includes(alias.database)) return SETTLED;
  const target = databases.find(({ name }) => name === alias.database);
  const own = parseDatabaseName(alias.database)?.customer === customer;
  if (own && target?.state === 'complete')
    return left(
      `${alias.database} is there and complete, and only a person can tell whether its rows are right`,
    );
  if (own && target) return left(`${alias.database} is there, and nothing says whether it was verified`);
  if (!isSound(alias.properties)) return left(UNREADABLE);
  if (alias.properties.pin)
    return left(
      `${customer} is pinned, and a pin lets nothing pass`,
      `Move it by hand: \`graphshift rollback ${customer}\`; the pin stays.`,
    );
  const named = databaseName({ customer, timestamp: alias.properties.snapshot });
  if (isComplete(databases, named))
    return write(
      bench,
      finding,
      alias,
      named,
      `moved it from ${alias.database}, which is wrong, to ${named}, as its properties say`,
    );
  return goBack(bench, alias, databases);
};

async function goBack(bench: Bench, alias: AliasInfo, databases: readonly DatabaseInfo[]): Promise<Outcome> {
  const { backend, desk, by } = bench;
  const { customer, database } = alias;
  const [older] = rollbackTargets(alias, await withoutGivenUp(backend.deployments, databases, alias));
  if (!older)
    return left(
      `no complete database of ${customer} is left that it could go back to`,
      `Drop the snapshot again under a new timestamp: it goes live when it is loaded.`,
    );
  const { head } = await desk.rollback({
    customer,
    from: database,
    by,
    reason: `doctor: ${database} is not there`,
  });
  await backend.wakeUps.ensureHead(backend.deployments, head);
  const lost = deploymentId({ customer, timestamp: alias.properties.snapshot });
  return {
    kind: 'mended',
    did: `rolled ${customer} back to ${older.name}, since ${database} is not there; \`graphshift deployments retry ${lost}\` loads that again`,
  };
}

/** Properties that do not say what the target says are written again; pin and holds stay. */
export const mendProperties: Repair = async (bench, finding) => {
  const { customer = '' } = finding;
  const { alias, databases } = await look(bench, customer);
  if (!alias) return SETTLED;
  const { database, properties } = alias;
  if (parseDatabaseName(database)?.customer !== customer || !isComplete(databases, database))
    return left('it leads to no complete database of its customer, which comes first');
  if (!isSound(properties)) return left(UNREADABLE);
  if (properties.holds?.some(({ timestamp }) => timestamp === parseDatabaseName(database)?.timestamp))
    return left(
      'it leads to what it holds, and only a person knows which is meant',
      `Roll back (\`graphshift rollback ${customer}\`), or let it pass (\`graphshift deployments retry ${customer}@${properties.snapshot}\`).`,
    );
  const named = databaseName({ customer, timestamp: properties.snapshot });
  if (named !== database && isComplete(databases, named)) {
    const live = await backendLive(bench, customer);
    if (live !== database)
      return left(
        `its properties name ${named}, which is there too, and only a person knows which is meant`,
        `Let readers stay: \`graphshift rollback ${customer} --to ${parseDatabaseName(database)?.timestamp}\`, or drop a newer snapshot.`,
      );
  }
  return write(bench, finding, alias, database, `wrote its properties again, as ${database} says`);
};

/** The database of the one deployment that the records call live. */
async function backendLive({ backend }: Bench, customer: string): Promise<string | undefined> {
  const live = await backend.deployments.liveOf(customer);
  return live.length === 1 && live[0] ? databaseName(live[0]) : undefined;
}

/** Under a new epoch, and only if the alias still is what was judged. */
async function write(
  bench: Bench,
  finding: Parameters<Repair>[1],
  judged: AliasInfo,
  database: string,
  did: string,
): Promise<Outcome> {
  const { backend, changes, by } = bench;
  const { customer } = judged;
  // What another repair has written meanwhile needs no new epoch, which would end the work of others.
  const wanted = await corrected(bench, judged, database);
  const valid = judged.properties.epoch > 0 && database === judged.database;
  if (valid && isSame({ ...judged, properties: wanted }, judged)) return SETTLED;
  const epoch = await changes.raiseEpoch(customer);
  const alias = await changes.takeOver(customer, epoch, { isNew: true });
  if (!alias || !isSame(alias, judged)) return SETTLED;
  const properties = { ...wanted, epoch };
  await changes.moveAlias({ customer, database, properties });
  const target = deploymentId({ customer, timestamp: properties.snapshot });
  await backend.deployments.recordAction({ by, action: `doctor: alias ${customer}: ${did}`, target });
  await mendLive(bench, finding);
  return { kind: 'mended', did };
}

/** What the properties would be for a target, by the store. */
async function corrected({ backend }: Bench, alias: AliasInfo, database: string): Promise<AliasProperties> {
  const { properties } = alias;
  const now = new Date(backend.clock.now()).toISOString();
  const since = isInstant(properties.since) ? properties.since : now;
  const certificate = await backend.store.certificate(database);
  const certified = certificate?.database === database ? certificate.contentHash : undefined;
  const { pin } = properties;
  return {
    ...properties,
    snapshot: parseDatabaseName(database)?.timestamp ?? properties.snapshot,
    contentHash: certified ?? properties.contentHash,
    since,
    ...(pin && { pin: { ...pin, since: isInstant(pin.since) ? pin.since : now } }),
  };
}

async function look({ backend }: Bench, customer: string) {
  const { databases, aliases } = await backend.store.list({ customer });
  return { databases, alias: aliases[0] };
}

function isComplete(databases: readonly DatabaseInfo[], name: string): boolean {
  return databases.some((database) => database.name === name && database.state === 'complete');
}

function isSound({ epoch, snapshot, holds = [] }: AliasProperties): boolean {
  return (
    Number.isSafeInteger(epoch) &&
    epoch >= 0 &&
    Number.isSafeInteger(snapshot) &&
    holds.every(
      ({ timestamp, contentHash }) => Number.isSafeInteger(timestamp) && typeof contentHash === 'string',
    )
  );
}

function isInstant(text: unknown): boolean {
  return typeof text === 'string' && !Number.isNaN(Date.parse(text));
}

function isSame(one: AliasInfo, other: AliasInfo): boolean {
  return (
    one.database === other.database && JSON.stringify(one.properties) === JSON.stringify(other.properties)
  );
}

/** Somebody else held the customer, or moved the alias, at the same moment. */
export function wasOvertaken(error: unknown): boolean {
  return error instanceof GraphshiftError && (error.code === 'FENCED' || error.code === 'CONFLICT');
}
