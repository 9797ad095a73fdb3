/** What every graph store does, whatever it is made of. An adapter passes all of it, with real processes. */

import { rm } from 'node:fs/promises';
import {
  ChildProcess,
  type GraphStore,
  type LoadProgress,
  type QueryTarget,
  siblingModule,
} from '@graphshift/core';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { exactResult, exactValues, oddShapes, peopleAndCompanies, T1 } from './contract-snapshots.ts';
import {
  EMBEDDED_DIALECT,
  loadWhole,
  peopleLabels,
  properties,
  type StoreDialect,
  withResolvers,
} from './contract-steps.ts';
import { dropContract } from './drop-contract.ts';
import { queryContract } from './query-contract.ts';
import { rejects } from './rejects.ts';
import { makeSnapshotRoot, type SnapshotRoot, simulateSnapshot } from './snapshots.ts';
import type { StoreProcessCommands, StoreRecipe } from './store-process.ts';

export interface StoreUnderTest {
  /** Not started yet, and empty. */
  readonly store: GraphStore;
  /** The same store, for another process. */
  readonly recipe: StoreRecipe;
  /** Removes what the store kept; called when the store is stopped. */
  remove(): Promise<void>;
}

export interface ContractOptions {
  create(): Promise<StoreUnderTest>;
  /** @default that of the embedded store */
  readonly dialect?: StoreDialect;
  /** @default 'all' */
  readonly part?: 'all' | 'load';
}

const T2 = 1_700_086_400;
const ACME = 'acme-1700000000';
const ACME_2 = 'acme-1700086400';
const LONG_TEST_MS = 300_000;

export function graphStoreContract(name: string, options: ContractOptions): void {
  const { dialect = EMBEDDED_DIALECT, part } = options;
  describe(`graph store contract: ${name}`, () => {
    let under: StoreUnderTest;
    let store: GraphStore;
    let root: SnapshotRoot;
    const processes: ChildProcess<StoreProcessCommands>[] = [];

    beforeEach(async () => {
      under = await options.create();
      store = under.store;
      root = await makeSnapshotRoot();
      await store.start();
    });

    afterEach(async () => {
      await Promise.all(processes.splice(0).map((process) => process.kill()));
      await store.stop();
      await under.remove();
      await root.remove();
    });

    const load = (path: string, timestamp: number, epoch = 1, run = 1) =>
      loadWhole(store, { customer: 'acme', timestamp, run, epoch, path });
    const deploy = async (path: string, timestamp: number, epoch = 1) => {
      await load(path, timestamp, epoch);
      await store.unmark(`acme-${timestamp}`, epoch);
    };
    const point = async (database: string, epoch: number) =>
      (await store.prepareAlias({ customer: 'acme', database, properties: properties(epoch) })).fire();
    const rows = async (cypher: string, target: QueryTarget = { database: ACME }, parameters = {}) =>
      (await store.query(target, cypher, { parameters })).rows;
    const another = async () => {
      const process = new ChildProcess<StoreProcessCommands>(
        siblingModule(import.meta.url, 'store-process'),
        { name: 'other process' },
      );
      processes.push(process);
      await process.call('open', under.recipe);
      return process;
    };

    describe('load', () => {
      it('loads a snapshot with its certificate, its counts and its values', async () => {
        const path = await root.write(peopleAndCompanies(T1));
        const progress: LoadProgress[] = [];
        const request = { customer: 'acme', timestamp: T1, run: 1, epoch: 1, path };
        const running = await store.openLoad(request, { onProgress: (step) => progress.push(step) });
        const manifest = await running.check();
        await running.nodes();
        await running.relationships();
        const certificate = await running.seal();
        expect(certificate.contentHash).toBe(manifest.contentHash);
        expect(certificate).toMatchObject({
          customer: 'acme',
          timestamp: T1,
          run: 1,
          epoch: 1,
          database: ACME,
        });
        for (const count of [...certificate.nodes, ...certificate.relationships])
          expect(
            new Set([count.footers, count.read, count.sent, count.acknowledged, count.counted]).size,
          ).toBe(1);
        expect(await store.certificate(ACME)).toEqual(certificate);
        expect(await store.counts(ACME)).toEqual({
          labels: peopleLabels(dialect),
          types: { KNOWS: 3, WORKS_AT: 1 },
        });
        expect(progress.at(-1)).toMatchObject({ phase: 'sealing', rows: 8, rowsTotal: 8 });
        expect(
          await rows(
            'MATCH (a)-[k:KNOWS]->(b) RETURN a.name AS a, b.name AS b, k.since AS since ORDER BY since',
          ),
        ).toEqual([
          { a: 'Ada', b: 'Grace', since: 1930 },
          { a: 'Grace', b: 'Grace', since: 1931 },
          { a: 'O\'Brien "`\\', b: 'Works & Söhne 😀', since: 1932 },
        ]);
        const grace = `MATCH (p:Person {name: "Grace"}) UNWIND ${dialect.labelsOf('p')} AS label`;
        expect(await rows(`${grace} RETURN label ORDER BY label`)).toEqual([
          { label: 'Employee' },
          { label: 'Person' },
        ]);
      });

      it('stands marked until verified, then complete', async () => {
        const path = await root.write(peopleAndCompanies(T1));
        const running = await store.openLoad({ customer: 'acme', timestamp: T1, run: 3, epoch: 7, path });
        const building = (await store.list()).databases;
        expect(building).toMatchObject([{ state: 'building', mark: { customer: 'acme', run: 3, epoch: 7 } }]);
        await running.check();
        await running.nodes();
        await running.relationships();
        await running.seal();
        await running.abort();
        expect((await store.list()).databases).toMatchObject([
          { name: ACME, state: 'marked', mark: { timestamp: T1, run: 3, epoch: 7 } },
        ]);
        expect(await store.epochFloor('acme')).toBe(7);
        await rejects(store.unmark(ACME, 6), 'FENCED');
        await rejects(point(ACME, 8), 'CONFLICT');
        await store.unmark(ACME, 7);
        await store.unmark(ACME, 7);
        expect((await store.list()).databases).toEqual([
          { name: ACME, snapshot: { customer: 'acme', timestamp: T1 }, state: 'complete' },
        ]);
        await rejects(store.unmark('acme-1', 7), 'NOT_FOUND');
      });

      it('keeps every digit of every value', async () => {
        await deploy(await root.write(exactValues(dialect)), T1);
        const exact = exactResult(dialect);
        const nulls = dialect.nullProperties
          ? Object.fromEntries(Object.keys(exact).map((key) => [key, null]))
          : {};
        expect(await rows('MATCH (n:Value) RETURN n ORDER BY n.id')).toEqual([
          { n: { _label: 'Value', id: 'a', labels: ['Value'], ...exact } },
          { n: { _label: 'Value', id: 'b', labels: ['Value'], ...nulls } },
        ]);
        const list = Object.keys(exact).map((key) => `n.${key} AS ${key}`);
        const [row] = await rows(`MATCH (n:Value {id: 'a'}) RETURN ${list.join(', ')}`);
        expect(row).toEqual(exact);
        const r = { _label: 'LINK', at: '2001-02-03T04:05:06.123456', wide: -9007199254740993n };
        expect(await rows('MATCH ()-[r:LINK]->() RETURN r')).toEqual([{ r }]);
      });

      it('takes labels and types without rows, several label pairs a type and odd names', async () => {
        await deploy(await root.write(oddShapes()), T1);
        expect(await store.counts(ACME)).toEqual({
          labels: { Empty: 0, Left: 2, Right: 1, 'it\'s a "label"': 1 },
          types: { LINK: 4, NEVER: 0 },
        });
        expect(await rows('MATCH (n:`it\'s a "label"`) RETURN n.`größe "\'x` AS v')).toEqual([{ v: 5 }]);
        expect(await rows('MATCH (a)-[:LINK]->(b) RETURN a.id + b.id AS pair ORDER BY pair')).toEqual(
          ['l1l1', 'l1r1', 'l2o1', 'r1l1'].map((pair) => ({ pair })),
        );
        expect(await rows('MATCH ()-[r:NEVER]->() RETURN count(r) AS n')).toEqual([{ n: 0 }]);
      });

      it('refuses a snapshot with an error that names the file, and leaves nothing', async () => {
        const content = peopleAndCompanies(T1);
        const path = await root.write({
          ...content,
          relationships: { KNOWS: [{ source: '1', target: 'nobody', type: 'KNOWS' }] },
        });
        const running = await store.openLoad({ customer: 'acme', timestamp: T1, run: 1, epoch: 1, path });
        const error = await rejects(running.check(), 'RELATIONSHIP_END');
        expect(error.message).toContain('relationships/KNOWS/');
        await running.abort();
        expect((await store.list()).databases).toEqual([]);
      });

      it('refuses a snapshot that changes while it is loaded', async () => {
        const path = await root.write(peopleAndCompanies(T1));
        const running = await store.openLoad({ customer: 'acme', timestamp: T1, run: 1, epoch: 1, path });
        await running.check();
        await rm(path, { recursive: true });
        await rejects(running.nodes(), 'SNAPSHOT_GONE');
        await running.abort();
      });

      it('leaves nothing when aborted, by call or by signal, and gives the name to the next run', async () => {
        const path = await simulateSnapshot(root.path, { customer: 'acme', timestamp: T1, nodes: 20_000 });
        const stop = new AbortController();
        const request = { customer: 'acme', timestamp: T1, run: 1, epoch: 1, path };
        const running = await store.openLoad(request, { signal: stop.signal });
        await running.check();
        const nodes = rejects(running.nodes(), 'ABORTED');
        stop.abort(new Error('no time'));
        await nodes;
        await running.abort();
        expect((await store.list()).databases).toEqual([]);
        await rejects(running.seal(), 'ABORTED');
        await rejects(store.openLoad(request, { signal: stop.signal }), 'ABORTED');
        await load(path, T1, 1, 2);
        expect((await store.list()).databases).toMatchObject([
          { name: ACME, state: 'marked', mark: { run: 2 } },
        ]);
      });

      it.each(['checking', 'nodes', 'relationships', 'sealing'])(
        'has no complete database when the process is killed while %s',
        async (phase) => {
          const path = await simulateSnapshot(root.path, { customer: 'acme', timestamp: T1, nodes: 5_000 });
          const other = await another();
          const request = { customer: 'acme', timestamp: T1, run: 1, epoch: 1, path };
          const killed = rejects(
            other.call('load', { request }, { onProgress: (at) => at === phase && void other.kill() }),
            'LOADER_DIED',
          );
          await killed;
          const [left, ...more] = (await store.list()).databases;
          expect(more).toEqual([]);
          expect(['building', 'marked']).toContain(left?.state);
          expect(left?.mark).toMatchObject({ run: 1, epoch: 1 });
          await store.takeOver('acme', 2);
          await (await store.prepareDrop('acme', left?.name ?? '', 2)).fire();
          expect((await store.list()).databases).toEqual([]);
          await deploy(path, T1, 2);
          expect((await store.counts(ACME)).labels).toMatchObject({ Company: 100, Person: 5_000 });
        },
      );

      it('never replaces a database that is there', async () => {
        const path = await root.write(peopleAndCompanies(T1));
        await deploy(path, T1);
        // Before a row is stored, where the database has its name from the start; else when it is given its name.
        const again = loadWhole(store, { customer: 'acme', timestamp: T1, run: 2, epoch: 2, path });
        await rejects(again, 'CONFLICT');
        expect((await store.list()).databases).toMatchObject([{ name: ACME, state: 'complete' }]);
      });
    });

    if (part === 'load') return;
    describe('alias', () => {
      it('is made, moved with its properties and read back', async () => {
        const path = await root.write(peopleAndCompanies(T1));
        expect(await store.alias('acme')).toBeUndefined();
        await rejects(store.query({ alias: 'acme' }, 'RETURN 1 AS one'), 'NOT_FOUND');
        await rejects(point(ACME, 1), 'NOT_FOUND');
        await deploy(path, T1);
        await deploy(path, T2);
        await point(ACME, 1);
        expect(await store.alias('ACME')).toEqual({
          customer: 'acme',
          database: ACME,
          properties: properties(1),
        });
        const pin = { since: '2024-01-01T00:00:00Z', reason: 'it\'s "pinned"' };
        const change = { customer: 'acme', database: ACME_2, properties: { ...properties(1), pin } };
        await (await store.prepareAlias(change)).fire();
        expect((await store.list()).aliases).toEqual([
          { customer: 'acme', database: ACME_2, properties: { ...properties(1), pin } },
        ]);
        await rejects(
          store.prepareAlias({ customer: 'other', database: ACME, properties: properties(1) }),
          'NOT_FOUND',
        );
      });

      it('ends prepared changes of a lower epoch when taken over', async () => {
        const path = await root.write(peopleAndCompanies(T1));
        await deploy(path, T1);
        await deploy(path, T2);
        await deploy(path, T2 + 1);
        const third = `acme-${T2 + 1}`;
        await point(ACME, 1);
        const move = { customer: 'acme', database: ACME_2, properties: properties(1) };
        const late = await store.prepareAlias(move);
        const kept = await store.prepareDrop('acme', third, 1);
        expect(await store.takeOver('acme', 5)).toMatchObject({ database: ACME });
        await rejects(late.fire(), 'FENCED');
        await rejects(kept.fire(), 'FENCED');
        await rejects(store.prepareAlias(move), 'FENCED');
        await rejects(store.prepareDrop('acme', third, 1), 'FENCED');
        await rejects(store.takeOver('acme', 4), 'FENCED');
        await late.cancel();
        expect(await store.alias('acme')).toMatchObject({ database: ACME });
        expect((await store.list()).databases).toHaveLength(3);
        expect(await store.epochFloor('acme')).toBe(5);
        await point(ACME_2, 5);
        expect(await store.alias('acme')).toMatchObject({ database: ACME_2, properties: { epoch: 5 } });
        expect(await store.epochFloor('other')).toBe(0);
      });

      it('does nothing when a change is cancelled', async () => {
        await deploy(await root.write(peopleAndCompanies(T1)), T1);
        const change = await store.prepareAlias({
          customer: 'acme',
          database: ACME,
          properties: properties(1),
        });
        await change.cancel();
        await change.cancel();
        await rejects(change.fire(), 'FENCED');
        expect(await store.alias('acme')).toBeUndefined();
      });

      it(
        'is never missing or mixed for readers in other processes while it moves and a database is built',
        async () => {
          await deploy(
            await simulateSnapshot(root.path, { customer: 'acme', timestamp: T1, nodes: 300 }),
            T1,
          );
          await deploy(
            await simulateSnapshot(root.path, { customer: 'acme', timestamp: T2, nodes: 500 }),
            T2,
          );
          await point(ACME, 1);
          const watches = await Promise.all([watch(), watch()]);
          const path = await simulateSnapshot(root.path, {
            customer: 'acme',
            timestamp: T2 + 1,
            nodes: dialect.busy.nodes,
          });
          await moveWhile(load(path, T2 + 1));
          for (const { answers, errors } of await Promise.all(watches.map((stop) => stop()))) {
            expect(errors).toEqual([]);
            expect(Object.keys(answers).sort()).toEqual([
              '[{"people":300,"first":0,"last":299}]',
              '[{"people":500,"first":0,"last":499}]',
            ]);
          }
        },
        LONG_TEST_MS,
      );

      const moveWhile = async (work: Promise<unknown>) => {
        let done = false;
        const ended = work.finally(() => {
          done = true;
        });
        for (let move = 0; !done || move < dialect.busy.moves; move++)
          await point(move % 2 ? ACME : ACME_2, 1);
        await ended;
      };

      /** Another process that reads the alias all the time, once it has its first answer. */
      const watch = async () => {
        const process = await another();
        const id = dialect.integerOf('p.id');
        const cypher = `MATCH (p:Person) RETURN count(*) AS people, min(${id}) AS first, max(${id}) AS last`;
        const { promise: answered, resolve } = withResolvers();
        const result = process.call('watch', { alias: 'acme', cypher }, { onProgress: resolve });
        await Promise.race([answered, result]);
        return async () => {
          await process.call('stop', undefined);
          return result;
        };
      };
    });

    dropContract({
      store: () => store,
      deploy: async (timestamp) => deploy(await root.write(peopleAndCompanies(timestamp)), timestamp),
      point,
    });

    queryContract({
      store: () => store,
      load: async () => deploy(await root.write(peopleAndCompanies(T1)), T1),
      database: ACME,
      dialect,
    });

    it('is healthy', async () => {
      expect(await store.health()).toMatchObject({ reachable: true, writable: true });
    });
  });
}
