/** Smoke queries: what the writer of a snapshot asks of its database before readers see it, and while it bakes. */

import type { GraphStore, QueryResult } from '../graph-store/graph-store.ts';
import { type ErrorCode, GraphshiftError, messageOf } from '../platform/errors.ts';
import { SMOKE_FILE } from '../snapshot-source/layout.ts';
import { readBeside } from './beside-file.ts';
import type { Statement } from './statements.ts';

/** A statement that the store refuses or cannot finish has not returned true. */
const FAILED: ReadonlySet<ErrorCode> = new Set(['QUERY_FAILED', 'QUERY_REFUSED', 'QUERY_LIMIT']);

/**
 * The statements of a snapshot's `verify.cypher`; none where there is no such file.
 * @param path directory of the snapshot
 * @throws VERIFY_FAILED for a file that is too large or a link that leads out of the root
 */
export async function readSmokeQueries(path: string): Promise<Statement[]> {
  return (await readBeside(path, SMOKE_FILE, 'VERIFY_FAILED')) ?? [];
}

/**
 * Runs them, in order, until one does not return true.
 * @throws VERIFY_FAILED that names the statement and what it returned; what keeps the store from answering as it comes
 */
export async function runSmokeQueries(
  store: GraphStore,
  database: string,
  statements: readonly Statement[],
): Promise<void> {
  for (const { line, text } of statements) {
    const where = `${database}: ${SMOKE_FILE}, line ${line}`;
    const result = await store.query({ database }, text).catch((cause: unknown) => {
      if (!(cause instanceof GraphshiftError) || !FAILED.has(cause.code)) throw cause;
      throw new GraphshiftError('VERIFY_FAILED', `${where}: ${messageOf(cause)}`, { cause });
    });
    const found = whatIsNotTrue(result);
    if (found !== undefined)
      throw new GraphshiftError('VERIFY_FAILED', `${where}: it returned ${found}; it must return true`);
  }
}

/** True is one row or more, each with nothing but true in it. */
function whatIsNotTrue({ rows }: QueryResult): string | undefined {
  if (rows.length === 0) return 'no row';
  const other = rows.flatMap((row) => Object.values(row)).find((value) => value !== true);
  return other === undefined ? undefined : typeof other === 'bigint' ? String(other) : JSON.stringify(other);
}
