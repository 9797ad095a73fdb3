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
async function makeDatabase(timestamp: number, epoch = 0): Promise<string> {
  const { databases } = holder();
  const mark: LoadMark = { customer: 'acme', timestamp, run: 1, epoch };
  const build = await databases.begin(mark);
  await writeFile(join(build, GRAPH_FILE), '');
  await writeFile(join(build, CERTIFICATE_FILE), '{}');
  const name = `acme-${timestamp}`;
  await databases.publish(mark, build, name);
  await databases.unmark(name, epoch);
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

interface Race {
  /** The highest epoch whose take-over was over. */
  highest: number;
  /** `highest` as it was when the change was fired. */
  readonly fired: { own: number; highest: number; made: boolean; isDrop: boolean }[];
}

/** A holder that takes over, prepares and fires, one step a call. */
function racer(
  race: Race,
  own: number,
  databases: readonly [string, string],
  target: string | undefined,
  skipTakeOver: boolean,
): () => Promise<void> {
  const store = holder();
  let prepared: PreparedChange | undefined;
  const tookOver = (made: boolean) => {
    if (made) race.highest = Math.max(race.highest, own);
  };
  const prepare = async () => {
    const seen = await store.alias('acme');
    const database = seen?.database === databases[0] ? databases[1] : databases[0];
    prepared =
      target === undefined
        ? await store.prepareAlias({ customer: 'acme', database, properties: properties(own) })
        : await store.prepareDrop('acme', target, own);
  };
  const steps = [
    async () => {
      if (!skipTakeOver) tookOver(await attempt(store.takeOver('acme', own)));
    },
    async () => tookOver(await attempt(prepare())),
    async () => {
      if (!prepared) return;
      const { highest } = race;
      const made = await attempt(prepared.fire());
      race.fired.push({ own, highest, made, isDrop: target !== undefined });
    },
  ];
  return async () => steps.shift()?.();
}

describe('fencing under races', () => {
  it('never lets a lower epoch move the alias or drop a database after a take-over', async () => {
    const databases = [await makeDatabase(1), await makeDatabase(2)] as const;
    let epoch = 1;
    const first = { customer: 'acme', database: databases[0], properties: properties(epoch) };
    await (await holder().prepareAlias(first)).fire();
    let refused = 0;
    let spare = 1000;
    // Each round lets some holders make their next step at the same time.
    const rounds = fc.array(fc.uniqueArray(fc.nat(3), { minLength: 1, maxLength: 2 }), {
      minLength: 9,
      maxLength: 14,
    });
    const drops = fc.array(fc.boolean(), { minLength: 4, maxLength: 4 });
    await fc.assert(
      fc.asyncProperty(rounds, drops, fc.boolean(), async (schedule, kinds, skipTakeOver) => {
        const race: Race = { highest: epoch, fired: [] };
        const racers = await Promise.all(
          kinds.map(async (isDrop) => {
            epoch += 1;
            spare += 1;
            const own = epoch;
            const target = isDrop ? await makeDatabase(spare, own) : undefined;
            return racer(race, own, databases, target, skipTakeOver);
          }),
        );
        for (const round of schedule) {
          await Promise.all(round.map((index) => racers[index]?.()));
          expect(await holder().alias('acme')).toBeDefined();
        }
        refused += race.fired.filter(({ made }) => !made).length;
        const late = race.fired.filter(({ made, own, highest }) => made && highest > own);
        expect(late).toEqual([]);
        const moves = race.fired.filter(({ made, isDrop }) => made && !isDrop).map(({ own }) => own);
        if (moves.length > 0)
          expect((await holder().alias('acme'))?.properties.epoch).toBe(Math.max(...moves));
        await holder().takeOver('acme', epoch);
      }),
      { numRuns: 100 },
    );
    expect(refused).toBeGreaterThan(10);
  });

  it('drops once, or not at all, when a drop races a take-over', async () => {
    for (let round = 1; round <= 40; round++) {
      const name = await makeDatabase(100 + round, round * 2);
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
