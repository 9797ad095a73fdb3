/**
 * The rows of a label or type as the messages of a put, read by DuckDB from whatever files there are. What becomes of a
 * value is what the Bolt loader makes of it (`planValue`), so both leave the same graph.
 */

import type { IpcMessage } from '@graphshift/flight/ipc';
import { GraphshiftError } from '../../../platform/errors.ts';
import type { ColumnBuffers, GatheredType } from '../../../snapshot-source/arrow/gathered-columns.ts';
import { gatherRows } from '../../../snapshot-source/arrow/gathered-rows.ts';
import { elementType, listDepth } from '../../../snapshot-source/column-types.ts';
import type { Duck } from '../../../snapshot-source/duckdb.ts';
import { viewOf } from '../../../snapshot-source/views.ts';
import { type GroupPlan, LABEL_SEPARATOR } from '../bolt/plan.ts';
import type { ValueKind, ValuePlan } from '../bolt/values.ts';
import { GDS_COLUMNS } from './gds-protocol.ts';
import { repeatText, repeatTexts } from './repeated-columns.ts';
import { batchMessage, schemaMessage } from './wire-messages.ts';
import type { ScalarType, WireType } from './wire-types.ts';
import type { WireColumn } from './wire-values.ts';

/** A batch is sent when it has so many rows, or bytes: eight of them may be on the way. */
const ROWS = 65_536;
const BYTES = 4 * 2 ** 20;
/** What DuckDB decodes ahead while the network sends. */
const AHEAD_BYTES = 8 * 2 ** 20;

/** A column of a put: read from the rows, or the same in all of them. */
type Column =
  | { readonly name: string; readonly wire: WireType; readonly select: string }
  | { readonly name: string; readonly wire: WireType; readonly constant: (rows: number) => WireColumn };

export interface GroupRows {
  /** The schema first. @param onRead told the rows of each batch before it is sent */
  messages(onRead: (rows: number) => void): AsyncGenerator<IpcMessage>;
}

/** In the details of an error about a column that the Bolt loader takes. */
export const BOLT_TAKES_IT = { boltTakesIt: true } as const;

/**
 * @throws COLUMN_TYPE, COLUMN_NAME for a column that does not go over Arrow Flight, with `BOLT_TAKES_IT` in the details
 */
export async function openGroup(duck: Duck, group: GroupPlan): Promise<GroupRows> {
  const view = viewOf(group.kind, group.index);
  const properties = await planProperties(duck, view, group);
  const columns = [...leadingColumns(group), ...properties];
  return { messages: (onRead) => readMessages(duck, view, columns, onRead) };
}

const TEXT: WireType = { scalar: 'Utf8', list: false };
const TEXTS: WireType = { scalar: 'Utf8', list: true };

function leadingColumns(group: GroupPlan): Column[] {
  const id = (name: string, index: number): Column => ({
    name,
    wire: TEXT,
    select: group.ids[index] ?? 'NULL',
  });
  if (group.kind === 'relationships') {
    const [source, target, type] = GDS_COLUMNS.relationship;
    const constant = repeated((rows) => repeatText(group.name, rows));
    return [id(source, 0), id(target, 1), { name: type, wire: TEXT, constant }];
  }
  const [nodeId, labels] = GDS_COLUMNS.node;
  if (group.labels !== undefined) {
    const select = `string_split(${group.labels}, chr(${LABEL_SEPARATOR.charCodeAt(0)}))`;
    return [id(nodeId, 0), { name: labels, wire: TEXTS, select }];
  }
  const only = group.labelSets[0]?.labels ?? [group.name];
  return [
    id(nodeId, 0),
    { name: labels, wire: TEXTS, constant: repeated((rows) => repeatTexts(only, rows)) },
  ];
}

/** Made once for the batches that are full. */
function repeated(make: (rows: number) => WireColumn): (rows: number) => WireColumn {
  let last: WireColumn | undefined;
  return (rows) => {
    if (last?.length !== rows) last = make(rows);
    return last;
  };
}

async function planProperties(duck: Duck, view: string, group: GroupPlan): Promise<Column[]> {
  for (const property of group.properties) refuseProperty(group, property);
  if (group.properties.length === 0) return [];
  const selects = group.properties.map(({ select }, index) => `${select} AS p${index}`);
  const described = await duck.rows(`DESCRIBE SELECT ${selects.join(', ')} FROM ${view}`);
  return group.properties.map(({ name, kind, select }, index): Column => {
    const type = String(described[index]?.column_type);
    const list = listDepth(type) === 1;
    const scalar = SCALARS[kind] ?? plainScalar(elementType(type));
    // Days have 32 bits on the wire.
    const days = kind === 'date' ? `CAST(${select} AS INTEGER${list ? '[]' : ''})` : select;
    return { name, wire: { scalar, list }, select: days };
  });
}

const SCALARS: Readonly<Partial<Record<ValueKind, ScalarType>>> = {
  integer: 'Int64',
  date: 'Date32',
  'local-us': 'Timestamp(us)',
  'local-ns': 'Timestamp(ns)',
  'zoned-us': 'Timestamp(us, UTC)',
  'zoned-ns': 'Timestamp(ns, UTC)',
};

function plainScalar(type: string): ScalarType {
  if (type === 'DOUBLE') return 'Float64';
  if (type === 'BOOLEAN') return 'Bool';
  if (type === 'VARCHAR') return 'Utf8';
  throw new GraphshiftError('INTERNAL', `a value of type ${type} has no place in a record batch`);
}

function refuseProperty({ kind, name: group }: GroupPlan, { name, kind: value }: ValuePlan): void {
  const where = `${kind}/${group}: column ${JSON.stringify(name)}`;
  const details = { column: name, ...BOLT_TAKES_IT };
  const what = value === 'bytes' ? 'bytes' : value.startsWith('time-') ? 'a time of day' : undefined;
  if (what !== undefined) {
    const message = `${where}: it is ${what}, which Arrow Flight imports do not take; Bolt does (store.loader)`;
    throw new GraphshiftError('COLUMN_TYPE', message, { details });
  }
  const taken = GDS_COLUMNS[kind === 'nodes' ? 'node' : 'relationship'];
  if (!taken.some((own) => own === name)) return;
  const message = `${where}: a property of that name stands for another thing in the import protocol; it may have any other name, or go over Bolt (store.loader)`;
  throw new GraphshiftError('COLUMN_NAME', message, { details });
}

async function* readMessages(
  duck: Duck,
  view: string,
  columns: readonly Column[],
  onRead: (rows: number) => void,
): AsyncGenerator<IpcMessage> {
  yield schemaMessage(columns);
  const read = columns.flatMap((column) => ('select' in column ? [column] : []));
  const sql = `SELECT ${read.map(({ select }) => select).join(', ')} FROM ${view}`;
  const types = read.map(({ wire }) => gatheredType(wire));
  const batches = gatherRows(duck, { sql, types, rows: ROWS, bytes: BYTES, aheadBytes: AHEAD_BYTES });
  for await (const batch of batches) {
    onRead(batch.rows);
    const gathered = batch.columns.values();
    yield batchMessage(
      batch.rows,
      columns.map((column) => ('constant' in column ? column.constant(batch.rows) : nextOf(gathered))),
    );
  }
}

function nextOf(columns: Iterator<ColumnBuffers>): ColumnBuffers {
  const { done, value } = columns.next();
  if (done) throw new GraphshiftError('INTERNAL', 'a column was not read');
  return value;
}

function gatheredType({ scalar, list }: WireType): GatheredType {
  if (scalar === 'Utf8') return { items: 'text', list };
  if (scalar === 'Bool') return { items: 'bits', list };
  return { items: scalar === 'Date32' ? 4 : 8, list };
}
