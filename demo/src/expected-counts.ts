/**
 * What every snapshot must hold, counted in the source by other statements than the ones that write the files, so
 * that a mistake there does not agree with itself.
 */

import { type Duck, quoteString } from '@graphshift/core';
import type { Dataset } from './flights.ts';

export interface ExpectedCounts {
  /** That the flights touch, at either end. */
  readonly airports: number;
  readonly flights: number;
}

/** By customer, the counts at the end of each month from January on; a customer without a flight so far is at zero. */
export async function expectedCounts(
  duck: Duck,
  dataset: Dataset,
  months: number,
): Promise<Map<string, ExpectedCounts[]>> {
  const expected = new Map<string, ExpectedCounts[]>();
  for (let month = 1; month <= months; month++) {
    for (const row of await duck.rows(countsUntil(dataset, month))) {
      const counts = expected.get(String(row.customer)) ?? [];
      while (counts.length < month - 1) counts.push({ airports: 0, flights: 0 });
      counts.push({ airports: Number(row.airports), flights: Number(row.flights) });
      expected.set(String(row.customer), counts);
    }
  }
  return expected;
}

/** Flights are counted by route first: there are few, so their ends are cheap to tell apart. */
function countsUntil(dataset: Dataset, month: number): string {
  return `
    WITH routes AS (
      SELECT origin, destination, count(*) AS flights FROM read_parquet(${quoteString(dataset.flights)})
      WHERE year(date) = 2001 AND month(date) <= ${month} GROUP BY ALL
    ), by_state AS (
      SELECT lower(concat('us-', (SELECT state FROM read_csv(${quoteString(dataset.airports)}) WHERE iata = origin)))
        AS customer, * FROM routes
    )
    SELECT customer, sum(flights)::BIGINT AS flights,
      len(list_distinct(list_concat(list(origin), list(destination)))) AS airports
    FROM by_state GROUP BY customer`;
}
