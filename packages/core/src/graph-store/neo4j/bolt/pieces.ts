/**
 * How a load that is shared is cut: into pieces of files, so that whoever loads one reads nothing else. Each piece is cut
 * into chunks with marks of their own as a whole load is, by the same rules. The same files and settings give the same
 * pieces, whoever asks, so that another coordinator goes on with them.
 */

import { createHash } from 'node:crypto';
import { join } from 'node:path';
import type { SnapshotColumn, SnapshotGroup, SnapshotManifest } from '../../../snapshot/manifest.ts';
import { elementType, ZONED_NANOSECONDS } from '../../../snapshot-source/column-types.ts';
import { type Duck, quoteFiles } from '../../../snapshot-source/duckdb.ts';
import { formatOf } from '../../../snapshot-source/file-format.ts';
import type { Listing } from '../../../snapshot-source/layout.ts';
import type { LoadChunk } from '../../sharing.ts';
import { type ChunkPlan, cutRows, type GroupPlan, type LoadPlan } from './plan.ts';
import type { BoltSettings } from './settings.ts';

/** A piece has so much of the files of the least snapshot that is shared… */
const PIECES_OF_LEAST = 8;
/** …or more, so that a load has about as many as this: each piece has up to 136 marks. */
const MOST_PIECES = 1024;
/** A file is read in parts from this many pieces on. */
const CUT_FROM = 1.5;

export interface PieceFile {
  /** Relative to the snapshot's directory. */
  readonly path: string;
  /** Of the whole file, as it was checked: size, and modification time in nanoseconds. */
  readonly bytes: number;
  readonly modifiedNs: string;
  /** Of the piece. */
  readonly rows: number;
  /** Rows of the file before them, where it is cut. */
  readonly from?: number;
}

export interface PiecePlan {
  readonly number: number;
  /** Place in the plan's groups. */
  readonly group: number;
  readonly files: readonly PieceFile[];
  readonly rows: number;
  readonly bytes: number;
  /** DuckDB's expression for the part of a row; undefined where there is one. */
  readonly part?: string;
  readonly chunks: readonly ChunkPlan[];
}

/** What all pieces of a group have in common. */
export interface SharedGroup extends Omit<GroupPlan, 'part' | 'chunks'> {
  /** Of the group's view. */
  readonly columns: readonly SnapshotColumn[];
}

/** What all pieces have in common, beside what each process sets for itself. */
export interface SharedPlan {
  /** By what rows were cut: another DuckDB may hash and order them otherwise. */
  readonly cutBy: string;
  readonly idProperty: string;
  readonly groups: readonly SharedGroup[];
}

export interface SharedLoad {
  /** With the chunks of all pieces. */
  readonly plan: LoadPlan;
  readonly shared: SharedPlan;
  readonly pieces: readonly PiecePlan[];
}

interface Files {
  readonly duck: Duck;
  /** The snapshot's directory. */
  readonly path: string;
  readonly manifest: SnapshotManifest;
  readonly listing: Listing;
}

/** Cuts a plan into pieces. @param leastBytes of the files of a snapshot that is shared */
export async function sharePlan(
  { duck, path, manifest, listing }: Files,
  plan: LoadPlan,
  leastBytes: number,
  { idProperty }: BoltSettings,
): Promise<SharedLoad> {
  const pieceBytes = Math.max(leastBytes / PIECES_OF_LEAST, manifest.bytes / MOST_PIECES);
  const times = new Map(listing.files.map((file) => [file.path, String(file.modifiedNs)]));
  const pieces: PiecePlan[] = [];
  const groups: GroupPlan[] = [];
  const shared: SharedGroup[] = [];
  let key = 0;
  for (const { part: _, chunks: _all, ...group } of plan.groups) {
    const found = manifest[group.kind][group.index];
    if (!found) continue;
    const own: ChunkPlan[] = [];
    for (const parts of gather(await partsOf(duck, path, found, pieceBytes), pieceBytes)) {
      const [rows, bytes] = [sum(parts, 'rows'), sum(parts, 'part')];
      const cut = cutRows(group.kind, group.ids, rows);
      const chunks = cut.parts.map((one) => ({ ...one, key: key++ }));
      const files = parts.map(({ file, rows: count, from }) => ({
        path: file.path,
        bytes: file.bytes,
        modifiedNs: times.get(file.path) ?? '',
        rows: count,
        ...(from !== undefined && { from }),
      }));
      const number = pieces.length;
      pieces.push({
        number,
        group: groups.length,
        files,
        rows,
        bytes,
        ...(cut.part !== undefined && { part: cut.part }),
        chunks,
      });
      own.push(...chunks);
    }
    groups.push({ ...group, chunks: own });
    shared.push({ ...group, columns: found.columns });
  }
  const basis = JSON.stringify([plan.fingerprint, pieces]);
  const fingerprint = createHash('sha256').update(basis).digest('hex');
  const cutBy = await cutterOf(duck);
  return { plan: { groups, fingerprint }, shared: { cutBy, idProperty, groups: shared }, pieces };
}

/** How this process cuts rows. */
export async function cutterOf(duck: Duck): Promise<string> {
  const [found] = await duck.rows('SELECT version() AS version');
  return `DuckDB ${found?.version}`;
}

/** A piece as a group of its own. */
export function groupOf({ groups }: SharedPlan, piece: PiecePlan): GroupPlan {
  const { columns: _, ...group } = groups[piece.group] as SharedGroup;
  const { rows, bytes, part, chunks } = piece;
  return { ...group, rows, bytes, chunks, ...(part !== undefined && { part }) };
}

export function chunkOf({ shared }: SharedLoad, piece: PiecePlan): LoadChunk {
  const { number, rows, bytes } = piece;
  const { kind, name } = shared.groups[piece.group] as SharedGroup;
  const files = piece.files.map(({ path, rows: count, from }) => ({
    path,
    rows: count,
    ...(from !== undefined && { from }),
  }));
  return { number, kind, name, rows, bytes, files, work: JSON.stringify(piece) };
}

type GroupFile = SnapshotGroup['files'][number];

interface FilePart {
  readonly file: GroupFile;
  readonly rows: number;
  /** Bytes of the part. */
  readonly part: number;
  readonly from?: number;
}

/** Files as they are, and large ones in row groups. */
async function partsOf(
  duck: Duck,
  path: string,
  { files, columns }: SnapshotGroup,
  pieceBytes: number,
): Promise<FilePart[]> {
  // These are read from a copy, which whoever reads a part would have to make of the whole.
  const copied = columns.some(({ type }) => elementType(type) === ZONED_NANOSECONDS);
  const cuttable = (file: GroupFile) =>
    !copied && file.bytes > pieceBytes * CUT_FROM && formatOf(file.path) === 'parquet';
  const rowGroups = await rowGroupsOf(duck, path, files.filter(cuttable));
  return files
    .filter(({ rows }) => rows > 0)
    .flatMap((file): FilePart[] => {
      const found = rowGroups.get(file.path) ?? [];
      if (found.length < 2) return [{ file, rows: file.rows, part: file.bytes }];
      let from = 0;
      return found.map((rows) => {
        const part = { file, rows, part: Math.round((file.bytes * rows) / file.rows), from };
        from += rows;
        return part;
      });
    });
}

/** Rows of each row group, by file. */
async function rowGroupsOf(
  duck: Duck,
  path: string,
  files: readonly GroupFile[],
): Promise<Map<string, number[]>> {
  const found = new Map<string, number[]>();
  for (const { path: file } of files) {
    const rows = await duck.rows(
      `SELECT row_group_id AS id, any_value(row_group_num_rows) AS rows
       FROM parquet_metadata(${quoteFiles([join(path, file)])}) GROUP BY id ORDER BY id`,
    );
    found.set(
      file,
      rows.map((row) => Number(row.rows)),
    );
  }
  return found;
}

/** Neighbours until they are a piece: whole files together, and row groups of one file together. */
function gather(parts: readonly FilePart[], pieceBytes: number): FilePart[][] {
  const pieces: FilePart[][] = [];
  let current: FilePart[] = [];
  const close = () => {
    if (current.length > 0) pieces.push(current);
    current = [];
  };
  for (const part of parts) {
    const [last] = current.slice(-1);
    const fits = sum(current, 'part') + part.part <= pieceBytes;
    const joins = last?.from !== undefined ? last.file === part.file : part.from === undefined;
    if (last && !(fits && joins)) close();
    const before = current.at(-1);
    if (before?.from !== undefined)
      current = [{ ...before, rows: before.rows + part.rows, part: before.part + part.part }];
    else current.push(part);
  }
  close();
  return pieces;
}

function sum(parts: readonly FilePart[], field: 'rows' | 'part'): number {
  return parts.reduce((total, part) => total + part[field], 0);
}
