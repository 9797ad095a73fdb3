/**
 * The rows of a label or type as the messages of puts, from whatever files there are. What becomes of a value is what the
 * Bolt loader makes of it (`planValue`), so both leave the same graph.
 */

import { join } from 'node:path';
import type { IpcMessage } from '@graphshift/flight/ipc';
import { GraphshiftError } from '../../../platform/errors.ts';
import type { SnapshotColumn, SnapshotGroup } from '../../../snapshot/manifest.ts';
import type { ColumnBuffers, GatheredType } from '../../../snapshot-source/arrow/gathered-columns.ts';
import { gatherRows } from '../../../snapshot-source/arrow/gathered-rows.ts';
import { elementType, listDepth } from '../../../snapshot-source/column-types.ts';
import { type Duck, quoteIdentifier, quoteString } from '../../../snapshot-source/duckdb.ts';
import { formatOf } from '../../../snapshot-source/file-format.ts';
import { viewOf } from '../../../snapshot-source/views.ts';
import { type GroupPlan, LABEL_SEPARATOR } from '../bolt/plan.ts';
import type { ValueKind, ValuePlan } from '../bolt/values.ts';
import type { PlannedFiles } from '../load-files.ts';
import { GDS_COLUMNS } from './gds-protocol.ts';
import { repeatText, repeatTexts } from './repeated-columns.ts';
import { batchMessage, schemaMessage } from './wire-messages.ts';
import { openWireFile, type WireFile } from './wire-source.ts';
import type { ScalarType, SentColumn, WireType } from './wire-types.ts';
import type { WireColumn } from './wire-values.ts';

/**
 * A batch is sent when it has so many rows, or bytes: eight of them may be on the way. Whole vectors of DuckDB, near the
 * 10,000 rows of the official client; 65,536 cost the server a twentieth more processor time.
 */
const ROWS = 10_240;
const BYTES = 2 * 2 ** 20;
/** What DuckDB decodes ahead while the network sends. */
const AHEAD_BYTES = 8 * 2 ** 20;

/** A column of a put: the same in all rows, or read by DuckDB from the rows. */
type Column = SentColumn & { readonly select?: string };

/** What becomes of a label or type. */
export interface GroupRows {
  /** Each is a put of its own. */
  readonly puts: readonly RowsPut[];
}

/** The messages of one put, the schema first. @param onRead told the rows of each batch before it is sent */
export type RowsPut = (onRead: (rows: number) => void) => AsyncGenerator<IpcMessage>;

export interface GroupFiles extends Omit<PlannedFiles, 'groups' | 'both'> {
  /** A directory of this load's own. */
  readonly scratch: string;
}

/** In the details of an error about a column that the Bolt loader takes. */
export const BOLT_TAKES_IT = { boltTakesIt: true } as const;

/**
 * Record batches from files of record batches go as they are, or are cast on their buffers; all else is read by DuckDB.
 * @throws COLUMN_TYPE, COLUMN_NAME for a column that does not go over Arrow Flight, with `BOLT_TAKES_IT` in the details
 */
export async function openGroup(files: GroupFiles, group: GroupPlan): Promise<GroupRows> {
  const { duck } = files;
  const view = viewOf(group.kind, group.index);
  const own = files.found[group.kind][group.index];
  if (!own) throw new GraphshiftError('INTERNAL', `${group.kind}/${group.name} is not among the files`);
  const properties = await planProperties(duck, view, group);
  const isArrow = own.files.every(({ path }) => formatOf(path) === 'arrow');
  const leading = await leadingColumns(group, own, (column, text) =>
    isArrow ? isEverywhere(duck, view, column, text) : Promise.resolve(false),
  );
  const columns = [...leading, ...properties];
  const wireFiles = isArrow ? await openWireFiles(files, own, columns) : undefined;
  if (!wireFiles) return { puts: [(onRead) => readMessages(duck, view, columns, onRead)] };
  return { puts: wireFiles.map((file) => (onRead) => countMessages(file.messages(), onRead)) };
}

/** The files of a group one by one, or undefined where one of them cannot be sent without DuckDB. */
async function openWireFiles(
  { path, scratch }: GroupFiles,
  { files }: SnapshotGroup,
  columns: readonly Column[],
): Promise<WireFile[] | undefined> {
  const opened: WireFile[] = [];
  for (const { path: name } of files) {
    const file = { name, path: join(path, name) };
    const wire = await openWireFile(file, columns, join(scratch, 'arrow-body'));
    if (!wire) return undefined;
    opened.push(wire);
  }
  return opened;
}

async function* countMessages(
  messages: AsyncGenerator<IpcMessage>,
  onRead: (rows: number) => void,
): AsyncGenerator<IpcMessage> {
  for await (const message of messages) {
    if (message.kind === 'batch') onRead(message.rows);
    yield message;
  }
}

const TEXT: WireType = { scalar: 'Utf8', list: false };
const TEXTS: WireType = { scalar: 'Utf8', list: true };

/** @param isEverywhere whether every row of the files has just this text in a column */
async function leadingColumns(
  group: GroupPlan,
  { columns }: SnapshotGroup,
  isEverywhere: (column: SnapshotColumn, text: string) => Promise<boolean>,
): Promise<Column[]> {
  const [first, second, third] = columns;
  if (!first || !second) throw new GraphshiftError('INTERNAL', `${group.name} has no leading columns`);
  const id = (name: string, { name: column }: SnapshotColumn, index: number): Column => ({
    name,
    column,
    wire: TEXT,
    select: group.ids[index] ?? 'NULL',
  });
  if (group.kind === 'relationships') {
    const [source, target, type] = GDS_COLUMNS.relationship;
    const constant = repeated((rows) => repeatText(group.name, rows));
    // The check has found no other type.
    const types = { name: type, column: third?.name ?? '', wire: TEXT, constant, isInFiles: true };
    return [id(source, first, 0), id(target, second, 1), types];
  }
  const [nodeId, name] = GDS_COLUMNS.node;
  const labels = { name, column: second.name };
  if (group.labels !== undefined) {
    const select = `string_split(${group.labels}, chr(${LABEL_SEPARATOR.charCodeAt(0)}))`;
    return [id(nodeId, first, 0), { ...labels, wire: TEXTS, select }];
  }
  const [only = group.name, ...more] = group.labelSets[0]?.labels ?? [];
  // One text is one label, and costs the server half of a list with it.
  const constant = repeated((rows) =>
    more.length > 0 ? repeatTexts([only, ...more], rows) : repeatText(only, rows),
  );
  const isInFiles = more.length === 0 && (await isEverywhere(second, only));
  return [id(nodeId, first, 0), { ...labels, wire: more.length > 0 ? TEXTS : TEXT, constant, isInFiles }];
}

async function isEverywhere(
  duck: Duck,
  view: string,
  { name, type }: SnapshotColumn,
  text: string,
): Promise<boolean> {
  if (type !== 'VARCHAR') return false;
  const differs = `${quoteIdentifier(name)} IS DISTINCT FROM ${quoteString(text)}`;
  const [found] = await duck.rows(`SELECT 1 FROM ${view} WHERE ${differs} LIMIT 1`);
  return found === undefined;
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
    return { name, column: name, wire: { scalar, list }, select: days };
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
  const read = columns.filter(({ constant }) => !constant);
  const sql = `SELECT ${read.map(({ select }) => select ?? 'NULL').join(', ')} FROM ${view}`;
  const types = read.map(({ wire }) => gatheredType(wire));
  const batches = gatherRows(duck, { sql, types, rows: ROWS, bytes: BYTES, aheadBytes: AHEAD_BYTES });
  for await (const batch of batches) {
    onRead(batch.rows);
    const gathered = batch.columns.values();
    yield batchMessage(
      batch.rows,
      columns.map(({ constant }) => constant?.(batch.rows) ?? nextOf(gathered)),
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
