/**
 * Values that were copied as bytes and that their type cannot hold: Arrow does not hold writers to the digits of a
 * decimal, nor to the hours of a day. DuckDB looks for them, over the whole table at once.
 */

import { GraphshiftError } from '../../platform/errors.ts';
import { elementType, listDepth } from '../column-types.ts';
import { type Duck, quoteIdentifier } from '../duckdb.ts';
import type { ArrowColumn } from './schema.ts';

/** Names of the table's columns that messages need. */
export interface MisfitTable {
  readonly name: string;
  readonly file: string;
  readonly row: string;
  column(index: number): string;
}

/** @throws COLUMN_TYPE naming the first row of the first column with such a value */
export async function refuseMisfits(
  duck: Duck,
  table: MisfitTable,
  columns: readonly ArrowColumn[],
  fileName: (index: number) => string,
): Promise<void> {
  for (const [index, { name, type, storage }] of columns.entries()) {
    const depth = listDepth(type);
    const element = elementType(type);
    const misfit = misfitOf(element, elementType(storage ?? type), depth > 0 ? 'item' : table.column(index));
    if (!misfit) continue;
    const condition =
      depth > 0
        ? `len(list_filter(${flattened(table.column(index), depth)}, lambda item: ${misfit})) > 0`
        : misfit;
    const [row] = await duck.rows(
      `SELECT ${table.file} AS file, ${table.row} AS row FROM ${quoteIdentifier(table.name)}
       WHERE ${condition} ORDER BY ${table.file}, ${table.row} LIMIT 1`,
    );
    if (!row) continue;
    const file = fileName(Number(row.file));
    const message = `${file} row ${row.row}: column ${JSON.stringify(name)} is ${type}, but a value lies outside of that`;
    throw new GraphshiftError('COLUMN_TYPE', message, {
      details: { file, row: Number(row.row), column: name, type },
    });
  }
}

function flattened(column: string, depth: number): string {
  return depth <= 1 ? column : `flatten(${flattened(column, depth - 1)})`;
}

/** Whether `value` lies outside of its type; undefined where it cannot. */
function misfitOf(type: string, storage: string, value: string): string | undefined {
  const decimal = /^DECIMAL\((\d+),(\d+)\)$/.exec(type);
  if (decimal) {
    const [precision, scale] = [Number(decimal[1]), Number(decimal[2])];
    const most = `${'9'.repeat(precision - scale)}.${'9'.repeat(scale)}`;
    return `${value} NOT BETWEEN CAST('-${most}' AS ${type}) AND CAST('${most}' AS ${type})`;
  }
  if (/^TIME(_NS)?$/.test(type))
    return `${value} NOT BETWEEN CAST('00:00:00' AS ${type}) AND CAST('24:00:00' AS ${type})`;
  // Microseconds, which these become, reach to the year 294247; TRY_CAST fails instead of trying.
  if (/^TIMESTAMP_M?S$/.test(storage))
    return `${value} NOT BETWEEN CAST('290000-01-01 (BC)' AS ${storage}) AND CAST('290000-01-01' AS ${storage})`;
  return undefined;
}
