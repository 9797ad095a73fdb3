/**
 * The digits that the binding drops. LadybugDB 0.19.1 stores microseconds and hands out a JavaScript Date, and hands
 * out INT64 as a number. Its other getters (async, Arrow, summary) do no better, and rewriting the projection of
 * somebody's statement breaks on ORDER BY, DISTINCT and UNION. What keeps every digit is its text: the whole
 * statement, untouched, is run again as `COPY (…) TO` a CSV file of our own, on one thread over a database that
 * nobody writes, and the columns in question are read from there; each value must agree with the first run.
 * Properties of whole nodes and relationships are looked up by their internal ids with a cast to text.
 */

import { readFile, rm } from 'node:fs/promises';
import { GraphshiftError } from '../../platform/errors.ts';
import { type Graph, quoteName, quoteText } from './ladybug.ts';
import type { StoredTypes } from './load-commands.ts';
import { type EntityRef, type InternalId, isoOf } from './values.ts';

/** Types whose text is nothing but values and brackets. */
const PLAIN = /^(TIMESTAMP|TIMESTAMP_TZ|TIMESTAMP_NS|INT64|UINT64)(\[\d*\])*$/;
/** A statement that makes timestamps of its own may return digits that no stored column has. */
const MAKES_TIMES = /timestamp|interval|micro|nano/i;
/** Ids in one look-up. */
const BATCH = 500;

export interface ExactRequest {
  readonly statement: string;
  readonly columns: readonly string[];
  readonly types: readonly string[];
  /** As converted from the first run; corrected in place. */
  readonly rows: Record<string, unknown>[];
  readonly stored: StoredTypes;
}

/** Columns of the result whose values may have lost digits. */
export function inexactColumns(request: ExactRequest): number[] {
  const { stored, statement, types, columns, rows } = request;
  const groups = [...Object.values(stored.labels), ...Object.values(stored.types)].flat();
  const fine = groups.some((column) => column.subMillisecond) || MAKES_TIMES.test(statement);
  return columns.flatMap((name, index) => {
    const type = types[index] ?? '';
    const times = fine && /TIMESTAMP/.test(type) && !/NODE|REL/.test(type);
    const wide = /U?INT64/.test(type) && rows.some((row) => hasUnsafe(row[name]));
    if ((times || wide) && !PLAIN.test(type))
      throw new GraphshiftError(
        'QUERY_FAILED',
        `column ${name} is ${type}, whose values cannot be given with every digit; return them as columns of their own or as text`,
      );
    return times || wide ? [index] : [];
  });
}

function hasUnsafe(value: unknown): boolean {
  if (Array.isArray(value)) return value.some(hasUnsafe);
  return typeof value === 'number' && Number.isInteger(value) && !Number.isSafeInteger(value);
}

/** Puts the exact values of some columns into the rows, from a second run that writes text. */
export async function correctColumns(
  request: ExactRequest,
  inexact: readonly number[],
  file: string,
  execute: (statement: string) => Promise<void>,
): Promise<void> {
  try {
    await execute(`COPY (${request.statement}) TO ${quoteText(file)} (HEADER=false)`);
    const records = parseCsv(await readFile(file, 'utf8'));
    if (records.length !== request.rows.length) throw differs(request.columns[0] ?? '');
    for (const [index, row] of request.rows.entries())
      for (const column of inexact) {
        const name = request.columns[column] ?? '';
        row[name] = corrected(row[name], request.types[column] ?? '', records[index]?.[column] ?? '', name);
      }
  } finally {
    await rm(file, { force: true });
  }
}

function corrected(value: unknown, type: string, text: string, name: string): unknown {
  const texts = text.match(/-?\d[^,[\]]*/g) ?? [];
  let next = 0;
  const walk = (item: unknown): unknown => {
    if (item === null) return null;
    if (Array.isArray(item)) return item.map(walk);
    const exact = exactOf(texts[next++] ?? '', type);
    if (!agrees(item, exact)) throw differs(name);
    return exact;
  };
  const result = walk(value);
  if (next !== texts.length) throw differs(name);
  return result;
}

function exactOf(text: string, type: string): unknown {
  if (type.startsWith('TIMESTAMP')) return isoOf(text);
  const integer = BigInt(text);
  return Number.isSafeInteger(Number(integer)) ? Number(integer) : integer;
}

/** Before 1970 the binding rounds up to the next millisecond, later down. */
function agrees(rough: unknown, exact: unknown): boolean {
  if (typeof exact !== 'string') return Number(exact) === Number(rough);
  return Math.abs(millisecondsOf(String(rough)) - millisecondsOf(exact)) <= 1;
}

function millisecondsOf(text: string): number {
  return Date.parse(`${text.replace('Z', '').slice(0, 23)}Z`);
}

function differs(name: string): GraphshiftError {
  return new GraphshiftError(
    'QUERY_FAILED',
    `column ${name} came out differently in a second run, so its last digits cannot be told: make the statement repeatable`,
  );
}

/** RFC 4180, as LadybugDB writes it. */
export function parseCsv(text: string): string[][] {
  const records: string[][] = [];
  let record: string[] = [];
  const field = /(?:"((?:[^"]|"")*)"|([^,\n"]*))(,|\n|$)/gy;
  while (field.lastIndex < text.length) {
    const match = field.exec(text);
    if (!match) throw new GraphshiftError('INTERNAL', 'the store wrote CSV that cannot be read');
    record.push(match[1] === undefined ? (match[2] ?? '') : match[1].replaceAll('""', '"'));
    if (match[3] !== ',') {
      records.push(record);
      record = [];
    } else if (field.lastIndex === text.length) records.push([...record, '']);
  }
  return records;
}

/** Completes nodes and relationships that have timestamps below the millisecond. */
export async function correctEntities(
  graph: Graph,
  stored: StoredTypes,
  entities: readonly EntityRef[],
): Promise<void> {
  for (const [label, group] of groupByLabel(entities)) await correctGroup(graph, stored, label, group);
}

async function correctGroup(
  graph: Graph,
  stored: StoredTypes,
  label: string,
  entities: readonly EntityRef[],
): Promise<void> {
  const isNode = label in stored.labels;
  const columns = (stored.labels[label] ?? stored.types[label] ?? []).filter((c) => c.subMillisecond);
  const texts = columns.map((column, index) => `CAST(x.${quoteName(column.name)} AS STRING) AS c${index}`);
  const anchors = new Map(
    entities.map((entity) => [key(entity.source ?? entity.id), entity.source ?? entity.id]),
  );
  const found = new Map<string, Record<string, unknown>>();
  const pattern = isNode ? `(x:${quoteName(label)})` : `(a)-[x:${quoteName(label)}]->()`;
  const ids = [...anchors.values()];
  for (let start = 0; start < ids.length; start += BATCH) {
    const list = ids.slice(start, start + BATCH).map(internalId);
    const statement = `MATCH ${pattern} WHERE id(${isNode ? 'x' : 'a'}) IN [${list.join(', ')}] RETURN id(x) AS i, ${texts.join(', ')}`;
    for (const row of await graph.rows(statement)) found.set(key(row.i as unknown as InternalId), row);
  }
  for (const { id, output } of entities) {
    const row = found.get(key(id));
    for (const [index, column] of columns.entries())
      output[column.name] = corrected(
        output[column.name] ?? null,
        column.stored,
        String(row?.[`c${index}`] ?? ''),
        column.name,
      );
  }
}

function groupByLabel(entities: readonly EntityRef[]): Map<string, EntityRef[]> {
  const groups = new Map<string, EntityRef[]>();
  for (const entity of entities) {
    const group = groups.get(entity.label);
    if (group) group.push(entity);
    else groups.set(entity.label, [entity]);
  }
  return groups;
}

function key(id: InternalId): string {
  return `${id.table}:${id.offset}`;
}

function internalId(id: InternalId): string {
  return `internal_id(${Number(id.table)}, ${Number(id.offset)})`;
}
