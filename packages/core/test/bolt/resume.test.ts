/** A load that is cut goes on where it was, and adds nothing twice. */

import { rejects } from '@graphshift/testkit';
import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import type { Load } from '../../src/graph-store/graph-store.ts';
import { NODE_LABEL } from '../../src/graph-store/neo4j/bolt/statements.ts';
import { CHUNK_LABEL, MARK_LABEL, readMark, removeMark } from '../../src/graph-store/neo4j/load-mark.ts';
import type { GraphshiftError } from '../../src/platform/errors.ts';
import { databaseName } from '../../src/snapshot/names.ts';
import { expectWhole, killLoaders, loadWhole, until, useBolt } from './bench.ts';

const PEOPLE = 1500;
const COMPANIES = 30;
const KNOWS = 2000;
const NODES = PEOPLE + COMPANIES;
const ROWS = NODES + KNOWS + PEOPLE;
/** Small batches, so that a kill has many places to fall on. */
const SMALL = { batchRows: 50, sessions: 2 };
const T = 1_700_000_000;

const bench = useBolt();
afterEach(async () => {
  if (!bench.neo4j.problem) await bench.drop(T);
});

/** Rows that are in, by the marks; all, once a load that was too fast for the test has removed them. */
const written = () =>
  bench.number(
    T,
    `OPTIONAL MATCH (c:${CHUNK_LABEL}) WITH coalesce(sum(c.rows), 0) AS rows
     OPTIONAL MATCH (m:${MARK_LABEL}) RETURN CASE WHEN m.sealed THEN ${ROWS} ELSE rows END AS rows`,
  );
/** How a load ends: its error's code, or `loaded`. */
const endOf = (load: Load) =>
  loadWhole(load).then(
    () => 'loaded',
    (error: GraphshiftError) => error.code,
  );
const labelled = () => bench.number(T, `MATCH (n:${NODE_LABEL}) RETURN count(n) AS rows`);

/** The graph is exactly what the files hold, and nothing of the load is left. */
async function expectGraph(epoch: number): Promise<void> {
  const database = databaseName({ customer: bench.customer, timestamp: T });
  expect((await readMark(bench.driver, database))?.sealed).toBe(true);
  await removeMark(bench.driver, database, epoch);
  expect(await bench.number(T, 'MATCH (n) RETURN count(n) AS rows')).toBe(NODES);
  expect(await bench.number(T, 'MATCH (n) RETURN count(DISTINCT n.id) AS rows')).toBe(NODES);
  expect(await bench.number(T, 'MATCH ()-[r:KNOWS]->() RETURN count(r) AS rows')).toBe(KNOWS);
  expect(await bench.number(T, 'MATCH ()-[r:WORKS_AT]->() RETURN count(r) AS rows')).toBe(PEOPLE);
  expect(await bench.number(T, 'MATCH (n:Employee) RETURN count(n) AS rows')).toBe(PEOPLE / 10);
  const labels = await bench.neo4j.run(database, 'CALL db.labels() YIELD label RETURN label ORDER BY label');
  expect(labels.map(({ label }) => label)).toEqual(['Company', 'Employee', 'Organisation', 'Person']);
  const constraints = await bench.neo4j.run(
    database,
    'SHOW CONSTRAINTS YIELD labelsOrTypes, properties RETURN labelsOrTypes[0] + properties[0] AS on ORDER BY on',
  );
  expect(constraints.map(({ on }) => on)).toEqual(['Companyid', 'Personid']);
}

describe('a load whose process is killed', () => {
  it.each([
    ['in nodes', async () => (await written()) >= NODES / 3],
    ['after the nodes', async () => (await written()) >= NODES],
    ['in relationships', async () => (await written()) >= NODES + KNOWS / 2],
    ['while the load label goes', async () => (await written()) === ROWS && (await labelled()) < NODES - 200],
  ])('%s ends with exact counts in the next run', async (_, reached) => {
    const path = await bench.simulate(T, PEOPLE, KNOWS);
    const first = await bench.open({ path, timestamp: T, epoch: 1 }, SMALL);
    const end = endOf(first);
    await until(reached);
    killLoaders();
    expect(['LOADER_DIED', 'loaded']).toContain(await end);
    await first.abort({ resumable: true });
    const before = await written();
    const second = await bench.open({ path, timestamp: T, epoch: 2 }, SMALL);
    await second.check();
    // Nothing that was in has gone.
    expect(await written()).toBe(before);
    await second.nodes();
    await second.relationships();
    const certificate = await second.seal();
    expectWhole(certificate);
    expect(await bench.certificates.find(certificate.database)).toEqual(certificate);
    await expectGraph(2);
  });
});

describe('two holders', () => {
  it('of one build: the lower epoch is refused, and no row comes twice', async () => {
    const path = await bench.simulate(T, PEOPLE, KNOWS);
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: ROWS - 1 }), fc.boolean(), async (rows, kill) => {
        await bench.drop(T);
        const older = await bench.open({ path, timestamp: T, epoch: 1 }, SMALL);
        const ended = endOf(older);
        await until(async () => (await written()) >= rows);
        const newer = await bench.open({ path, timestamp: T, epoch: 2 }, SMALL);
        if (kill) killLoaders();
        expectWhole(await loadWhole(newer));
        expect(['FENCED', 'loaded', ...(kill ? ['LOADER_DIED'] : [])]).toContain(await ended);
        // Giving up does not take the newer holder's database away.
        await older.abort();
        await expectGraph(2);
      }),
      { numRuns: 3, endOnFailure: true },
    );
  });
});

describe('what an earlier run left', () => {
  it('is begun again where the files are others', async () => {
    const first = await bench.open(
      { path: await bench.simulate(T, 500, 100), timestamp: T, epoch: 1 },
      SMALL,
    );
    await first.check();
    await first.nodes();
    await first.abort({ resumable: true });
    const path = await bench.simulate(T, PEOPLE, KNOWS);
    expectWhole(await loadWhole(await bench.open({ path, timestamp: T, epoch: 2 }, { sessions: 2 })));
    await expectGraph(2);
  });

  it('is gone on with where it was loaded and not verified', async () => {
    const path = await bench.simulate(T, PEOPLE, KNOWS);
    const first = await loadWhole(await bench.open({ path, timestamp: T, epoch: 1 }));
    const second = await loadWhole(await bench.open({ path, timestamp: T, epoch: 2 }));
    expect(second).toEqual({ ...first, run: 2, epoch: 2 });
    const database = databaseName({ customer: bench.customer, timestamp: T });
    await rejects(removeMark(bench.driver, database, 1), 'FENCED');
    await expectGraph(2);
    await rejects(bench.open({ path, timestamp: T, epoch: 3 }), 'CONFLICT');
  });

  it('goes when the load is given up, and a mark of a higher epoch keeps a lower one out', async () => {
    const path = await bench.simulate(T, 500, 100);
    const first = await bench.open({ path, timestamp: T, epoch: 5 });
    await rejects(bench.open({ path, timestamp: T, epoch: 4 }), 'FENCED');
    await rejects(first.seal(), 'INTERNAL');
    await first.abort();
    const rows = await bench.neo4j.run('system', 'SHOW DATABASES YIELD name WHERE name = $name RETURN name', {
      name: databaseName({ customer: bench.customer, timestamp: T }),
    });
    expect(rows).toEqual([]);
  });
});
