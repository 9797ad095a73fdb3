/**
 * An Arrow file as the messages of a put. Where the server takes every column as it is, the bodies are forwarded as they
 * are and only the schema gets other names; else the columns are cast, a bounded number of rows at a time. The rows were
 * checked before, so what cannot be sent has shown.
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
import { batchMessage, schemaMessage } from './wire-messages.ts';
import { type ColumnPlan, planColumns, type SentColumn } from './wire-types.ts';
import { toWire } from './wire-values.ts';

/** Rows of a batch that is made here. */
const ROWS = 65_536;
/** A message that is forwarded is held in memory as a whole; larger ones are cut by casting. */
const FORWARDED_MAX_BYTES = 64 * 2 ** 20;

export interface WireFile {
  /** Whether bodies go as they are. */
  readonly forwarded: boolean;
  /** The schema first. Memory holds one batch of at most 65,536 rows, or of 64 MiB where it is forwarded. */
  messages(): AsyncGenerator<IpcMessage>;
}

/**
 * Looks at a file's metadata and says how it will be sent.
 * @param sent the columns of its group
 * @param scratch a path for a scratch file, made and removed where a compressed batch needs it
 * @returns undefined where a column becomes what no cast on buffers makes of it
 * @throws FILE_FORMAT, FILE_TRUNCATED, FILE_UNREADABLE
 */
export async function openWireFile(
  file: ArrowFile,
  sent: readonly SentColumn[],
  scratch: string,
): Promise<WireFile | undefined> {
  const handle = await open(file.path, 'r');
  try {
    const layout = await readLayout(handle, file.name);
    const columns = columnsIn(file, () => planColumns(columnsOf(layout.schema), sent));
    if (!columns) return undefined;
    const forwarded = columns.every(({ asItIs }) => asItIs) && columnsIn(file, () => canForward(layout));
    return {
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
    const names = new Map(columns.map(({ column, name }) => [column, name] as const));
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
    if (plan.constant) return plan.constant(count);
    const { type, storage } = batch.columns[index] ?? { type: '', storage: undefined };
    return batch.read(index, from, count, (values) => toWire(plan.wire, type, storage, values));
  });
  return batchMessage(count, wire);
}
