/** Queries from people: one reading statement in a reading transaction, whose rows are counted as they come. */

import type { Session, Transaction } from 'neo4j-driver';
import { GraphshiftError } from '../../platform/errors.ts';
import type { Counts, QueryOptions, QueryResult } from '../graph-store.ts';
import type { Neo4jConnection } from './connection.ts';
import { quoteName } from './names.ts';
import { INTERNAL, plainValue } from './result-values.ts';
import { isBroken, isEnded, serverCode, storeError } from './server-errors.ts';
import { judgePlan, readingStatement } from './statement.ts';

const TIMEOUT_MS = 30_000;
const MAX_ROWS = 100_000;

/** @throws QUERY_REFUSED, QUERY_LIMIT, QUERY_FAILED */
export async function runQuery(
  connection: Neo4jConnection,
  database: string,
  cypher: string,
  options: QueryOptions = {},
): Promise<QueryResult> {
  const statement = readingStatement(cypher);
  const timeoutMs = options.timeoutMs ?? TIMEOUT_MS;
  const session = await connection.session(database, 'READ');
  try {
    return await inTransaction(session, timeoutMs, async (tx) => {
      const parameters = options.parameters ?? {};
      const { summary } = await tx.run(`EXPLAIN ${statement}`, parameters);
      judgePlan(summary.plan, summary.queryType);
      return collect(tx, statement, parameters, options.maxRows ?? MAX_ROWS);
    });
  } catch (error) {
    throw queryError(error, database, timeoutMs);
  } finally {
    await session.close().catch(() => {});
  }
}

async function inTransaction<Result>(
  session: Session,
  timeout: number,
  work: (tx: Transaction) => Promise<Result>,
): Promise<Result> {
  const tx = await session.beginTransaction({ timeout });
  try {
    return await work(tx);
  } finally {
    await tx.close().catch(() => {});
  }
}

async function collect(
  tx: Transaction,
  statement: string,
  parameters: Readonly<Record<string, unknown>>,
  maxRows: number,
): Promise<QueryResult> {
  const result = tx.run(statement, parameters);
  const columns = (await result.keys()).map(String);
  const rows: Record<string, unknown>[] = [];
  for await (const record of result) {
    if (rows.length === maxRows)
      throw new GraphshiftError('QUERY_LIMIT', `the query returned more than ${maxRows} rows`);
    rows.push(Object.fromEntries(columns.map((name) => [name, plainValue(record.get(name))])));
  }
  return { columns, rows };
}

function queryError(error: unknown, database: string, timeoutMs: number): GraphshiftError {
  if (error instanceof GraphshiftError) return error;
  const code = serverCode(error);
  if (isEnded(error))
    return new GraphshiftError('QUERY_LIMIT', `the query took longer than ${timeoutMs} ms`, { cause: error });
  if (/\.Statement\.AccessMode$|\.Security\.Forbidden$/.test(code))
    return new GraphshiftError('QUERY_REFUSED', `query refused: ${firstLine(error)}`, { cause: error });
  if (isBroken(error)) return storeError(error, `query ${database}`);
  const mapped = storeError(error, `query ${database}`);
  if (mapped.code === 'STORE_FULL')
    return new GraphshiftError('QUERY_LIMIT', `the query took too much: ${firstLine(error)}`, {
      cause: error,
    });
  if (mapped.code !== 'STORE_FAILED') return mapped;
  return new GraphshiftError('QUERY_FAILED', firstLine(error), { cause: error });
}

function firstLine(error: unknown): string {
  return (error as Error).message.split('\n', 1)[0] ?? '';
}

/**
 * Rows by label and type, from the server's count store.
 * @param named labels and types that are counted even where the database has none of them
 */
export async function countRows(
  connection: Neo4jConnection,
  database: string,
  named: { readonly labels: readonly string[]; readonly types: readonly string[] },
): Promise<Counts> {
  const session = await connection.session(database, 'READ');
  try {
    return await session.executeRead(async (tx) => {
      const names = async (statement: string) => {
        const { records } = await tx.run(statement);
        return records.map((record) => String(record.get('name'))).filter((name) => !INTERNAL.test(name));
      };
      const count = async (found: readonly string[], statement: (name: string) => string) => {
        const counts: [string, number][] = [];
        for (const name of [...new Set(found)].sort()) {
          const { records } = await tx.run(statement(quoteName(name)));
          counts.push([name, Number(records[0]?.get('n'))]);
        }
        return Object.fromEntries(counts);
      };
      const labels = await names('CALL db.labels() YIELD label RETURN label AS name');
      const types = await names(
        'CALL db.relationshipTypes() YIELD relationshipType RETURN relationshipType AS name',
      );
      return {
        labels: await count(
          [...labels, ...named.labels],
          (label) => `MATCH (n:${label}) RETURN count(n) AS n`,
        ),
        types: await count(
          [...types, ...named.types],
          (type) => `MATCH ()-[r:${type}]->() RETURN count(r) AS n`,
        ),
      };
    });
  } catch (error) {
    throw storeError(error, `count ${database}`);
  } finally {
    await session.close();
  }
}
