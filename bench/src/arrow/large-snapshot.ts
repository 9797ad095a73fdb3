import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { writeSnapshot } from '@graphshift/core';

/** Of Parquet for a row of either kind, as DuckDB writes these columns. */
const ROW_BYTES = 130;
/** One node to so many relationships. */
const RELATIONSHIPS_PER_NODE = 2;
/** About 65 MB. */
const FILE_ROWS = 500_000;

export interface LargeSnapshot {
  /** Its directory. */
  readonly path: string;
  readonly nodes: number;
  readonly relationships: number;
  /** Of all files. */
  readonly bytes: number;
}

/** Writes accounts and transfers between them whose texts do not compress. @param megabytes about, in all */
export async function writeLargeSnapshot(
  root: string,
  name: { readonly customer: string; readonly timestamp: number },
  megabytes: number,
): Promise<LargeSnapshot> {
  const rows = Math.ceil((megabytes * 1e6) / ROW_BYTES);
  const nodes = Math.max(1, Math.round(rows / (1 + RELATIONSHIPS_PER_NODE)));
  const relationships = nodes * RELATIONSHIPS_PER_NODE;
  const digits = (salt: number) => `CAST(hash(i, ${salt}) AS VARCHAR)`;
  const text = (...salts: number[]) => salts.map(digits).join(` || ' ' || `);
  const account = (salt: number) => `'account-' || (hash(i, ${salt}) % ${nodes})`;
  const path = await writeSnapshot(root, {
    ...name,
    nodes: {
      Account: filesOf(
        nodes,
        `'account-' || i AS id, 'Account' AS labels, ${text(1, 2)} AS name, ${text(3, 4, 5, 6, 7)} AS note,
         CAST(hash(i, 8) % 1000000 AS BIGINT) AS balance, (hash(i, 9) % 100000) / 1000.0::DOUBLE AS score`,
      ),
    },
    relationships: {
      TRANSFER: filesOf(
        relationships,
        `${account(10)} AS source, ${account(11)} AS target, 'TRANSFER' AS type, ${text(12, 13)} AS reference,
         ${text(14, 15, 16, 17)} AS purpose, CAST(hash(i, 18) % 1000000 AS BIGINT) AS amount`,
      ),
    },
  });
  return { path, nodes, relationships, bytes: await bytesBelow(path) };
}

function filesOf(rows: number, columns: string): string[] {
  const starts = Array.from({ length: Math.ceil(rows / FILE_ROWS) }, (_, index) => index * FILE_ROWS);
  return starts.map(
    (start) => `SELECT ${columns} FROM range(${start}, ${Math.min(rows, start + FILE_ROWS)}) rows(i)`,
  );
}

async function bytesBelow(path: string): Promise<number> {
  const files = (await readdir(path, { recursive: true, withFileTypes: true })).filter((file) =>
    file.isFile(),
  );
  const sizes = await Promise.all(files.map((file) => stat(join(file.parentPath, file.name))));
  return sizes.reduce((sum, { size }) => sum + size, 0);
}
