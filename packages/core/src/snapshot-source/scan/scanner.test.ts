import { mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { snapshotsOf } from './find.ts';
import type { ScanPage } from './scan-commands.ts';
import { Scanner } from './scanner.ts';

let base: string;
let root: string;
let scanner: Scanner;
const stopping = new AbortController();

beforeEach(async () => {
  base = await mkdtemp(join(tmpdir(), 'graphshift-scanner-'));
  root = join(base, 'root');
  await mkdir(root);
  scanner = new Scanner(stopping.signal);
});
afterEach(async () => {
  await scanner.stop();
  await rm(base, { recursive: true, force: true });
});

const make = (...path: string[]) => mkdir(join(root, ...path), { recursive: true });

async function scan(options: { full?: boolean; everything?: boolean } = {}) {
  const summary = await scanner.scan({
    root,
    now: Date.now(),
    full: false,
    everything: false,
    ...options,
  });
  const pages: ScanPage[] = [];
  for await (const page of scanner.pages(root)) pages.push(page);
  const ids = (all: ScanPage['found']) =>
    all
      .flatMap((times) => snapshotsOf(root, times))
      .map(({ customer, timestamp }) => `${customer}@${timestamp}`);
  return {
    summary,
    pages: pages.length,
    largest: Math.max(0, ...pages.map((page) => ids(page.found).length + ids(page.gone).length)),
    found: pages.flatMap((page) => ids(page.found)),
    gone: pages.flatMap((page) => ids(page.gone)),
    refused: pages.flatMap((page) => page.refused.map(({ error }) => error.code)),
  };
}

describe('a scanner', () => {
  it('hands over differences only, and everything again when asked', async () => {
    await make('acme', '1');
    await make('acme', '2');
    await make('a_b');
    expect(await scan()).toMatchObject({
      summary: { everything: true },
      found: ['acme@1', 'acme@2'],
      refused: ['CUSTOMER_NAME'],
    });
    expect(await scan()).toMatchObject({ summary: { everything: false, refusalsMoved: false }, pages: 0 });
    await make('beta', '3');
    await rename(join(root, 'acme', '1'), join(base, 'away'));
    expect(await scan()).toMatchObject({ found: ['beta@3'], gone: ['acme@1'], refused: [] });
    expect(await scan({ everything: true })).toMatchObject({
      found: ['acme@2', 'beta@3'],
      refused: ['CUSTOMER_NAME'],
    });
  });

  it('hands over in pages, whether one customer has many snapshots or many have few', async () => {
    for (let time = 1; time <= 1100; time += 1) await make('many', String(time));
    for (let index = 0; index < 200; index += 1) await make(`few-x${index}x`, '1');
    const first = await scan();
    expect(first.found).toHaveLength(1300);
    expect(new Set(first.found).size).toBe(1300);
    expect(first.largest).toBe(1000);
    await rm(join(root, 'many'), { recursive: true });
    expect(await scan()).toMatchObject({ found: [], largest: 1000, pages: 2 });
  });

  it('goes on in a new process where the old one was killed, and finds everything anew', async () => {
    await make('acme', '1');
    await scan();
    const killed = scanner.pid;
    process.kill(Number(killed), 'SIGKILL');
    const again = await vi.waitFor(() => scan(), { timeout: 60_000 });
    expect(again).toMatchObject({ summary: { everything: true }, found: ['acme@1'] });
    expect(scanner.pid).not.toBe(killed);
  });

  it('keeps what it knows of a root that cannot be read for a while', async () => {
    await make('acme', '1');
    await scan();
    await rename(root, join(base, 'away'));
    await expect(scan()).rejects.toMatchObject({ code: 'ROOT_UNREADABLE' });
    await expect(scanner.check(root)).rejects.toMatchObject({ code: 'ROOT_UNREADABLE' });
    await rename(join(base, 'away'), root);
    expect(await scan()).toMatchObject({ summary: { everything: false }, found: [], gone: [] });
  });

  it('looks at snapshots in the order that was asked for, and never fails for what is there', async () => {
    await make('acme', '1', 'nodes', 'Person');
    await writeFile(join(root, 'acme', '2'), '');
    const paths = ['1', '2', '3'].map((name) => join(root, 'acme', name));
    const looks = await scanner.look(root, 'settled', [...paths, ...Array(300).fill(paths[0])]);
    expect(looks).toHaveLength(303);
    expect(looks.slice(0, 4).map(({ problem }) => problem?.code)).toEqual([
      'SNAPSHOT_EMPTY',
      'SNAPSHOT_GONE',
      'SNAPSHOT_GONE',
      'SNAPSHOT_EMPTY',
    ]);
  });

  it('ends with its signal', async () => {
    const stop = new AbortController();
    const other = new Scanner(stop.signal);
    await other.check(root);
    stop.abort();
    await expect(other.check(root)).rejects.toThrow();
    await other.stop();
    expect(() => process.kill(Number(other.pid), 0)).toThrow(/ESRCH/);
  });
});
