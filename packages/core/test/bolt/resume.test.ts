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

const PEOPLE = 700;
const COMPANIES = 14;
const KNOWS = 1000;
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

/** Where the loading process is killed; each run goes on where the one before it was. */
const CUTS: readonly [string, () => Promise<boolean>][] = [
  ['in nodes', async () => (await written()) >= NODES / 3],
  ['after the nodes', async () => (await written()) >= NODES],
  ['in relationships', async () => (await written()) >= NODES + KNOWS / 2],
  ['while the load label goes', async () => (await written()) === ROWS && (await labelled()) < NODES - 100],
];

it('a load that is killed wherever it is ends with exact counts, and is gone on with until it is verified', async () => {
  const path = await bench.simulate(T, PEOPLE, KNOWS);
  let [epoch, before] = [0, 0];
  for (const [where, reached] of CUTS) {
    const load = await bench.open({ path, timestamp: T, epoch: ++epoch }, SMALL);
    const end = endOf(load);
    await until(reached);
    killLoaders();
    expect(['LOADER_DIED', 'loaded'], where).toContain(await end);
    await load.abort({ resumable: true });
    // Nothing that was in has gone.
    expect(await written(), where).toBeGreaterThanOrEqual(before);
    before = await written();
  }
  const last = await bench.open({ path, timestamp: T, epoch: ++epoch }, SMALL);
  await last.check();
  expect(await written()).toBe(before);
  await last.nodes();
  await last.relationships();
  const certificate = await last.seal();
  expectWhole(certificate);
  expect(await bench.certificates.find(certificate.database)).toEqual(certificate);
  // Loaded and not verified: the next run takes the certificate, whatever it is called.
  const next = await loadWhole(await bench.open({ path, timestamp: T, epoch: ++epoch }));
  expect(next).toEqual({ ...certificate, run: epoch, epoch });
  await rejects(removeMark(bench.driver, certificate.database, 1), 'FENCED');
  await expectGraph(epoch);
  await rejects(bench.open({ path, timestamp: T, epoch: epoch + 1 }), 'CONFLICT');
});

describe('two holders', () => {
  it('of one build: the lower epoch is refused, and no row comes twice', async () => {
    const path = await bench.simulate(T, PEOPLE, KNOWS);
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: ROWS - 1 }), async (rows) => {
        await bench.drop(T);
        const older = await bench.open({ path, timestamp: T, epoch: 1 }, SMALL);
        const ended = endOf(older);
        await until(async () => (await written()) >= rows);
        const newer = await bench.open({ path, timestamp: T, epoch: 2 }, SMALL);
        expectWhole(await loadWhole(newer));
        expect(['FENCED', 'loaded']).toContain(await ended);
        // Giving up does not take the newer holder's database away.
        await older.abort();
        await expectGraph(2);
      }),
      { numRuns: 2, endOnFailure: true },
    );
  });
});

describe('what an earlier run left', () => {
  it('is begun again where the files are others', async () => {
    const first = await bench.open(
      { path: await bench.simulate(T, 300, 100), timestamp: T, epoch: 1 },
      SMALL,
    );
    await first.check();
    await first.nodes();
    await first.abort({ resumable: true });
    const path = await bench.simulate(T, PEOPLE, KNOWS);
    expectWhole(await loadWhole(await bench.open({ path, timestamp: T, epoch: 2 }, { sessions: 2 })));
    await expectGraph(2);
  });

  it('goes when the load is given up, and a mark of a higher epoch keeps a lower one out', async () => {
    const path = await bench.simulate(T, 300, 100);
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
