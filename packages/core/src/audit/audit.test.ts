import { appendFile, mkdtemp, readdir, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startRedis, type TestRedis } from '@graphshift/testkit';
import fc from 'fast-check';
import type { Redis } from 'ioredis';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../platform/clock.ts';
import { silentLogger } from '../platform/log.ts';
import { type AuditEntry, AuditStream, compareStreamIds } from '../queue/audit-stream.ts';
import { connectRedis } from '../queue/connection.ts';
import { DeploymentStore } from '../queue/deployment-store.ts';
import { type Keys, makeKeys } from '../queue/keys.ts';
import { AuditExport } from './audit-export.ts';
import { AuditFiles } from './audit-files.ts';
import { mergeTrail } from './audit-trail.ts';

let server: TestRedis;
let redis: Redis;
let keys: Keys;
let stream: AuditStream;
let deployments: DeploymentStore;
let directory: string;
let files: AuditFiles;

beforeAll(async () => {
  server = await startRedis();
  redis = await connectRedis({ url: server.url });
  keys = makeKeys('audit');
  stream = new AuditStream(redis, keys);
  deployments = new DeploymentStore(redis, keys, systemClock);
});
afterAll(async () => {
  redis.disconnect();
  await server.stop();
});
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'graphshift-audit-'));
  // The entries of most tests are of 2001.
  files = new AuditFiles({ directory, maxDays: 36_500, clock: systemClock });
});
afterEach(async () => {
  await server.flush();
  await rm(directory, { recursive: true, force: true });
});

/** An exporting process; another one is another holder of the lease. */
function makeExport(into: AuditFiles = files): AuditExport {
  return new AuditExport({
    stream,
    files: into,
    incarnation: () => deployments.incarnation(),
    clock: systemClock,
    log: silentLogger,
  });
}

let counter = 0;
/** Adds an entry under an id of one's own, or Redis's next. Returns its detail, which no other has. */
async function add(id = '*', deployment = 'acme@100'): Promise<string> {
  const detail = `entry ${counter++}`;
  const fields = { at: '981000000000', deployment, from: 'a', to: 'b', run: '1', holder: 'w', detail };
  await redis.xadd(keys.audit, id, ...Object.entries(fields).flat());
  return detail;
}

/** The details of all lines of all files, in the order in which they stand there. */
async function written(): Promise<string[]> {
  const names = (await readdir(directory)).filter((name) => name.startsWith('audit-')).sort();
  const texts = await Promise.all(names.map((name) => readFile(join(directory, name), 'utf8')));
  const lines = texts
    .join('')
    .split('\n')
    .filter((line) => line !== '');
  return lines.flatMap((line) => {
    try {
      return [(JSON.parse(line) as AuditEntry).detail];
    } catch {
      return [];
    }
  });
}
const details = (entries: readonly AuditEntry[]) => entries.map(({ detail }) => detail);

describe('the export of the audit stream', () => {
  it('writes each entry once, in order, by the day on which Redis took it', async () => {
    const all = [await add('981000000000-0'), await add('981000000000-1'), await add('981072000000-0')];
    const exporting = makeExport();
    await exporting.export();
    all.push(await add());
    await exporting.export();
    expect(await written()).toEqual(all);
    expect((await readdir(directory)).slice(0, 2)).toEqual([
      'audit-2001-02-01.jsonl',
      'audit-2001-02-02.jsonl',
    ]);
  });

  it('is done by one process at a time, and by another once the lease is given back', async () => {
    const [one, other] = [makeExport(), makeExport()];
    await one.start();
    const first = await add();
    await one.export();
    const second = await add();
    await other.export();
    expect(await written()).toEqual([first]);
    await one.stop();
    const third = await add();
    await other.export();
    expect(await written()).toEqual([first, second, third]);
  });

  it('lets nobody move the mark who has lost the lease meanwhile', async () => {
    const mark = { incarnation: 'this', id: '5-0' };
    expect(await stream.holdExport('one', 10_000)).toBe(true);
    await redis.del(keys.auditLease);
    expect(await stream.markExported('one', 10_000, mark)).toBe(false);
    expect(await stream.holdExport('other', 10_000)).toBe(true);
    expect(await stream.markExported('one', 10_000, mark)).toBe(false);
    await stream.releaseExport('one');
    expect(await stream.holdExport('one', 10_000)).toBe(false);
    expect(await stream.exported()).toBeUndefined();
    expect(await stream.markExported('other', 10_000, mark)).toBe(true);
    expect(await stream.exported()).toEqual(mark);
  });

  it('goes on where it was when a process is lost between writing and saying so', async () => {
    const all = [await add(), await add()];
    await files.append(await stream.after('0-0', 10));
    all.push(await add());
    await makeExport().export();
    expect(await written()).toEqual(all);
  });

  it('writes an entry again of which a lost process wrote a part', async () => {
    const first = await add();
    await makeExport().export();
    const [name = ''] = await readdir(directory);
    await appendFile(join(directory, name), '{"id":"98100');
    await redis.del(keys.auditLease);
    const second = await add();
    await makeExport().export();
    expect(await written()).toEqual([first, second]);
    expect(details(await mergeTrail(stream, files, {}))).toEqual([first, second]);
  });

  it('begins again with a Redis that was emptied, even where its clock is behind', async () => {
    const before = await add('981000000005-0');
    const exporting = makeExport();
    await exporting.export();
    await server.flush();
    const after = await add('981000000001-0');
    await exporting.export();
    expect((await written()).sort()).toEqual([before, after].sort());
  });

  it('is not held up by a mark beyond the end of the stream', async () => {
    await add('981000000005-0');
    await makeExport().export();
    await redis.del(keys.audit, keys.auditLease);
    const later = await add('981000000001-0');
    await makeExport().export();
    expect(await written()).toContain(later);
  });

  it('loses its mark without writing anything twice', async () => {
    const all = [await add(), await add()];
    await makeExport().export();
    await redis.del(keys.auditExported, keys.auditLease);
    all.push(await add());
    await makeExport().export();
    expect(await written()).toEqual(all);
  });

  it('refuses a directory that cannot be written to in one line that names the setting', async () => {
    const taken = join(directory, 'taken');
    await writeFile(taken, '');
    const nowhere = new AuditFiles({ directory: join(taken, 'audit'), maxDays: 1, clock: systemClock });
    await expect(makeExport(nowhere).start()).rejects.toThrow(
      /^audit\.directory: [^\n]*GRAPHSHIFT_AUDIT_DIRECTORY/,
    );
  });

  it('removes files beyond their age, and no other', async () => {
    const names = ['audit-2001-02-01.jsonl', 'audit-2001-02-01.jsonl.gz', 'audit-2001.jsonl', 'notes.txt'];
    for (const name of names) {
      await writeFile(join(directory, name), '');
      await utimes(join(directory, name), 1, 1);
    }
    await add();
    await makeExport(new AuditFiles({ directory, maxDays: 90, clock: systemClock })).export();
    expect((await readdir(directory)).filter((name) => names.includes(name)).sort()).toEqual(names.slice(1));
  });

  it('holds every entry once and in order, whatever is lost when', async () => {
    let all: string[] = [];
    let exporting = makeExport();
    const another = async () => {
      await redis.del(keys.auditLease);
      exporting = makeExport();
    };
    const events = {
      add: async () => void all.push(await add()),
      export: () => exporting.export(),
      'lose the holder': another,
      'lose the mark': async () => {
        await redis.del(keys.auditExported);
        await another();
      },
      'crash while writing': async () => {
        await crashWhileWriting();
        await another();
      },
    };
    const event = fc.constantFrom('add', ...(Object.keys(events) as (keyof typeof events)[]));
    await fc.assert(
      fc.asyncProperty(fc.array(event, { maxLength: 30 }), async (names) => {
        all = [];
        for (const name of names) await events[name as keyof typeof events]();
        await another();
        await exporting.export();
        expect(await written()).toEqual(all);
        await server.flush();
        for (const name of await readdir(directory)) await rm(join(directory, name));
      }),
      { numRuns: 25 },
    );
  });

  /** What is after the newest line in the files, written, and nothing said to Redis. */
  async function crashWhileWriting(): Promise<void> {
    let last = '0-0';
    for await (const { id } of files.after('0-0')) if (compareStreamIds(id, last) > 0) last = id;
    await files.append(await stream.after(last, 10));
  }
});

describe('the audit trail', () => {
  it('finds a quiet customer behind any number of entries of others', async () => {
    const mine = await add('*', 'quiet@100');
    const pipeline = redis.pipeline();
    for (let index = 0; index < 12_000; index++)
      pipeline.xadd(keys.audit, '*', 'at', '1', 'deployment', 'quiet-too@100', 'detail', 'noise');
    await pipeline.exec();
    expect(details(await deployments.audit({ customer: 'quiet' }))).toEqual([mine]);
    expect(await deployments.audit({ limit: 5 })).toHaveLength(5);
  });

  it('takes from the files what the stream has no longer, each entry once, oldest first', async () => {
    const all = [
      await add('981000000000-0', 'acme@1'),
      await add('981072000000-0', 'other@1'),
      await add('981158400000-0', 'acme@2'),
      await add('981158400000-1', 'acme@3'),
    ];
    await makeExport().export();
    await redis.xtrim(keys.audit, 'MAXLEN', 2);
    expect(details(await mergeTrail(stream, files, {}))).toEqual(all);
    expect(details(await mergeTrail(stream, files, { customer: 'acme' }))).toEqual([all[0], all[2], all[3]]);
    expect(details(await mergeTrail(stream, files, { limit: 3 }))).toEqual(all.slice(1));
    expect(details(await mergeTrail(stream, files, { since: 981072000000 }))).toEqual(all.slice(1));
    await server.flush();
    expect(details(await mergeTrail(stream, files, { limit: 1 }))).toEqual(all.slice(3));
  });
});
