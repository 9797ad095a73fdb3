import {
  type CertifiedCount,
  type Counts,
  GraphshiftError,
  type LoadCertificate,
  readSchemaFile,
  readSmokeQueries,
  runSmokeQueries,
} from '@graphshift/core';
import { certificateOf, type HeldDeployment } from '../deployment.ts';

/**
 * Proves the database right before anybody sees it: the certificate, the store's own counts against it, what readers
 * rely on (indexes, constraints, privileges), and the snapshot's smoke queries.
 */
export async function verify(held: HeldDeployment): Promise<void> {
  const { store } = held.context.backend;
  const database = held.record.database ?? '';
  const certificate = await certificateOf(held, database);
  checkCertificate(certificate);
  checkCounts(certificate, await store.counts(database));
  await carryOver(held, database);
  const smoke = await readSmokeQueries(held.record.path);
  await runSmokeQueries(store, database, smoke);
  held.throwIfAborted();
  await held.context.checkpoint('verify.proven');
  await store.unmark(database, held.record.epoch);
  await held.say(
    `verified ${database}: ${certificate.nodes.length} labels, ${certificate.relationships.length} types, ${smoke.length} smoke queries`,
  );
}

/** @throws PARITY, SCHEMA_INVALID */
async function carryOver(held: HeldDeployment, database: string): Promise<void> {
  const { store } = held.context.backend;
  const { customer, epoch, path } = held.record;
  const [statements, alias] = await Promise.all([readSchemaFile(path), store.alias(customer)]);
  const { indexes, constraints, privileges, notes } = await store.carryOver(database, {
    epoch,
    signal: held.signal,
    ...(alias && { from: alias.database }),
    ...(statements && { statements }),
  });
  for (const note of notes) await held.say(note);
  if (indexes + constraints + privileges > 0) {
    const from = statements ? 'schema.cypher' : alias?.database;
    await held.say(`as ${from}: ${indexes} indexes, ${constraints} constraints; ${privileges} privileges`);
  }
  held.throwIfAborted();
}

/** @throws CERTIFICATE unless footers = read = sent = acknowledged = counted for each label and type */
export function checkCertificate(certificate: LoadCertificate): void {
  for (const count of [...certificate.nodes, ...certificate.relationships]) {
    const { footers, read, sent, acknowledged, counted } = count;
    if (new Set([footers, read, sent, acknowledged, counted]).size === 1) continue;
    const message = `${certificate.database}: ${count.name} has ${footers} rows in the footers, ${read} read, ${sent} sent, ${acknowledged} acknowledged, ${counted} counted`;
    throw new GraphshiftError('CERTIFICATE', message, { details: { ...count } });
  }
}

/** @throws CERTIFICATE when the store counts other labels, types or rows than the certificate says */
export function checkCounts(certificate: LoadCertificate, counts: Counts): void {
  const compare = (
    kind: string,
    certified: Readonly<Record<string, number>>,
    found: Readonly<Record<string, number>>,
  ) => {
    for (const [name, counted] of Object.entries(certified)) {
      if ((found[name] ?? 0) === counted) continue;
      const message = `${certificate.database}: the store has ${found[name] ?? 0} ${kind} ${name}, the certificate ${counted}`;
      throw new GraphshiftError('CERTIFICATE', message);
    }
    const strange = Object.keys(found).find((name) => !Object.hasOwn(certified, name));
    if (strange === undefined) return;
    throw new GraphshiftError(
      'CERTIFICATE',
      `${certificate.database}: the store has ${kind} ${strange}, the certificate none`,
    );
  };
  compare('nodes of', certificate.labels ?? byName(certificate.nodes), counts.labels);
  compare('relationships of', byName(certificate.relationships), counts.types);
}

function byName(counts: readonly CertifiedCount[]): Record<string, number> {
  return Object.fromEntries(counts.map(({ name, counted }) => [name, counted]));
}
