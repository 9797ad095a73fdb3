/** Makes in a new database the indexes and constraints that its readers rely on, and waits until they serve. */

import type { Session } from 'neo4j-driver';
import { GraphshiftError, messageOf } from '../../../platform/errors.ts';
import type { SchemaFileStatement } from '../../graph-store.ts';
import { describeItem, readSchema, type SchemaItem } from './live-schema.ts';
import { parseSchemaStatement, type SchemaStatement, shorten } from './schema-statement.ts';
import { literally } from './tokens.ts';

/** One item to be made. */
interface Wanted {
  readonly kind: 'index' | 'constraint';
  readonly bare: string;
  /** Where it comes from, for a message. */
  readonly origin: string;
  /** Whether an index of the same schema but another name serves as well. */
  readonly anyName: boolean;
  readonly key: boolean;
}

export interface SchemaCount {
  readonly indexes: number;
  readonly constraints: number;
}

/**
 * The statements of a file, each checked.
 * @throws SCHEMA_INVALID that names every statement that may not stand there
 */
export function parseSchemaFile(statements: readonly SchemaFileStatement[]): SchemaStatement[] {
  const bad: string[] = [];
  const parsed = statements.flatMap(({ file, line, text }) => {
    const statement = parseSchemaStatement(text);
    if (typeof statement !== 'string') return [statement];
    bad.push(`${file}, line ${line}: ${statement}`);
    return [];
  });
  if (bad.length > 0) throw new GraphshiftError('SCHEMA_INVALID', bad.join('; '), { details: { bad } });
  return parsed;
}

/**
 * Runs the statements of a file in the database; what is there already is left as it is.
 * @throws SCHEMA_INVALID, PARITY that names the statement which could not be run
 */
export async function applySchemaFile(
  session: Session,
  statements: readonly SchemaFileStatement[],
  timeoutMs: number,
): Promise<SchemaCount> {
  const parsed = parseSchemaFile(statements);
  const wanted = parsed.map((statement, index): Wanted => {
    const { file = '', line = 0 } = statements[index] ?? {};
    const called = statement.type === 'FULLTEXT' || statement.type === 'VECTOR';
    return {
      ...statement,
      origin: `${file}, line ${line}: ${shorten(statement.bare)}`,
      anyName: !(called && statement.name !== undefined),
    };
  });
  for (const one of inOrder(wanted)) await make(session, one, timeoutMs);
  return countOf(wanted);
}

/**
 * Makes what the live database has and the new one has not.
 * @throws PARITY that names what could not be made, and why
 */
export async function copySchema(
  live: { readonly name: string; readonly session: Session },
  session: Session,
  timeoutMs: number,
): Promise<SchemaCount> {
  // An index that a constraint owns comes with it.
  const items = (await readSchema(live.session)).filter(({ owned }) => !owned);
  for (const item of inOrder(missingIn(await readSchema(session), items))) {
    const origin = `${describeItem(item)} of ${live.name}`;
    const bare = literally(item.statement);
    await make(session, { kind: item.kind, bare, origin, anyName: false, key: true }, timeoutMs);
  }
  const [still] = missingIn(await readSchema(session), items);
  if (still)
    throw new GraphshiftError(
      'PARITY',
      `${describeItem(still)} of ${live.name} is not the same in the new database: ${shorten(still.statement)}`,
    );
  return countOf(items);
}

function missingIn(there: readonly SchemaItem[], wanted: readonly SchemaItem[]): SchemaItem[] {
  const signatures = new Set(there.map(({ signature }) => signature));
  return wanted.filter(({ signature }) => !signatures.has(signature));
}

/** Constraints first: a uniqueness constraint cannot be made beside an index of the same schema. */
function inOrder<Item extends { readonly kind: string }>(items: readonly Item[]): Item[] {
  const constraints = items.filter(({ kind }) => kind === 'constraint');
  return [...constraints, ...items.filter(({ kind }) => kind !== 'constraint')];
}

function countOf(items: readonly { readonly kind: string }[]): SchemaCount {
  const constraints = items.filter(({ kind }) => kind === 'constraint').length;
  return { constraints, indexes: items.length - constraints };
}

const SCHEMA = 'Neo.ClientError.Schema.';

async function make(session: Session, wanted: Wanted, timeoutMs: number): Promise<void> {
  try {
    // Retried by the driver: two workers that make the same things can deadlock on a label.
    await session.executeWrite((tx) => tx.run(wanted.bare), { timeout: timeoutMs });
  } catch (error) {
    const code = String((error as { code?: unknown }).code);
    if (isThere(code, wanted, messageOf(error))) return;
    // What the server says of the statement stays so; all else passes.
    if (!/^Neo\.(ClientError\.(Schema|Statement|Security)|DatabaseError\.Schema)\./.test(code)) throw error;
    const message = `${wanted.origin} cannot be made in the new database: ${oneLine(messageOf(error))}`;
    throw new GraphshiftError('PARITY', message, { cause: error, details: { code } });
  }
}

/** Whether the server refused because the same is there already. */
function isThere(code: string, { kind, anyName, key }: Wanted, message: string): boolean {
  if (code === `${SCHEMA}EquivalentSchemaRuleAlreadyExists`) return true;
  if (code === `${SCHEMA}IndexAlreadyExists`) return kind === 'index' && anyName;
  if (code !== `${SCHEMA}ConstraintAlreadyExists`) return false;
  // For an index: a constraint has made it. For a constraint: it has another name, and a key asks for more than uniqueness.
  return kind === 'index' ? anyName : !key || /type='[^']*KEY'/.test(message);
}

const AWAIT_SECONDS = 5;

/**
 * Waits until every index serves, and looks at the signal every few seconds.
 * @throws PARITY that names an index that failed, or that took too long
 */
export async function awaitIndexes(
  session: Session,
  timeoutMs: number,
  signal: AbortSignal | undefined,
): Promise<void> {
  for (let waitedMs = 0; ; waitedMs += AWAIT_SECONDS * 1000) {
    signal?.throwIfAborted();
    const indexes = (await readSchema(session)).filter(({ kind }) => kind === 'index');
    const failed = indexes.find(({ state }) => state === 'FAILED');
    if (failed)
      throw new GraphshiftError('PARITY', `${describeItem(failed)} failed: ${oneLine(failed.failure ?? '')}`);
    const waiting = indexes.find(({ state }) => state !== 'ONLINE');
    if (!waiting) return;
    if (waitedMs >= timeoutMs) {
      const seconds = Math.round(timeoutMs / 1000);
      throw new GraphshiftError('PARITY', `${describeItem(waiting)} is not online after ${seconds} s`);
    }
    // It throws when the time is over, and when an index failed; the listing tells which.
    await session
      .run('CALL db.awaitIndexes($seconds)', { seconds: BigInt(AWAIT_SECONDS) })
      .catch(refuseOthers);
  }
}

function refuseOthers(error: unknown): void {
  if ((error as { code?: unknown }).code !== 'Neo.ClientError.Procedure.ProcedureCallFailed') throw error;
}

function oneLine(text: string): string {
  return text.replaceAll(/\s+/g, ' ').trim();
}
