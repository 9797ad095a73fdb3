/**
 * What a view over a snapshot's files reads: most Parquet files themselves, some from a copy, and Arrow files as
 * the Parquet that they were decoded to. Both stand in DuckDB's scratch directory and go with it.
 */

import { join } from 'node:path';
import { messageOf } from '../platform/errors.ts';
import { importArrow } from './arrow/import.ts';
import { unreadable } from './arrow/messages.ts';
import { elementType, ZONED_NANOSECONDS } from './column-types.ts';
import type { Duck } from './duckdb.ts';
import type { SchemaVariant } from './footers.ts';
import { copyWithoutZones } from './parquet-zones.ts';

export type VariantSource =
  | { readonly kind: 'parquet'; readonly root: string }
  | { readonly kind: 'arrow'; readonly parts: readonly string[] };

/**
 * @param path the snapshot's absolute directory
 * @param name unique among all sources of the snapshot
 * @throws COLUMN_TYPE, FILE_UNREADABLE, and the signal's reason when it aborts
 */
export async function openSource(
  duck: Duck,
  path: string,
  variant: SchemaVariant,
  name: string,
  signal: AbortSignal,
): Promise<VariantSource> {
  if (variant.arrow) {
    const files = variant.files.map((file) => ({ name: file.path, path: join(path, file.path) }));
    return { kind: 'arrow', parts: await importArrow(duck, name, files, variant.arrow, signal) };
  }
  if (!variant.columns.some(({ type }) => elementType(type) === ZONED_NANOSECONDS))
    return { kind: 'parquet', root: path };
  const root = join(duck.spillDirectory, 'without-zones');
  for (const file of variant.files) {
    signal.throwIfAborted();
    await copyWithoutZones(join(path, file.path), join(root, file.path)).catch((error: unknown) => {
      if (error instanceof RangeError) throw unreadable(file.path, messageOf(error), error);
      throw error;
    });
  }
  return { kind: 'parquet', root };
}
