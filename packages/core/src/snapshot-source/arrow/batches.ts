/** The record batches of one Arrow file, in order, with its dictionaries as they stand at each. */

import type { FileHandle } from 'node:fs/promises';
import { batchOf, dictionaryOf, type PlacedMessage } from '@graphshift/flight/ipc';
import { GraphshiftError } from '../../platform/errors.ts';
import { type Body, type Codecs, openBody } from './body.ts';
import { ValueProblem } from './conversions.ts';
import { BatchReader } from './decode.ts';
import { concatenated } from './dictionaries.ts';
import { readLayout, unreadable } from './messages.ts';
import { type ArrowColumn, columnsOf } from './schema.ts';
import { BrokenBatch, type Values } from './values.ts';

export interface ArrowFile {
  /** As messages name it. */
  readonly name: string;
  /** Absolute. */
  readonly path: string;
}

/** Rows of one batch; to be read before the next batch is asked for. */
export interface ArrowBatch {
  readonly rows: number;
  /** Rows of the file in front of it. */
  readonly before: number;
  readonly columns: readonly ArrowColumn[];
  /**
   * Rows `from` to `from + count` of a column, as `use` makes them.
   * @throws COLUMN_TYPE naming the row for a value that its type, or `use`, cannot take; FILE_UNREADABLE
   */
  read<T>(column: number, from: number, count: number, use: (values: Values) => T): T;
}

/** The flatbuffers reader checks nothing; what it meets in a broken file are range and type errors. */
export function columnsIn<T>(file: ArrowFile, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (error instanceof GraphshiftError) throw error;
    if (error instanceof RangeError || error instanceof TypeError || error instanceof BrokenBatch)
      throw unreadable(file.name, error.message, error);
    throw error;
  }
}

/**
 * @param scratch a path for a scratch file, made and removed where it is needed
 * @throws FILE_FORMAT, FILE_TRUNCATED, FILE_UNREADABLE, COLUMN_TYPE
 */
export async function* readBatches(
  handle: FileHandle,
  file: ArrowFile,
  codecs: Codecs,
  scratch: string,
): AsyncGenerator<ArrowBatch> {
  const { schema, messages } = await readLayout(handle, file.name);
  const columns = columnsIn(file, () => columnsOf(schema));
  const reader = new FileReader(file, columns);
  for (const message of messages) {
    const body = columnsIn(file, () => openBody(handle.fd, file.name, message, codecs, scratch));
    try {
      const dictionary = dictionaryOf(message.message);
      if (dictionary) columnsIn(file, () => reader.keep(dictionary, message, body));
      else yield reader.open(message, body);
    } finally {
      body.close();
    }
  }
}

class FileReader {
  readonly #file: ArrowFile;
  readonly #columns: readonly ArrowColumn[];
  readonly #dictionaries = new Map<bigint, Values>();
  #row = 0;

  constructor(file: ArrowFile, columns: readonly ArrowColumn[]) {
    this.#file = file;
    this.#columns = columns;
  }

  open(message: PlacedMessage, body: Body): ArrowBatch {
    const batch = columnsIn(
      this.#file,
      () => new BatchReader(batchOf(message.message), body, this.#columns, this.#dictionaries),
    );
    const before = this.#row;
    this.#row += batch.rows;
    return {
      rows: batch.rows,
      before,
      columns: this.#columns,
      read: (index, from, count, use) => {
        const column = this.#columns[index];
        if (!column) throw new BrokenBatch(`column ${index} is missing`);
        return this.#named(column, 'row', before + from, () => use(batch.read(index, from, count)));
      },
    };
  }

  keep({ id, isDelta }: { id: bigint; isDelta: boolean }, message: PlacedMessage, body: Body): void {
    const column = withDictionary(this.#columns, id);
    if (!column) throw new BrokenBatch(`no column has dictionary ${id}`);
    const { dictionary: _, ...plain } = column;
    const batch = new BatchReader(batchOf(message.message), body, [plain], this.#dictionaries);
    const values = this.#named(column, 'dictionary entry', 0, () => batch.read(0, 0, batch.rows));
    const before = this.#dictionaries.get(id);
    this.#dictionaries.set(id, isDelta && before ? concatenated(before, values) : values);
  }

  #named<T>(column: ArrowColumn, place: string, before: number, read: () => T): T {
    try {
      return columnsIn(this.#file, read);
    } catch (error) {
      if (!(error instanceof ValueProblem)) throw error;
      const { name } = this.#file;
      const row = before + error.index + 1;
      const message = `${name} ${place} ${row}: column ${JSON.stringify(column.name)} is ${column.type}, but ${error.message}`;
      throw new GraphshiftError('COLUMN_TYPE', message, {
        details: { file: name, row, column: column.name, type: column.type },
      });
    }
  }
}

function withDictionary(columns: readonly ArrowColumn[], id: bigint): ArrowColumn | undefined {
  for (const column of columns) {
    if (column.dictionary?.id === id) return column;
    const found = column.shape.kind === 'list' ? withDictionary([column.shape.child], id) : undefined;
    if (found) return found;
  }
  return undefined;
}
