/** Loads one piece of a shared load: reads its part of the files, cuts it into its chunks, and writes what is missing. */

import { realpath, rm, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { GraphshiftError } from '../../../platform/errors.ts';
import type { Duck } from '../../../snapshot-source/duckdb.ts';
import { readFooters } from '../../../snapshot-source/footers.ts';
import { readFailure } from '../../../snapshot-source/inspect.ts';
import { isGone, type ListedFile, leadsInside, rootOf } from '../../../snapshot-source/layout.ts';
import { openSource } from '../../../snapshot-source/sources.ts';
import { createView, type RowRange, viewOf } from '../../../snapshot-source/views.ts';
import type { BatchSize } from './batches.ts';
import { isOfServer } from './failures.ts';
import { fill } from './filling.ts';
import {
  cutterOf,
  groupOf,
  type PieceFile,
  type PiecePlan,
  type SharedGroup,
  type SharedPlan,
} from './pieces.ts';
import type { Build } from './progress-marks.ts';
import type { BoltSettings } from './settings.ts';
import { Stager } from './staging.ts';

export interface PieceWork {
  readonly duck: Duck;
  /** The snapshot's directory. */
  readonly path: string;
  /** A directory of the process's own. */
  readonly scratch: string;
  readonly build: Build;
  readonly settings: BoltSettings;
  readonly size: BatchSize;
  readonly shared: SharedPlan;
  /** Called after each batch with its rows. */
  readonly onRows: (rows: number) => void;
}

/**
 * What is whole is left as it is; what another process has begun is gone on with.
 * @throws SNAPSHOT_CHANGED, SNAPSHOT_GONE, FILE_UNREADABLE naming file and column, FENCED
 */
export async function loadPiece(work: PieceWork, piece: PiecePlan): Promise<void> {
  const path = resolve(work.path);
  await refuseOtherCut(work);
  const before = await unmoved(path, piece.files);
  try {
    await fillPiece(work, path, before, piece);
  } catch (error) {
    // What happened to the files explains a failure better than the failure does.
    await unmoved(path, piece.files);
    if (error instanceof GraphshiftError || isOfServer(error)) throw error;
    throw await readFailure(work.duck, path, piece.files, error).catch(() => error);
  }
  await unmoved(path, piece.files);
}

/** Where workers are upgraded one after the other, others load the chunk. @throws ABORTED */
async function refuseOtherCut({ duck, shared: { cutBy } }: PieceWork): Promise<void> {
  const own = await cutterOf(duck);
  if (own === cutBy) return;
  throw new GraphshiftError('ABORTED', `rows are cut by ${cutBy}, and this process has ${own}`, {
    details: { elsewhere: true },
  });
}

async function fillPiece(
  work: PieceWork,
  path: string,
  files: readonly ListedFile[],
  piece: PiecePlan,
): Promise<void> {
  const { duck, settings, build, size, shared, onRows } = work;
  const scratch = join(work.scratch, `piece-${piece.number}`);
  const group = groupOf(shared, piece);
  try {
    await openView(duck, path, shared.groups[piece.group] as SharedGroup, piece, files);
    const plan = { groups: [group], fingerprint: '' };
    const own = { ...settings, idProperty: shared.idProperty };
    const stager = new Stager(duck, path, scratch);
    await fill({ build, duck, plan, settings: own, stager, size, onRows }, group.kind);
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

/** A view over the rows of the piece, with the columns that the whole group has. */
async function openView(
  duck: Duck,
  path: string,
  { kind, index, columns }: SharedGroup,
  { files: [first], number }: PiecePlan,
  files: readonly ListedFile[],
): Promise<void> {
  const view = viewOf(kind, index);
  // Names and types were checked when the load was planned, and the files are those of then.
  const { variants } = await readFooters(duck, path, files, () => {});
  const { signal } = new AbortController();
  const sources: Parameters<typeof createView>[4][number][] = [];
  for (const [place, variant] of variants.entries())
    sources.push([variant, await openSource(duck, path, variant, `piece_${number}_${place}`, signal)]);
  const range: RowRange | undefined =
    first?.from === undefined ? undefined : { from: first.from, rows: first.rows };
  await createView(duck, path, view, columns, sources, range);
}

/** The piece's files as they are now. @throws SNAPSHOT_CHANGED, SNAPSHOT_GONE, SNAPSHOT_LINK */
async function unmoved(path: string, files: readonly PieceFile[]): Promise<ListedFile[]> {
  const root = await realpath(rootOf(path));
  const found: ListedFile[] = [];
  for (const file of files) {
    const { path: name, bytes, modifiedNs } = file;
    const details = { file: name };
    const now = await stat(join(path, name), { bigint: true }).catch((error: unknown) => {
      if (!isGone(error)) throw error;
      throw new GraphshiftError('SNAPSHOT_GONE', `${name} went while the snapshot was read`, { details });
    });
    if (Number(now.size) !== bytes || String(now.mtimeNs) !== modifiedNs)
      throw new GraphshiftError('SNAPSHOT_CHANGED', `${name} changed while it was read`, { details });
    if (!(await leadsInside(join(path, name), root)))
      throw new GraphshiftError('SNAPSHOT_LINK', `${name} is a link that leads out of the root`, { details });
    const [kind, group] = name.split('/') as [ListedFile['kind'], string];
    found.push({ path: name, kind, group, bytes, modifiedAt: Number(now.mtimeMs), modifiedNs: now.mtimeNs });
  }
  return found;
}
