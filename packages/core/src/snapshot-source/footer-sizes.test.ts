import { copyFile, mkdir, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { makeSnapshotRoot, type SnapshotRoot } from '@graphshift/testkit';
import { tableFromArrays, tableToIPC } from 'apache-arrow';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readSnapshotSize } from './footer-sizes.ts';

let root: SnapshotRoot;

beforeAll(async () => {
  root = await makeSnapshotRoot();
});
afterAll(() => root.remove());

const ROWS = 5000;
const nodes = (from: string) => `SELECT i AS id, 'P' AS labels, i * 2 AS twice FROM range(${from}) t(i)`;

describe('the sizes that footers tell', () => {
  it('are the rows of every file, and the bytes that their values take uncompressed', async () => {
    const path = await root.write({
      customer: 'acme',
      timestamp: 1,
      nodes: { P: [nodes(`0, ${ROWS}`), nodes(`${ROWS}, ${2 * ROWS}`)], Q: nodes('20000, 20010') },
      relationships: {
        R: `SELECT i AS source, i AS target, 'R' AS type, i / 7.0::DOUBLE AS share FROM range(${ROWS}) t(i)`,
      },
    });
    const size = await readSnapshotSize(path);
    expect(size).toMatchObject({ files: 4, arrowBytes: 0 });
    expect(size?.nodes).toMatchObject({ rows: 2 * ROWS + 10, floats: false });
    expect(size?.relationships).toMatchObject({ rows: ROWS, floats: true });
    // Two numbers of eight bytes a node, and a label of a few; three numbers a relationship.
    expect(size?.nodes.content).toBeGreaterThan(2 * ROWS * 16);
    expect(size?.nodes.content).toBeLessThan(2 * ROWS * 40);
    expect(size?.nodes.properties).toBeGreaterThanOrEqual(2 * ROWS * 8);
    expect(size?.relationships.properties).toBeGreaterThanOrEqual(ROWS * 8);
    expect(size?.relationships.properties).toBeLessThan(ROWS * 16);
    expect(size?.largest).toBeLessThan(size?.nodes.content ?? 0);
  });

  it('are told by Arrow files too, of either kind', async () => {
    const path = join(root.path, 'arrow', '1');
    await mkdir(join(path, 'nodes', 'P'), { recursive: true });
    const id = BigInt64Array.from({ length: ROWS }, (_, index) => BigInt(index));
    const share = Float64Array.from(id, Number);
    const table = tableFromArrays({ id, labels: Array.from(id, () => 'P'), share });
    await writeFile(join(path, 'nodes', 'P', 'a.arrow'), tableToIPC(table, 'file'));
    await writeFile(join(path, 'nodes', 'P', 'b.feather'), tableToIPC(table, 'stream'));
    const size = await readSnapshotSize(path);
    expect(size?.nodes).toMatchObject({ rows: 2 * ROWS, floats: true });
    expect(size?.nodes.content).toBeGreaterThan(2 * ROWS * 16);
    expect(size?.arrowBytes).toBe(size?.bytes);
  });

  it('are those of a part of the files where there are many, byte for byte', async () => {
    const path = await root.write({ customer: 'many', timestamp: 1, nodes: { P: nodes(`0, ${ROWS}`) } });
    const folder = join(path, 'nodes', 'P');
    for (let file = 1; file < 300; file += 1)
      await copyFile(join(folder, 'part-0.parquet'), join(folder, `part-${file}.parquet`));
    // What cannot be read is judged by the others.
    for (let file = 0; file < 300; file += 7) await truncate(join(folder, `part-${file}.parquet`), 3000);
    const size = await readSnapshotSize(path);
    expect(size?.files).toBe(300);
    const { bytes = 0 } = (await readSnapshotSize(path)) ?? {};
    expect(size?.nodes.rows).toBeGreaterThan(250 * ROWS);
    expect(size?.nodes.rows).toBeLessThan(300 * ROWS);
    expect(bytes).toBe(size?.bytes);
  });

  it('are guessed from the bytes where no file can be read, and unknown where there is none', async () => {
    const path = join(root.path, 'broken', '1');
    await mkdir(join(path, 'nodes', 'P'), { recursive: true });
    expect(await readSnapshotSize(path)).toBeUndefined();
    const bad = {
      'a.parquet': 'PAR1',
      'b.arrow': 'ARROW1',
      'c.parquet': `${'x'.repeat(50)}\xff\xff\xff\x7fPAR1`,
    };
    for (const [name, text] of Object.entries(bad))
      await writeFile(join(path, 'nodes', 'P', name), text, 'latin1');
    const size = await readSnapshotSize(path);
    expect(size?.nodes.content).toBe(3 * (size?.bytes ?? 0));
    await rm(path, { recursive: true });
    expect(await readSnapshotSize(path)).toBeUndefined();
  });
});
