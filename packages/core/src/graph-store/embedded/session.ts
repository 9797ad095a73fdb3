/** One database opened for reading, and statements run on it with every digit kept. */

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { LbugValue } from '@ladybugdb/core';
import { GraphshiftError, messageOf } from '../../platform/errors.ts';
import { makeScratchDirectory } from '../../platform/scratch-directory.ts';
import type { Counts, QueryResult } from '../graph-store.ts';
import { correctColumns, correctEntities, inexactColumns } from './exact-values.ts';
import { type Graph, openGraph, quoteName, single } from './ladybug.ts';
import { GRAPH_FILE, TYPES_FILE } from './layout.ts';
import type { StoredTypes } from './load-commands.ts';
import { readingStatement } from './statement.ts';
import { type EntityRef, ValueConverter } from './values.ts';

/** Rows fetched before the event loop gets its turn: the watchdogs live there. */
const ROWS_A_TURN = 1000;

export type Parameters = Readonly<Record<string, unknown>>;

export class ReadingSession {
  readonly #graph: Graph;
  readonly #stored: StoredTypes;

  private constructor(graph: Graph, stored: StoredTypes) {
    this.#graph = graph;
    this.#stored = stored;
  }

  /** @param directory of a sealed database */
  static async open(directory: string, bufferBytes: number): Promise<ReadingSession> {
    const stored = JSON.parse(await readFile(join(directory, TYPES_FILE), 'utf8')) as StoredTypes;
    // One thread: a second run of a statement must give its rows in the same order.
    const options = { bufferBytes, readOnly: true, threads: 1 };
    return new ReadingSession(await openGraph(join(directory, GRAPH_FILE), options), stored);
  }

  /** @throws QUERY_REFUSED, QUERY_FAILED, QUERY_LIMIT */
  async query(cypher: string, parameters: Parameters, maxRows: number): Promise<QueryResult> {
    const statement = readingStatement(cypher);
    const values = parameterValues(parameters);
    const entities: EntityRef[] = [];
    const converter = new ValueConverter(this.#stored, (entity) => entities.push(entity));
    try {
      const result = await this.#run(statement, values, converter, maxRows);
      const request = { statement, stored: this.#stored, ...result };
      const inexact = inexactColumns(request);
      if (inexact.length > 0 && result.rows.length > 0)
        await inScratch((file) =>
          correctColumns(request, inexact, file, (copy) => this.#execute(copy, values)),
        );
      await correctEntities(this.#graph, this.#stored, entities);
      return { columns: result.columns, rows: result.rows };
    } catch (error) {
      if (error instanceof GraphshiftError) throw error;
      throw new GraphshiftError('QUERY_FAILED', `query failed: ${messageOf(error)}`, { cause: error });
    }
  }

  async counts(): Promise<Counts> {
    const count = async (pattern: string) => {
      const [row] = await this.#graph.rows(`MATCH ${pattern} RETURN count(*) AS rows`);
      return Number(row?.rows);
    };
    const labels: Record<string, number> = {};
    for (const name of Object.keys(this.#stored.labels)) labels[name] = await count(`(n:${quoteName(name)})`);
    const types: Record<string, number> = {};
    for (const name of Object.keys(this.#stored.types))
      types[name] = await count(`()-[r:${quoteName(name)}]->()`);
    return { labels, types };
  }

  close(): Promise<void> {
    return this.#graph.close();
  }

  async #run(
    statement: string,
    values: Record<string, LbugValue>,
    converter: ValueConverter,
    maxRows: number,
  ): Promise<{ columns: string[]; types: string[]; rows: Record<string, unknown>[] }> {
    const result = await this.#result(statement, values);
    try {
      const columns = result.getColumnNamesSync();
      const types = result.getColumnDataTypesSync();
      const twice = columns.find((name, index) => columns.indexOf(name) !== index);
      if (twice !== undefined)
        throw new GraphshiftError('QUERY_FAILED', `two columns are named ${twice}: name one with AS`);
      const total = result.getNumTuples();
      if (total > maxRows)
        throw new GraphshiftError('QUERY_LIMIT', `${total} rows, more than the ${maxRows} that are allowed`);
      const rows: Record<string, unknown>[] = [];
      for (let row = result.getNextSync(); row; row = result.hasNext() ? result.getNextSync() : null) {
        const values = row;
        rows.push(
          Object.fromEntries(
            columns.map((name, index) => [name, converter.convert(values[name], types[index] ?? '')]),
          ),
        );
        if (rows.length % ROWS_A_TURN === 0) await new Promise(setImmediate);
      }
      return { columns, types, rows };
    } finally {
      result.close();
    }
  }

  async #result(statement: string, values: Record<string, LbugValue>) {
    const { connection } = this.#graph;
    const prepared = await connection.prepare(statement);
    if (!prepared.isSuccess()) throw new Error(prepared.getErrorMessage());
    if (!prepared.isReadOnly()) throw new GraphshiftError('QUERY_REFUSED', 'the statement writes');
    return single(await connection.execute(prepared, values));
  }

  async #execute(statement: string, values: Record<string, LbugValue>): Promise<void> {
    const { connection } = this.#graph;
    const prepared = await connection.prepare(statement);
    if (!prepared.isSuccess()) throw new Error(prepared.getErrorMessage());
    single(await connection.execute(prepared, values)).close();
  }
}

/** LadybugDB would drop the time of a Date; as text it is exact, and `timestamp($name)` makes it one again. */
function parameterValues(parameters: Parameters): Record<string, LbugValue> {
  const entries = Object.entries(parameters).map(([name, value]) => {
    if (value instanceof Date) return [name, value.toISOString()];
    return [name, value];
  });
  return Object.fromEntries(entries) as Record<string, LbugValue>;
}

/** The file may hold a customer's values: it goes, and a killed process's is swept. */
async function inScratch<Result>(use: (file: string) => Promise<Result>): Promise<Result> {
  const { path, remove } = await makeScratchDirectory();
  try {
    return await use(join(path, 'values.csv'));
  } finally {
    await remove();
  }
}
