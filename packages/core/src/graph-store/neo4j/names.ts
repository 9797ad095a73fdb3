/** Names in Cypher: the one place where a name becomes part of a statement's text. Values are always parameters. */

import { GraphshiftError } from '../../platform/errors.ts';
import {
  aliasName,
  customerNameProblem,
  databaseName,
  parseDatabaseName,
  type SnapshotName,
} from '../../snapshot/names.ts';

/** A name in back-ticks; whatever it holds stays a name. @throws NAME_INVALID for one that Neo4j cannot have */
export function quoteName(name: string): string {
  // The server turns \uXXXX into its character before it looks for the end of a name.
  if (name === '' || name.includes('\0') || /\\u/i.test(name))
    throw new GraphshiftError('NAME_INVALID', `Neo4j cannot name anything ${JSON.stringify(name)}`);
  return `\`${name.replaceAll('`', '``')}\``;
}

/** The customer's name as the store has it. @throws CUSTOMER_NAME */
export function ownerName(customer: string): string {
  const problem = customerNameProblem(customer);
  if (problem === undefined) return aliasName(customer);
  throw new GraphshiftError('CUSTOMER_NAME', `customer ${JSON.stringify(customer)} ${problem}`);
}

/** The snapshot of a database with exactly the name that we would give it, else undefined. */
export function snapshotOf(database: string): SnapshotName | undefined {
  const snapshot = parseDatabaseName(database);
  return snapshot && databaseName(snapshot) === database ? snapshot : undefined;
}

/** @throws NOT_FOUND for a name that is none of the customer's */
export function requireOwn(customer: string, database: string): SnapshotName {
  const snapshot = snapshotOf(database);
  if (snapshot?.customer === customer) return snapshot;
  throw new GraphshiftError('NOT_FOUND', `customer ${customer} has no database ${JSON.stringify(database)}`);
}
