/**
 * How much a snapshot holds, from the footers of its files alone, read in the calling process: a look of milliseconds
 * that a load can be weighed by. It proves nothing; what is wrong with a file shows when the load checks it.
 */

import { type FileHandle, open } from 'node:fs/promises';
import { join } from 'node:path';
import { batchOf } from '@graphshift/flight/ipc';
import { parquetMetadata } from 'hyparquet/src/metadata.js';
import { readLayout } from './arrow/messages.ts';
import { columnsOf } from './arrow/schema.ts';
import { formatOf } from './file-format.ts';
import { type GroupKind, type ListedFile, listSnapshot, rootOf } from './layout.ts';

/** All labels, or all types, together. */
export interface KindSize {
  readonly rows: number;
  /** Bytes of the values, uncompressed; of text as the file has it, which may be a dictionary and indices into it. */
  readonly content: number;
  /** The share of it that is neither id nor label nor type. */
  readonly properties: number;
  /** Whether a property is FLOAT or DOUBLE. */
  readonly floats: boolean;
}

export interface SnapshotSize {
  readonly files: number;
  /** Of the files as they are. */
  readonly bytes: number;
  /** Of the Arrow files among them. */
  readonly arrowBytes: number;
  readonly nodes: KindSize;
  readonly relationships: KindSize;
  /** Content of the largest label or type. */
  readonly largest: number;
}

/** More files than this are judged by as many of them, evenly taken from each folder. */
const FILES_READ = 128;
/** The usual footer is in these last bytes of a file. */
const TAIL_BYTES = 64 * 1024;
/** A longer footer would hold the event loop; its file is judged by the others. */
const FOOTER_MAX_BYTES = 1024 * 1024;
/** Of a file that was not read, where no other tells: snappy and dictionaries make of three bytes one. */
const CONTENT_A_BYTE = 3;
const BYTES_A_ROW = 40;
/** Of compressed Arrow buffers, whose metadata does not tell the length they had. */
const COMPRESSED_BY = 2;
const AT_ONCE = 8;

type Measure = (file: ListedFile, path: string) => Promise<KindSize | undefined>;

/** Columns that are no properties: id and labels, or source, target and type. */
const OWN_COLUMNS: Readonly<Record<GroupKind, number>> = { nodes: 2, relationships: 3 };

/**
 * @param path the snapshot's absolute directory
 * @returns undefined where the directory cannot be read, or holds no file that counts
 */
export async function readSnapshotSize(path: string): Promise<SnapshotSize | undefined> {
  const { files, bytes } = await listSnapshot(path, rootOf(path));
  if (files.length === 0) return undefined;
  const folders = byFolder(files);
  const every = Math.ceil(files.length / FILES_READ);
  const sizes: { kind: GroupKind; size: KindSize }[] = [];
  for (const members of folders.values()) {
    const chosen = members.filter((_, index) => index % every === 0);
    sizes.push({ kind: members[0]?.kind ?? 'nodes', size: scaled(members, await measureAll(path, chosen)) });
  }
  const of = (kind: GroupKind) => sum(sizes.filter((one) => one.kind === kind).map(({ size }) => size));
  return {
    files: files.length,
    bytes,
    arrowBytes: bytesOf(files.filter((file) => formatOf(file.path) === 'arrow')),
    nodes: of('nodes'),
    relationships: of('relationships'),
    largest: Math.max(...sizes.map(({ size }) => size.content)),
  };
}

function byFolder(files: readonly ListedFile[]): Map<string, ListedFile[]> {
  const folders = new Map<string, ListedFile[]>();
  for (const file of files) {
    const folder = `${file.kind}/${file.group}`;
    const members = folders.get(folder);
    if (members) members.push(file);
    else folders.set(folder, [file]);
  }
  return folders;
}

interface Measured {
  readonly bytes: number;
  readonly size: KindSize;
}

async function measureAll(path: string, files: readonly ListedFile[]): Promise<Measured[]> {
  const found: Measured[] = [];
  for (let start = 0; start < files.length; start += AT_ONCE) {
    const batch = files.slice(start, start + AT_ONCE).map(async (file) => {
      const format = formatOf(file.path);
      // What cannot be read fails the load, with its name; here it is only unknown.
      const size = format && (await MEASURES[format](file, join(path, file.path)).catch(() => undefined));
      if (size) found.push({ bytes: file.bytes, size });
    });
    await Promise.all(batch);
  }
  return found;
}

const MEASURES: Readonly<Record<'parquet' | 'arrow', Measure>> = {
  parquet: ({ kind }, path) => withFile(path, (file) => measureParquet(file, OWN_COLUMNS[kind])),
  arrow: ({ kind, path: name }, path) =>
    withFile(path, (file) => measureArrow(file, name, OWN_COLUMNS[kind])),
};

/** A folder's size by those of its files that were read, byte for byte. */
function scaled(members: readonly ListedFile[], read: readonly Measured[]): KindSize {
  const bytes = bytesOf(members);
  const size = sum(read.map((one) => one.size));
  const seen = bytesOf(read);
  if (read.length === members.length) return size;
  if (seen === 0) {
    const content = bytes * CONTENT_A_BYTE;
    return { rows: Math.ceil(bytes / BYTES_A_ROW), content, properties: content / 2, floats: true };
  }
  const all = (figure: number) => Math.round((figure * bytes) / seen);
  const { rows, content, properties, floats } = size;
  return { rows: all(rows), content: all(content), properties: all(properties), floats };
}

async function withFile<T>(path: string, use: (file: FileHandle) => Promise<T>): Promise<T> {
  const file = await open(path, 'r');
  try {
    return await use(file);
  } finally {
    await file.close();
  }
}

/** Bytes of a value of a fixed size; encodings such as dictionaries and deltas make it look smaller than it is. */
const WIDTHS: Readonly<Record<string, number>> = {
  BOOLEAN: 1,
  INT32: 4,
  INT64: 8,
  INT96: 12,
  FLOAT: 4,
  DOUBLE: 8,
};
/** What a store needs at least for a text, beside its dictionary. */
const TEXT_BYTES = 4;

async function measureParquet(file: FileHandle, own: number): Promise<KindSize | undefined> {
  const { size: length } = await file.stat();
  let tail = await lastBytes(file, length, TAIL_BYTES);
  const footer = tail.readUInt32LE(tail.length - 8) + 8;
  if (footer > FOOTER_MAX_BYTES) return undefined;
  if (footer > tail.length) tail = await lastBytes(file, length, footer);
  const { row_groups: groups, schema } = parquetMetadata(tail, { geoparquet: false });
  const names = topColumns(schema).slice(0, own);
  const size = { rows: 0, content: 0, properties: 0, floats: false };
  for (const group of groups) {
    size.rows += Number(group.num_rows);
    for (const { meta_data: chunk } of group.columns) {
      if (!chunk) continue;
      const least = Number(chunk.num_values) * (WIDTHS[chunk.type] ?? TEXT_BYTES);
      const bytes = Math.max(Number(chunk.total_uncompressed_size), least);
      size.content += bytes;
      if (names.includes(chunk.path_in_schema[0] ?? '')) continue;
      size.properties += bytes;
      size.floats ||= chunk.type === 'FLOAT' || chunk.type === 'DOUBLE';
    }
  }
  return size;
}

interface SchemaElement {
  readonly name: string;
  readonly num_children?: number | undefined;
}

/** Names of the columns, which the tree of the schema has in its second level, depth first. */
function topColumns(schema: readonly SchemaElement[]): string[] {
  const names: string[] = [];
  let at = 1;
  const skip = (): void => {
    let children = schema[at]?.num_children ?? 0;
    at += 1;
    for (; children > 0 && at < schema.length; children -= 1) skip();
  };
  while (at < schema.length) {
    names.push(schema[at]?.name ?? '');
    skip();
  }
  return names;
}

async function lastBytes(file: FileHandle, size: number, length: number): Promise<Buffer> {
  const buffer = Buffer.alloc(Math.min(size, length));
  const { bytesRead } = await file.read(buffer, 0, buffer.length, size - buffer.length);
  return buffer.subarray(0, bytesRead);
}

async function measureArrow(file: FileHandle, name: string, own: number): Promise<KindSize> {
  const { schema, messages, rows } = await readLayout(file, name);
  let content = 0;
  for (const { message, bodyBytes } of messages)
    content += bodyBytes * (batchOf(message).compression() ? COMPRESSED_BY : 1);
  const columns = columnsOf(schema);
  const floats = columns.slice(own).some(({ type }) => /^(FLOAT|DOUBLE)\b/.test(type));
  const share = Math.max(0, columns.length - own) / Math.max(1, columns.length);
  return { rows, content, properties: Math.round(content * share), floats };
}

function bytesOf(files: readonly { readonly bytes: number }[]): number {
  return files.reduce((total, file) => total + file.bytes, 0);
}

function sum(sizes: readonly KindSize[]): KindSize {
  const total = { rows: 0, content: 0, properties: 0, floats: false };
  for (const { rows, content, properties, floats } of sizes) {
    total.rows += rows;
    total.content += content;
    total.properties += properties;
    total.floats ||= floats;
  }
  return total;
}
