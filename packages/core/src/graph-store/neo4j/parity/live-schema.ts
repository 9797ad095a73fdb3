/** The indexes and constraints of a database, as things that can be compared with those of another. */

import type { Session } from 'neo4j-driver';
import { INTERNAL } from './schema-statement.ts';

export interface SchemaItem {
  readonly kind: 'index' | 'constraint';
  readonly name: string;
  readonly type: string;
  /** The same for two that do the same, whatever they are called; full-text and vector indexes are queried by name. */
  readonly signature: string;
  /** As the server wrote it: see `literally`. */
  readonly statement: string;
  /** Of an index: `ONLINE`, `POPULATING` or `FAILED`. */
  readonly state?: string;
  readonly failure?: string;
  /** Of an index: whether a constraint made it and takes it along. */
  readonly owned: boolean;
}

type Row = Readonly<Record<string, unknown>>;

const INDEXES = `SHOW INDEXES YIELD name, state, type, entityType, labelsOrTypes, properties, options, owningConstraint,
  failureMessage, createStatement`;
const CONSTRAINTS = `SHOW CONSTRAINTS YIELD name, type, entityType, labelsOrTypes, properties, propertyType,
  createStatement`;

/** Indexes that queries call by their names. */
const CALLED_BY_NAME = new Set(['FULLTEXT', 'VECTOR']);
/** Indexes whose configuration changes what they answer. */
const CONFIGURED = new Set(['FULLTEXT', 'VECTOR', 'POINT']);

/** All that a database has but the loader's own, constraints first. */
export async function readSchema(session: Session): Promise<SchemaItem[]> {
  const constraints = await session.run(CONSTRAINTS);
  const indexes = await session.run(INDEXES);
  return [
    ...constraints.records.map((record) => record.toObject()).map(constraintOf),
    ...indexes.records.map((record) => record.toObject()).map(indexOf),
  ].flatMap((item) => (item ? [item] : []));
}

function constraintOf(row: Row): SchemaItem | undefined {
  if (isInternal(row)) return undefined;
  const { type, entityType, labelsOrTypes, properties, propertyType } = row;
  return {
    kind: 'constraint',
    name: String(row.name),
    type: String(type),
    signature: signatureOf(['constraint', type, entityType, labelsOrTypes, properties, propertyType ?? null]),
    statement: String(row.createStatement),
    owned: false,
  };
}

function indexOf(row: Row): SchemaItem | undefined {
  if (isInternal(row)) return undefined;
  const { entityType, labelsOrTypes, properties, options } = row;
  const [name, type] = [String(row.name), String(row.type)];
  const { indexConfig = {} } = (options ?? {}) as { indexConfig?: Row };
  const config = CONFIGURED.has(type) ? Object.entries(indexConfig).sort(byKey) : null;
  const called = CALLED_BY_NAME.has(type) ? name : null;
  return {
    kind: 'index',
    name,
    type,
    signature: signatureOf(['index', type, entityType, labelsOrTypes, properties, config, called]),
    statement: String(row.createStatement),
    state: String(row.state),
    failure: String(row.failureMessage ?? ''),
    owned: row.owningConstraint !== null,
  };
}

function isInternal({ name, labelsOrTypes }: Row): boolean {
  return [name, ...((labelsOrTypes ?? []) as unknown[])].some((one) => INTERNAL.test(String(one)));
}

/** Integers of the driver, whichever way it makes them, are text here. */
function signatureOf(parts: readonly unknown[]): string {
  return JSON.stringify(parts, (_, value: unknown) => {
    const plain = value === null || typeof value !== 'object' || Array.isArray(value);
    if (typeof value === 'number' || typeof value === 'bigint') return String(value);
    return plain ? value : String(value);
  });
}

function byKey([one]: [string, unknown], [other]: [string, unknown]): number {
  return one < other ? -1 : 1;
}

/** What an item is called in a message. */
export function describeItem({ kind, type, name }: Pick<SchemaItem, 'kind' | 'type' | 'name'>): string {
  return kind === 'constraint' ? `constraint ${name} (${type})` : `${type.toLowerCase()} index ${name}`;
}
