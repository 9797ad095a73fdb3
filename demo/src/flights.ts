/**
 * Snapshots from real data: 3,000,000 US flights of January to June 2001 and the airports, from vega-datasets. A
 * customer is a state; its graph has the airports that its flights touch and the flights that leave its airports.
 *
 * Each month's rows are written once, as files of their own; the snapshot of a month links to the files of all months
 * so far. The file's six flights of 1 July belong to no month and are left out.
 */

import { link, mkdir, readdir } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { type Duck, GraphshiftError, openDuck, quoteString } from '@graphshift/core';
import type { DemoArguments } from './arguments.ts';

export interface DemoSnapshot {
  /** Such as `us-ca`. */
  readonly customer: string;
  /** 1 for January to 6 for June. */
  readonly month: number;
  /** Unix time in seconds of the end of the month, UTC. */
  readonly timestamp: number;
  /** The finished directory, out of the producer's sight. */
  readonly staged: string;
  /** Expected, computed from the source and not from the files written. */
  readonly airports: number;
  readonly flights: number;
}

export function monthEnd(month: number): number {
  return Date.UTC(2001, month, 1) / 1000;
}

/** The directory of vega-datasets' files, beside its `build/`; the package exports its code only. */
export function datasetDirectory(): string {
  const entry = createRequire(import.meta.url).resolve('vega-datasets');
  return join(dirname(entry), '..', 'data');
}

/**
 * Writes the snapshots of the chosen states.
 * @param directory empty, on the file system of the data root, so that a drop is a rename
 * @returns by customer, the largest first, each oldest first
 */
export async function stageSnapshots(
  directory: string,
  choice: Pick<DemoArguments, 'states' | 'months'>,
): Promise<Map<string, DemoSnapshot[]>> {
  const duck = await openDuck({ spillDirectory: join(directory, 'spill'), memoryBytes: 1024 ** 3 });
  try {
    await readFlights(duck, choice.months);
    const customers = await chooseStates(duck, choice.states);
    const files = join(directory, 'files');
    await mkdir(files, { recursive: true });
    await writeFiles(duck, files);
    const staged = new Map<string, DemoSnapshot[]>();
    for (const { state, customer } of customers) {
      const snapshots: DemoSnapshot[] = [];
      for (const counts of await expectedCounts(duck, state, choice.months)) {
        const path = join(directory, 'snapshots', customer, String(monthEnd(counts.month)));
        await linkSnapshot(files, state, counts.month, path);
        snapshots.push({ customer, timestamp: monthEnd(counts.month), staged: path, ...counts });
      }
      staged.set(customer, snapshots);
    }
    return staged;
  } finally {
    duck.close();
  }
}

async function readFlights(duck: Duck, months: number): Promise<void> {
  const data = datasetDirectory();
  const [flights, airports] = ['flights-3m.parquet', 'airports.csv'].map((name) =>
    quoteString(join(data, name)),
  );
  await duck.run(`CREATE TABLE airports AS SELECT * FROM read_csv(${airports})`);
  await duck.run(`CREATE TABLE flights AS
    SELECT f.file_row_number AS serial, f.date, f.delay, f.distance, f.origin, f.destination, a.state, month(f.date) AS month
    FROM read_parquet(${flights}, file_row_number = true) AS f JOIN airports AS a ON a.iata = f.origin
    WHERE month(f.date) <= ${months}`);
}

async function chooseStates(
  duck: Duck,
  choice: DemoArguments['states'],
): Promise<{ state: string; customer: string }[]> {
  const rows = await duck.rows('SELECT state FROM flights GROUP BY state ORDER BY count(*) DESC, state');
  const all = rows.map(({ state }) => ({
    state: String(state),
    customer: `us-${String(state).toLowerCase()}`,
  }));
  const chosen = pick(all, choice);
  await duck.run(
    `DELETE FROM flights WHERE state NOT IN (${chosen.map(({ state }) => quoteString(state)).join(', ')})`,
  );
  return chosen;
}

function pick(all: readonly { state: string; customer: string }[], choice: DemoArguments['states']) {
  if (choice === 'all') return [...all];
  if (typeof choice === 'number') return all.slice(0, choice);
  return choice.map((customer) => {
    const found = all.find((one) => one.customer === customer);
    if (found) return found;
    const known = all.map((one) => one.customer).join(', ');
    throw new GraphshiftError(
      'USAGE',
      `--states names ${customer}, which no flight leaves; known are ${known}`,
    );
  });
}

/** One file a state and month: the month's flights, and the airports that were not touched before it. */
async function writeFiles(duck: Duck, directory: string): Promise<void> {
  // A destination that airports.csv does not know becomes an airport of which only the code is known.
  await duck.run(`CREATE TABLE touched AS
    SELECT state, iata, min(month) AS month
    FROM (SELECT state, origin AS iata, month FROM flights UNION ALL SELECT state, destination, month FROM flights)
    GROUP BY state, iata`);
  const nodes = quoteString(join(directory, 'Airport'));
  await duck.run(`COPY (
    SELECT t.iata AS id, 'Airport' AS labels, a.name, a.city, a.state AS region, a.country, a.latitude, a.longitude, t.state, t.month
    FROM touched AS t LEFT JOIN airports AS a ON a.iata = t.iata
    ) TO ${nodes} (FORMAT parquet, PARTITION_BY (state, month))`);
  const relationships = quoteString(join(directory, 'FLIGHT'));
  await duck.run(`COPY (
    SELECT origin AS source, destination AS target, 'FLIGHT' AS type, date, delay, distance, serial, state, month FROM flights
    ) TO ${relationships} (FORMAT parquet, PARTITION_BY (state, month))`);
}

async function expectedCounts(
  duck: Duck,
  state: string,
  months: number,
): Promise<{ month: number; airports: number; flights: number }[]> {
  const counts: { month: number; airports: number; flights: number }[] = [];
  for (let month = 1; month <= months; month++) {
    const [row] = await duck.rows(
      `SELECT (SELECT count(*)::INTEGER FROM flights WHERE state = $1 AND month <= $2) AS flights,
        (SELECT count(DISTINCT iata)::INTEGER FROM (
          SELECT origin AS iata FROM flights WHERE state = $1 AND month <= $2
          UNION ALL SELECT destination FROM flights WHERE state = $1 AND month <= $2)) AS airports`,
      [state, month],
    );
    const flights = Number(row?.flights);
    if (flights > 0) counts.push({ month, flights, airports: Number(row?.airports) });
  }
  return counts;
}

async function linkSnapshot(files: string, state: string, upTo: number, path: string): Promise<void> {
  for (const [kind, name] of [
    ['nodes', 'Airport'],
    ['relationships', 'FLIGHT'],
  ] as const) {
    const folder = join(path, kind, name);
    await mkdir(folder, { recursive: true });
    for (let month = 1; month <= upTo; month++) {
      const partition = join(files, name, `state=${state}`, `month=${month}`);
      for (const [index, file] of (await readdir(partition).catch(() => [])).sort().entries()) {
        await link(join(partition, file), join(folder, `2001-0${month}-${index}.parquet`));
      }
    }
  }
}
