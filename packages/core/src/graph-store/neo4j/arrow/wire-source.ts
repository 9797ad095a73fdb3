/**
 * An Arrow file as the messages of a put. Where the server takes every column as it is, the bodies are forwarded as they
 * are and only the schema gets other names; else the columns are cast, a bounded number of rows at a time.
 */

import { open } from 'node:fs/promises';
import {
  batchOf,
  dictionaryOf,
  type IpcLayout,
  type IpcMessage,
  readFile,
  renameColumns,
} from '@graphshift/flight/ipc';
import { Type } from 'apache-arrow/fb/type';
import {
  type ArrowBatch,
  type ArrowFile,
  columnsIn,
  readBatches,
} from '../../../snapshot-source/arrow/batches.ts';
import { openCodecs } from '../../../snapshot-source/arrow/body.ts';
import { readLayout } from '../../../snapshot-source/arrow/messages.ts';
import { columnsOf } from '../../../snapshot-source/arrow/schema.ts';
import type { EntityType } from './gds-protocol.ts';
import { batchMessage, schemaMessage } from './wire-messages.ts';
import { type ColumnPlan, planColumns } from './wire-types.ts';
import { toWire } from './wire-values.ts';

/** Rows of a batch that is made here. */
const ROWS = 65_536;
/** A message that is forwarded is held in memory as a whole; larger ones are cut by casting. */
const FORWARDED_MAX_BYTES = 64 * 2 ** 20;

export interface WireFile {
  readonly columns: readonly ColumnPlan[];
  readonly rows: number;
  /** Whether bodies go as they are. */
  readonly forwarded: boolean;
  /** The schema first. Memory holds one batch of at most 65,536 rows, or of 64 MiB where it is forwarded. */
  messages(): AsyncGenerator<IpcMessage>;
}

/**
 * Looks at a file's metadata and says how it will be sent: what cannot be is refused here, before anything is.
 * @param scratch a path for a scratch file, made and removed where a compressed batch needs it
 * @throws COLUMN_TYPE, COLUMN_NAME, FILE_FORMAT, FILE_TRUNCATED, FILE_UNREADABLE
 */
export async function openWireFile(file: ArrowFile, entity: EntityType, scratch: string): Promise<WireFile> {
  const handle = await open(file.path, 'r');
  try {
    const layout = await readLayout(handle, file.name);
    const columns = columnsIn(file, () => planColumns(file.name, entity, columnsOf(layout.schema)));
    const forwarded = columns.every(({ asItIs }) => asItIs) && columnsIn(file, () => canForward(layout));
    return {
      columns,
      rows: layout.rows,
      forwarded,
      messages: () => (forwarded ? forward(file, columns) : cast(file, columns, scratch)),
    };
  } finally {
    await handle.close();
  }
}

function canForward(layout: IpcLayout): boolean {
  for (let index = 0; index < layout.schema.fieldsLength(); index += 1)
    if (layout.schema.fields(index)?.typeType() === Type.Duration) return false;
  return layout.messages.every(
    ({ message, bodyBytes }) =>
      !dictionaryOf(message) && bodyBytes <= FORWARDED_MAX_BYTES && batchOf(message).compression() === null,
  );
}

async function* forward(file: ArrowFile, columns: readonly ColumnPlan[]): AsyncGenerator<IpcMessage> {
  const handle = await open(file.path, 'r');
  try {
    const layout = await readLayout(handle, file.name);
    const names = new Map(
      columns.map(({ name }, index) => [layout.schema.fields(index)?.name() ?? '', name] as const),
    );
    for await (const message of readFile(handle, layout))
      yield message.kind === 'schema' ? renameColumns(message, names) : message;
  } finally {
    await handle.close();
  }
}

async function* cast(
  file: ArrowFile,
  columns: readonly ColumnPlan[],
  scratch: string,
): AsyncGenerator<IpcMessage> {
  yield schemaMessage(columns);
  const codecs = await openCodecs();
  const handle = await open(file.path, 'r');
  try {
    for await (const batch of readBatches(handle, file, codecs, scratch))
      for (let from = 0; from < batch.rows; from += ROWS)
        yield castRows(batch, columns, from, Math.min(ROWS, batch.rows - from));
  } finally {
    await handle.close();
  }
}

function castRows(
  batch: ArrowBatch,
  columns: readonly ColumnPlan[],
  from: number,
  count: number,
): IpcMessage {
  const wire = columns.map((plan, index) => {
    const { type, storage } = batch.columns[index] ?? { type: '', storage: undefined };
    return batch.read(index, from, count, (values) => toWire(plan, type, storage, values));
  });
  return batchMessage(count, wire);
}
