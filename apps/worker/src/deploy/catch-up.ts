/** What a pickup does before the steps: skips what the store has already, and what must not go live. */

import {
  type DatabaseInfo,
  databaseName,
  decideCutover,
  GraphshiftError,
  IDLE_STATES,
  type State,
  snapshotContentHash,
  wasAskedFor,
} from '@graphshift/core';
import { type HeldDeployment, Hold } from './deployment.ts';
import { switchAlias } from './steps/switch.ts';

/**
 * Ends a deployment that is live already (Redis was emptied, or a crash came between cutover and record), is overtaken,
 * held, or unchanged; waits while the customer is pinned; publishes a database that is complete and only waits for its
 * cutover. Nothing complete is loaded again.
 */
export async function catchUp(held: HeldDeployment): Promise<void> {
  const { backend } = held.context;
  const { record } = held;
  const database = databaseName(record);
  const { databases, aliases } = await backend.store.list({ customer: record.customer });
  waitForDatabase(held, databases);
  if (!(IDLE_STATES as readonly State[]).includes(record.state)) return;
  const [alias] = aliases;
  const complete = databases.some(({ name, state }) => name === database && state === 'complete');
  // A complete database has the content that it was loaded from, whatever became of the files since.
  const contentHash = complete
    ? (await backend.store.certificate(database))?.contentHash
    : await hashToSkip(held, alias?.properties.contentHash);
  const { timestamp } = record;
  const asked = wasAskedFor(record);
  // What was loaded once, and dropped because its content is held, need not be loaded to be known.
  const known = contentHash ?? record.contentHash;
  const decision = decideCutover(alias, { database, timestamp, contentHash: known, asked });
  switch (decision.kind) {
    case 'adopt':
      return adopt(held, database);
    case 'overtaken':
      return skip(held, `older: ${decision.reason}`);
    case 'held':
      return skip(held, decision.reason, contentHash);
    case 'pinned':
      throw new Hold(decision.reason, backend.settings.orchestrator.health_check_retry_delay * 1000);
    case 'move':
      break;
  }
  if (complete) {
    if (!(await backend.store.certificate(database))) throw unproven(database, record.id);
    await held.say(`${database} is complete already; only the cutover is left`);
    held.record = { ...record, database };
    await switchAlias(held);
  } else if (contentHash !== undefined && contentHash === alias?.properties.contentHash)
    await skip(held, `unchanged: it has the content of snapshot ${alias.properties.snapshot}, which is live`);
}

/** Nothing loads into a complete database, and nobody vouches for this one: it may be a person's own. */
function unproven(database: string, id: string): GraphshiftError {
  return new GraphshiftError(
    'CONFLICT',
    `database ${database} is there, complete, and has no load certificate: another program filled it, or the certificate is lost. Move the alias to it by hand, or drop it and run \`graphshift deployments retry ${id}\``,
  );
}

/** A store that was restarted may answer before all of its databases do: that costs no attempt. @throws Hold */
function waitForDatabase(held: HeldDeployment, databases: readonly DatabaseInfo[]): void {
  const name = databaseName(held.record);
  if (!databases.some((database) => database.name === name && database.away)) return;
  const { health_check_retry_delay: seconds } = held.context.backend.settings.orchestrator;
  throw new Hold(`database ${name} is there and not online; it waits for it`, seconds * 1000);
}

async function adopt(held: HeldDeployment, database: string): Promise<void> {
  const { backend, cutover } = held.context;
  const result = await cutover.adopt(held.record);
  held.record = { ...held.record, state: 'live', database };
  await held.say(`${database} is live already; nothing is loaded`);
  if (result.kind === 'live') await backend.wakeUps.ensureHead(backend.deployments, result.head);
}

async function skip(held: HeldDeployment, reason: string, contentHash?: string): Promise<void> {
  const { deployments, wakeUps } = held.context.backend;
  await held.advance('skipped', { reason, dueAt: undefined, ...(contentHash && { contentHash }) });
  await held.say(`skipped: ${reason}`);
  await wakeUps.ensureHead(deployments, await deployments.chooseHead(held.record.customer));
}

/**
 * The content hash where `skip_unchanged` asks for it. By hash and not by time: a copy has new times. What cannot be
 * read is left to the load, which says what is wrong with it.
 */
async function hashToSkip(held: HeldDeployment, live: string | undefined): Promise<string | undefined> {
  const { settings, hashes } = held.context.backend;
  // A person who starts it over wants it loaded, changed or not.
  if (!settings.orchestrator.skip_unchanged || live === undefined || wasAskedFor(held.record))
    return undefined;
  try {
    return await snapshotContentHash(held.record.path, hashes, held.signal);
  } catch (error) {
    held.throwIfAborted();
    if (error instanceof GraphshiftError) return undefined;
    throw error;
  }
}
