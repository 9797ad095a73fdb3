/**
 * Snapshots from real data: 3,000,000 US flights of January to June 2001 and the airports, from vega-datasets. A
 * customer is a state; its graph has the airports that its flights touch and the flights that leave its airports.
 *
 * Each month's rows are written once, as files of their own; the snapshot of a month links to the files of all months
 * so far. So 3,000,000 rows are written where whole snapshots would hold 10,430,000. The file's six flights of 1 July
 * belong to no month and are left out.
 */

import { copyFile, link, mkdir, readdir } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { type Duck, GraphshiftError, openDuck, quoteString } from '@graphshift/core';
import type { DemoArguments } from './arguments.ts';
import { type ExpectedCounts, expectedCounts } from './expected-counts.ts';

export interface DemoSnapshot extends ExpectedCounts {
  /** Such as `us-ca`. */
  readonly customer: string;
  /** 1 for January to 6 for June. */
  readonly month: number;
  /** Unix time in seconds of the end of the month, UTC. */
  readonly timestamp: number;
  /** The finished directory, out of the producer's sight. */
  readonly staged: string;
}

export interface Dataset {
  /** Parquet: date, delay, distance, origin, destination, in order of date. */
  readonly flights: string;
  /** CSV: iata, name, city, state, country, latitude, longitude. */
  readonly airports: string;
}

export function monthEnd(month: number): number {
  return Date.UTC(2001, month, 1) / 1000;
}

/** The files of vega-datasets, beside its `build/`; the package exports its code only. */
export function findDataset(): Dataset {
  const entry = createRequire(import.meta.url).resolve('vega-datasets');
  const file = (name: string) => join(dirname(entry), '..', 'data', name);
  return { flights: file('flights-3m.parquet'), airports: file('airports.csv') };
}

/**
 * Writes the snapshots of the chosen states. A state without a flight so far has no snapshot yet: us-na, one airport
 * whose row in airports.csv lacks its state, begins in March.
 *
 * All 310 snapshots of six months take 6 s and 350 MB on two busy cores.
 * @param directory empty, on the file system of the data root, so that a drop is a rename
 * @returns by customer, the largest first or in the order named, each oldest first
 * @throws USAGE for a named state without flights
 */
export async function stageSnapshots(
  directory: string,
  choice: Pick<DemoArguments, 'states' | 'months'>,
): Promise<Map<string, DemoSnapshot[]>> {
  const dataset = findDataset();
  const duck = await openDuck({ spillDirectory: join(directory, 'spill') });
  try {
    // The same rows in the same order make the same files, and so the same content hashes, in every run.
    await duck.run('SET preserve_insertion_order = true');
    const customers = await chooseCustomers(duck, dataset, choice.states);
    const expected = await expectedCounts(duck, dataset, choice.months);
    const staged = new Map<string, DemoSnapshot[]>(customers.map((customer) => [customer, []]));
    for (let month = 1; month <= choice.months; month++) {
      await readMonth(duck, dataset, customers, month);
      for (const [customer, snapshots] of staged) {
        const counts = expected.get(customer)?.[month - 1];
        if (!counts || counts.flights === 0) continue;
        const timestamp = monthEnd(month);
        const path = join(directory, 'snapshots', customer, String(timestamp));
        await writeSnapshot(duck, { customer, month, path, before: snapshots.at(-1)?.staged });
        snapshots.push({ customer, month, timestamp, staged: path, ...counts });
      }
    }
    return new Map([...staged].filter(([, snapshots]) => snapshots.length > 0));
  } finally {
    duck.close();
  }
}

/** Reads the airports, and the customers by number of flights. */
async function chooseCustomers(
  duck: Duck,
  dataset: Dataset,
  choice: DemoArguments['states'],
): Promise<string[]> {
  await duck.run(`CREATE TABLE airports AS
    SELECT *, 'us-' || lower(state) AS customer FROM read_csv(${quoteString(dataset.airports)})`);
  await duck.run('CREATE TABLE seen (customer VARCHAR, iata VARCHAR)');
  const rows = await duck.rows(`SELECT customer FROM read_parquet(${quoteString(dataset.flights)})
    JOIN airports ON iata = origin GROUP BY customer ORDER BY count(*) DESC, customer`);
  const all = rows.map(({ customer }) => String(customer));
  if (choice === 'all') return all;
  if (typeof choice === 'number') return all.slice(0, choice);
  const unknown = choice.find((customer) => !all.includes(customer));
  if (unknown === undefined) return [...choice];
  throw new GraphshiftError(
    'USAGE',
    `--states names ${unknown}, which no flight leaves; known are ${[...all].sort().join(', ')}`,
  );
}

/** One month's flights, sorted so that each customer's copy reads only its part, and the airports new in it. */
async function readMonth(
  duck: Duck,
  dataset: Dataset,
  customers: readonly string[],
  month: number,
): Promise<void> {
  const day = (seconds: number) => `TIMESTAMP '${new Date(seconds * 1000).toISOString().slice(0, 10)}'`;
  await duck.run(`CREATE OR REPLACE TABLE month AS
    SELECT customer, origin AS source, destination AS target, 'FLIGHT' AS type,
      date, delay::INTEGER AS delay, distance::INTEGER AS distance, file_row_number AS serial
    FROM read_parquet(${quoteString(dataset.flights)}, file_row_number = true) JOIN airports ON iata = origin
    WHERE date >= ${day(monthEnd(month - 1))} AND date < ${day(monthEnd(month))}
      AND customer IN (${customers.map(quoteString).join(', ')})
    ORDER BY customer, serial`);
  await duck.run(`CREATE OR REPLACE TABLE new_airports AS
    SELECT customer, source AS iata FROM month UNION SELECT customer, target FROM month
    EXCEPT SELECT customer, iata FROM seen`);
  await duck.run('INSERT INTO seen SELECT customer, iata FROM new_airports');
}

interface SnapshotPlace {
  readonly customer: string;
  readonly month: number;
  readonly path: string;
  /** The customer's snapshot of the month before. */
  readonly before: string | undefined;
}

async function writeSnapshot(duck: Duck, { customer, month, path, before }: SnapshotPlace): Promise<void> {
  // All 228 destinations are in airports.csv; one that were not would become an airport with nothing but its code.
  const airports = `SELECT n.iata AS id, 'Airport' AS labels, n.iata AS iata, name, city, state, country, latitude, longitude
    FROM new_airports AS n LEFT JOIN airports AS a ON a.iata = n.iata WHERE n.customer = ${quoteString(customer)} ORDER BY id`;
  const flights = `SELECT * EXCLUDE (customer) FROM month WHERE customer = ${quoteString(customer)}`;
  for (const [folder, rows] of [
    [join('nodes', 'Airport'), airports],
    [join('relationships', 'FLIGHT'), flights],
  ] as const) {
    await mkdir(join(path, folder), { recursive: true });
    if (before !== undefined) await linkFiles(join(before, folder), join(path, folder));
    await duck.run(
      `COPY (${rows}) TO ${quoteString(join(path, folder, `2001-0${month}.parquet`))} (FORMAT parquet)`,
    );
  }
}

/** Hard links; copies where the file system has none. */
async function linkFiles(from: string, to: string): Promise<void> {
  for (const name of await readdir(from)) {
    await link(join(from, name), join(to, name)).catch(() => copyFile(join(from, name), join(to, name)));
  }
}
