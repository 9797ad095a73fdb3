/** Which format a file has, by its suffix; what it holds must agree. */

export type FileFormat = 'parquet' | 'arrow';

/** Arrow IPC, file or stream, under either of its suffixes; Feather version 2 is the file. */
const FORMATS: Readonly<Record<string, FileFormat>> = {
  parquet: 'parquet',
  arrow: 'arrow',
  feather: 'arrow',
};

/** For messages. */
export const SUFFIXES = '.parquet, .arrow or .feather';

export function formatOf(path: string): FileFormat | undefined {
  return FORMATS[/\.(\w+)$/.exec(path)?.[1]?.toLowerCase() ?? ''];
}
