/**
 * The load mark as one more node of an import. It comes into being with the database, so that a crash between import and
 * verify leaves a marked database and never one that looks complete.
 */

import { randomUUID } from 'node:crypto';
import { type IpcMessage, readStream } from '@graphshift/flight/ipc';
import { Bool, Int64, Table, tableToIPC, Utf8, type Vector, vectorFromArray } from 'apache-arrow';
import type { LoadMark } from '../../graph-store.ts';
import { MARK_KEY, MARK_LABEL } from '../load-mark.ts';

/**
 * The messages of a put of this one node.
 * @param idType of the import; a snapshot has no node with the mark's id: with text it is random, with integers the
 * caller names one
 */
export async function markMessages(
  mark: LoadMark,
  id: string | bigint = `${MARK_LABEL} ${randomUUID()}`,
): Promise<IpcMessage[]> {
  const integer = (value: number): Vector => vectorFromArray([BigInt(value)], new Int64());
  const text = (value: string): Vector => vectorFromArray([value], new Utf8());
  const table = new Table({
    nodeId: typeof id === 'bigint' ? vectorFromArray([id], new Int64()) : text(id),
    labels: text(MARK_LABEL),
    key: text(MARK_KEY),
    customer: text(mark.customer),
    timestamp: integer(mark.timestamp),
    run: integer(mark.run),
    epoch: integer(mark.epoch),
    sealed: vectorFromArray([false], new Bool()),
  });
  return collect(tableToIPC(table, 'stream'));
}

/** The schema of a put without rows, which tells the server that the import lives. */
export async function emptyPut(
  idType: 'INTEGER' | 'STRING',
  columns: readonly string[],
): Promise<IpcMessage[]> {
  const vector = (name: string): Vector => {
    const isId = name.endsWith('Id');
    return isId && idType === 'INTEGER' ? vectorFromArray([], new Int64()) : vectorFromArray([], new Utf8());
  };
  const table = new Table(Object.fromEntries(columns.map((name) => [name, vector(name)])));
  const messages = await collect(tableToIPC(table, 'stream'));
  return messages.filter(({ kind }) => kind === 'schema');
}

async function collect(stream: Uint8Array): Promise<IpcMessage[]> {
  const messages: IpcMessage[] = [];
  async function* whole() {
    yield stream;
  }
  for await (const message of readStream(whole())) messages.push(message);
  return messages;
}
