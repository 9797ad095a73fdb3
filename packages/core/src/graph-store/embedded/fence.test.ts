import { mkdir, mkdtemp, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { GraphshiftError } from '../../platform/errors.ts';
import type { GraphStore, LoadMark, PreparedChange } from '../graph-store.ts';
import { Aliases } from './aliases.ts';
import { Databases } from './databases.ts';
import { Drops } from './drops.ts';
import { Fence } from './fence.ts';
import { CERTIFICATE_FILE, GRAPH_FILE, Layout } from './layout.ts';

type Holder = Pick<GraphStore, 'prepareAlias' | 'prepareDrop' | 'takeOver' | 'alias'>;

let directory: string;
let layout: Layout;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'graphshift-fence-'));
  layout = new Layout(directory);
  await layout.create();
});

afterEach(() => rm(directory, { recursive: true, force: true }));

/** The parts of a store that need no graph, as one process has them. */
function holder(): Holder & { readonly databases: Databases; readonly drops: Drops; readonly fence: Fence } {
  const fence = new Fence(layout);
  const databases = new Databases(layout, fence);
  const aliases = new Aliases(layout, fence, databases);
  const drops = new Drops(layout, fence, aliases);
  return {
    databases,
    drops,
    fence,
    prepareAlias: (change) => aliases.prepare(change),
    prepareDrop: (customer, name, epoch) => drops.prepare(customer, name, epoch),
    alias: (customer) => aliases.read(customer),
    takeOver: async (customer, epoch) => {
      await fence.raise(customer, epoch);
      return aliases.read(customer);
    },
  };
}

/** What a sealed and verified load leaves, without the graph. */
async function makeDatabase(timestamp: number): Promise<string> {
  const { databases } = holder();
  const mark: LoadMark = { customer: 'acme', timestamp, run: 1, epoch: 0 };
  const build = await databases.begin(mark);
  await writeFile(join(build, GRAPH_FILE), '');
  await writeFile(join(build, CERTIFICATE_FILE), '{}');
  const name = `acme-${timestamp}`;
  await databases.publish(mark, build, name);
  await databases.unmark(name, 0);
  return name;
}

function properties(epoch: number, snapshot = 0) {
  return { epoch, snapshot, contentHash: '', since: '' };
}

/** True when the change was made, false when it was fenced or refused. */
async function attempt(work: Promise<unknown>): Promise<boolean> {
  try {
    await work;
    return true;
  } catch (error) {
    if (error instanceof GraphshiftError && ['FENCED', 'CONFLICT', 'NOT_FOUND'].includes(error.code))
      return false;
    throw error;
  }
}

describe('fencing under races', () => {
  it('never lets a lower epoch move the alias or drop a database after a take-over', async () => {
    const names = [await makeDatabase(1), await makeDatabase(2)] as const;
    let epoch = 1;
    await (
      await holder().prepareAlias({ customer: 'acme', database: names[0], properties: properties(epoch) })
    ).fire();
    await fc.assert(
      fc.asyncProperty(
        fc.scheduler(),
        fc.array(fc.boolean(), { minLength: 2, maxLength: 5 }),
        async (s, kinds) => {
          const base = epoch;
          epoch += kinds.length + 1;
          // Each holder takes over, reads, prepares and fires, at any point of the others' steps.
          const fired: number[] = [];
          const missing: number[] = [];
          const work = kinds.map(async (drops, index) => {
            const own = base + 1 + index;
            const store = holder();
            await s.schedule(Promise.resolve(), `wake ${own}`);
            let prepared: PreparedChange | undefined;
            await attempt(
              (async () => {
                const seen = await store.takeOver('acme', own);
                if (!seen) missing.push(own);
                await s.schedule(Promise.resolve(), `read ${own}`);
                const other = seen?.database === names[0] ? names[1] : names[0];
                prepared = drops
                  ? await store.prepareDrop('acme', `acme-${1000 + own}`, own)
                  : await store.prepareAlias({
                      customer: 'acme',
                      database: other,
                      properties: properties(own),
                    });
              })(),
            );
            await s.schedule(Promise.resolve(), `prepared ${own}`);
            if (!prepared) return;
            const before = await store.alias('acme');
            const highest = await store.fence.highest('acme');
            const made = await attempt(prepared.fire());
            if (!made) return;
            fired.push(own);
            // Whoever had taken over before the fire began must have ended it.
            if (highest > own) throw new Error(`epoch ${own} fired after epoch ${highest} had taken over`);
            if (!before) missing.push(own);
          });
          await s.waitAll();
          await Promise.all(work);
          const alias = await holder().alias('acme');
          expect(alias).toBeDefined();
          expect(missing).toEqual([]);
          const moved = fired.filter((own) => !kinds[own - base - 1]);
          // The alias is what the highest epoch that moved it made of it.
          if (moved.length > 0) expect(alias?.properties.epoch).toBe(Math.max(...moved));
        },
      ),
      { numRuns: 60 },
    );
  });

  it('drops once, or not at all, when a drop races a take-over', async () => {
    for (let round = 1; round <= 40; round++) {
      const name = await makeDatabase(100 + round);
      const drop = await holder().prepareDrop('acme', name, round * 2);
      const [made] = await Promise.all([attempt(drop.fire()), holder().takeOver('acme', round * 2 + 1)]);
      const there = (await holder().databases.list()).some((database) => database.name === name);
      expect(there).toBe(!made);
    }
  });

  it('leaves nothing behind: prepared changes, fired drops and the cutovers of dropped databases', async () => {
    const [one, two] = [await makeDatabase(1), await makeDatabase(2)];
    const store = holder();
    for (const database of [one, two])
      await (await store.prepareAlias({ customer: 'acme', database, properties: properties(1) })).fire();
    expect(await readdir(layout.of('cutovers', 'acme'))).toHaveLength(2);
    await (await store.prepareDrop('acme', one, 1)).fire();
    expect(await readdir(layout.of('cutovers', 'acme'))).toHaveLength(1);
    expect(await readdir(layout.of('prepared', 'acme'))).toEqual([]);
    expect(await readdir(layout.of('drops', 'acme'))).toEqual([]);
    expect(await readdir(layout.area('trash'))).toEqual([]);
    await store.takeOver('acme', 9);
    expect(await readdir(layout.of('epochs', 'acme'))).toEqual(['9']);
  });

  it('finishes deletions that a crash cut short, and leaves prepared ones alone', async () => {
    const name = await makeDatabase(1);
    const kept = await makeDatabase(2);
    const store = holder();
    const drop = await store.prepareDrop('acme', kept, 1);
    // As a process killed right after its move leaves it.
    const cut = join(layout.of('drops', 'acme'), '1.abcdef');
    await makeDirectoryWith(cut, name);
    await store.drops.sweep();
    expect(await readdir(layout.of('drops', 'acme'))).toHaveLength(1);
    expect(await readdir(layout.area('trash'))).toEqual([]);
    await drop.fire();
    expect(await store.databases.list()).toEqual([]);
  });

  it('judges what it cannot read as unknown', async () => {
    const name = await makeDatabase(1);
    await writeFile(join(layout.database(name), 'LOADING.json'), '{"customer":');
    await makeDirectoryWith(join(layout.area('databases'), 'somebody-else'));
    await makeDirectoryWith(join(layout.area('databases'), 'acme-2'));
    const states = (await holder().databases.list()).map((database) => [database.name, database.state]);
    expect(states).toEqual([
      ['acme-1', 'unknown'],
      ['acme-2', 'unknown'],
      ['somebody-else', 'unknown'],
    ]);
  });
});

async function makeDirectoryWith(path: string, database?: string): Promise<void> {
  await mkdir(path, { recursive: true });
  if (database !== undefined) await rename(layout.database(database), join(path, database));
}
