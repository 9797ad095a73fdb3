import { appendFile, cp, mkdir, mkdtemp, rename, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import {
  type Clock,
  declareSnapshot,
  lookAtSnapshot,
  type ReadinessRule,
  systemClock,
} from '@graphshift/core';
import { smallContent, writeSnapshot } from '@graphshift/testkit';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Settled, WatchList } from '../src/watch-list.ts';

const SETTLE_MS = 5000;
const PERSON = 'nodes/Person/part-0.parquet';

let base: string;
let root: string;
beforeEach(async () => {
  base = await mkdtemp(join(tmpdir(), 'graphshift-watch-'));
  root = join(base, 'root');
  await mkdir(root);
});
afterEach(() => rm(base, { recursive: true, force: true }));

/** A clock that stands still until it is moved. */
function standingClock(): Clock & { advance(ms: number): void } {
  let now = 1_700_000_000_000;
  return {
    ...systemClock,
    now: () => now,
    advance: (ms) => {
      now += ms;
    },
  };
}

/** A snapshot on a list under a rule; `look` answers what is ready, and `awaits` what was told about it. */
async function watch(rule: ReadinessRule = 'settled') {
  const path = await writeSnapshot(root, smallContent('acme', 1_700_000_000));
  const clock = standingClock();
  const awaits: string[] = [];
  const list = new WatchList({
    clock,
    settleMs: SETTLE_MS,
    look: (snapshots) => Promise.all(snapshots.map((one) => lookAtSnapshot(one.path, root, rule))),
    onAwaits: (_, file) => awaits.push(file),
  });
  list.add({ customer: 'acme', timestamp: 1_700_000_000, path });
  const look = async (): Promise<Settled[]> => {
    const ready: Settled[] = [];
    for await (const batch of list.look()) ready.push(...batch);
    return ready;
  };
  /** What a look finds after so many milliseconds without a change, and one of them less. */
  const afterQuiet = async (ms: number): Promise<Settled[]> => {
    await look();
    clock.advance(ms - 1);
    expect(await look()).toEqual([]);
    clock.advance(1);
    return look();
  };
  return { path, clock, list, look, afterQuiet, awaits, file: join(path, PERSON) };
}

describe('readiness by settling', () => {
  it('takes two looks of our own, the settle time apart', async () => {
    const { afterQuiet } = await watch();
    expect(await afterQuiet(SETTLE_MS)).toMatchObject([{ files: 4 }]);
  });

  it('begins anew when a file grows or another comes, for as long as it takes', async () => {
    const { path, clock, look, file } = await watch();
    await look();
    for (let turn = 0; turn < 20; turn += 1) {
      clock.advance(SETTLE_MS);
      if (turn % 2 === 0) await appendFile(file, 'more');
      else await writeFile(join(path, `nodes/Person/part-${turn}.parquet`), 'PAR1');
      expect(await look()).toEqual([]);
    }
  });

  it('waits six times as long for what looks unfinished, and then says what is wrong', async () => {
    const { afterQuiet, file } = await watch();
    await appendFile(file, 'not the end of a Parquet file');
    const [settled] = await afterQuiet(SETTLE_MS * 6);
    expect(settled?.problem).toMatchObject({ code: 'FILE_TRUNCATED', details: { file: PERSON } });
  });

  it('begins anew for a snapshot that went and came again, and keeps it meanwhile', async () => {
    const { path, clock, list, look, afterQuiet } = await watch();
    await look();
    await rename(path, join(base, 'away'));
    clock.advance(SETTLE_MS * 100);
    expect(await look()).toEqual([]);
    expect(list.size).toBe(1);
    await rename(join(base, 'away'), path);
    expect(await afterQuiet(SETTLE_MS)).toMatchObject([{ files: 4 }]);
  });

  it('names the newest of a customer first, and goes on where a look was broken off', async () => {
    const clock = standingClock();
    const looked: string[] = [];
    const list = new WatchList({
      clock,
      settleMs: 0,
      look: async (snapshots) => {
        looked.push(...snapshots.map(({ customer }) => customer));
        return snapshots.map(() => ({ files: 1, bytes: 1, fingerprint: 'x', declared: false }));
      },
    });
    for (const customer of ['one', 'two', 'three']) {
      for (let timestamp = 1; timestamp <= 70; timestamp += 1)
        list.add({ customer, timestamp, path: `/data/${customer}/${timestamp}` });
    }
    for await (const batch of list.look()) {
      expect(batch.map(({ snapshot }) => snapshot.timestamp)).toEqual(
        [...Array(70).keys()].map((n) => 70 - n),
      );
      break;
    }
    for await (const _ of list.look()) {
      // Each batch is looked at once.
    }
    expect([...new Set(looked)]).toEqual(['one', 'two', 'three']);
    expect(looked.indexOf('one', 70)).toBe(210);
  });
});

describe('readiness by marker', () => {
  it('is reached as soon as _SUCCESS stands there, however new the files are', async () => {
    const { path, look } = await watch('marker');
    expect(await look()).toEqual([]);
    await declareSnapshot(path, 'marker');
    expect(await look()).toMatchObject([{ files: 4 }]);
  });

  it('waits for the marker without limit, and says so once', async () => {
    const { path, clock, look, awaits } = await watch('marker');
    for (let turn = 0; turn < 50; turn += 1) {
      expect(await look()).toEqual([]);
      expect(awaits).toHaveLength(turn === 0 ? 0 : 1);
      clock.advance(SETTLE_MS * 10);
    }
    await declareSnapshot(path, 'marker');
    expect(await look()).toHaveLength(1);
  });

  it('does not take the word of a marker beside a file that is cut off', async () => {
    const { path, afterQuiet, file } = await watch('marker');
    await declareSnapshot(path, 'marker');
    await truncate(file, 20);
    expect(await afterQuiet(SETTLE_MS * 6)).toMatchObject([{ problem: { code: 'FILE_TRUNCATED' } }]);
  });
});

describe('readiness by manifest', () => {
  it('is reached as soon as every file is there with its size', async () => {
    const { path, look, list } = await watch('manifest');
    expect(await look()).toEqual([]);
    await declareSnapshot(path, 'manifest');
    expect(await look()).toMatchObject([{ files: 4 }]);
    expect(list.some(9)).toMatchObject([{ awaits: undefined }]);
  });

  it('waits for a manifest without limit, and says so once', async () => {
    const { clock, look, awaits, list } = await watch('manifest');
    for (let turn = 0; turn < 20; turn += 1) {
      expect(await look()).toEqual([]);
      clock.advance(SETTLE_MS * 10);
    }
    expect(awaits).toEqual(['manifest.json']);
    expect(list.some(9)).toMatchObject([{ awaits: 'manifest.json' }]);
  });

  it('waits while a copy brings the files that the manifest lists, in whatever order', async () => {
    const { path, look, clock } = await watch('manifest');
    await declareSnapshot(path, 'manifest');
    const away = join(base, 'away');
    await cp(path, away, { recursive: true });
    await rm(join(path, 'relationships'), { recursive: true });
    await truncate(join(path, PERSON), 30);
    await look();
    clock.advance(SETTLE_MS * 6 - 1);
    expect(await look()).toEqual([]);
    await cp(join(away, PERSON), join(path, PERSON));
    expect(await look()).toEqual([]);
    clock.advance(SETTLE_MS * 6 - 1);
    expect(await look()).toEqual([]);
    await cp(join(away, 'relationships'), join(path, 'relationships'), { recursive: true });
    expect(await look()).toMatchObject([{ files: 4 }]);
  });

  it('gives a file that never comes six times the settle time, and then says which', async () => {
    const { path, afterQuiet, file } = await watch('manifest');
    await declareSnapshot(path, 'manifest');
    await rm(file);
    const [settled] = await afterQuiet(SETTLE_MS * 6);
    expect(settled?.problem).toMatchObject({ code: 'MANIFEST_MISMATCH' });
    expect(settled?.problem?.message).toMatch(
      /manifest.json files\[1\].path is "nodes\/Person\/part-0.parquet"/,
    );
  });

  it('begins anew when the manifest itself is written again', async () => {
    const { path, clock, look, afterQuiet } = await watch('manifest');
    await writeFile(join(path, 'manifest.json'), '{"files":');
    await look();
    clock.advance(SETTLE_MS * 6 - 1);
    await writeFile(join(path, 'manifest.json'), '{"files":[');
    const [settled] = await afterQuiet(SETTLE_MS * 6);
    expect(settled?.problem).toMatchObject({ code: 'MANIFEST_INVALID' });
  });
});

it('looks at a snapshot under the name it has now, when a customer is renamed', async () => {
  const { path, list, look } = await watch('marker');
  const renamed = join(root, 'ACME');
  await rename(join(path, '..'), renamed);
  await declareSnapshot(join(renamed, basename(path)), 'marker');
  list.remove({ customer: 'acme', timestamp: 1_700_000_000 });
  list.add({ customer: 'acme', timestamp: 1_700_000_000, path: join(renamed, basename(path)) });
  expect(await look()).toMatchObject([{ snapshot: { path: join(renamed, basename(path)) } }]);
});

describe('in order', () => {
  /** Three snapshots of one customer; the oldest is still being written. */
  async function arriving(inOrder: boolean) {
    const times = [1_700_000_000, 1_700_000_100, 1_700_000_200];
    const paths = new Map<number, string>();
    for (const time of times) paths.set(time, await writeSnapshot(root, smallContent('acme', time)));
    const oldest = join(paths.get(1_700_000_000) ?? '', 'nodes', 'Person', 'part-1.parquet');
    await writeFile(oldest, 'PAR1');
    const clock = standingClock();
    const list = new WatchList({
      clock,
      settleMs: SETTLE_MS,
      inOrder,
      look: (snapshots) => Promise.all(snapshots.map((one) => lookAtSnapshot(one.path, root, 'settled'))),
    });
    for (const [timestamp, path] of paths) list.add({ customer: 'acme', timestamp, path });
    const look = async () => {
      const ready: number[] = [];
      for await (const batch of list.look()) ready.push(...batch.map(({ snapshot }) => snapshot.timestamp));
      return ready;
    };
    await look();
    clock.advance(SETTLE_MS);
    return { look, clock, oldest };
  }

  it('keeps newer snapshots back while an older one is arriving, and no longer', async () => {
    const { look, clock, oldest } = await arriving(true);
    expect(await look()).toEqual([]);
    await rm(oldest);
    await look();
    clock.advance(SETTLE_MS);
    expect(await look()).toEqual([1_700_000_000, 1_700_000_100, 1_700_000_200]);
  });

  it('goes on without one that never becomes whole: it is recorded as it is', async () => {
    const { look, clock } = await arriving(true);
    clock.advance(SETTLE_MS * 6);
    expect(await look()).toEqual([1_700_000_000, 1_700_000_100, 1_700_000_200]);
  });

  it('does not matter otherwise: the newest that are ready come first', async () => {
    const { look } = await arriving(false);
    expect(await look()).toEqual([1_700_000_200, 1_700_000_100]);
  });
});
