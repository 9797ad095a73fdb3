import type { useNeo4j } from '@graphshift/testkit';

type Driver = ReturnType<ReturnType<typeof useNeo4j>['driver']>;

interface Switching {
  readonly alias: string;
  /** The databases to switch to in turn; the alias is at the last one. Each holds 300 `Item`s of its own name. */
  readonly targets: readonly string[];
  readonly switches: number;
  readonly alter: (database: string) => Promise<unknown>;
}

interface Readings {
  reads: number;
  /** Transactions with answers of two databases, or with a part of one. */
  mixed: number;
  /** Answers of another database than the one that the alias had been at all the time. */
  stale: number;
  readonly seen: Record<string, number>;
  readonly errors: string[];
}

const QUERY =
  'MATCH (a:Item)-[:NEXT]->(t:Tail) RETURN collect(DISTINCT a.of) + collect(DISTINCT t.of) AS of, count(*) AS n';
const READERS = 6;

/** Reads through an alias, twice a transaction, while it is switched. */
export async function readWhileSwitching(driver: Driver, switching: Switching): Promise<Readings> {
  const readings: Readings = { reads: 0, mixed: 0, stale: 0, seen: {}, errors: [] };
  const state = { current: switching.targets.at(-1), moves: 0, moving: false, done: false };
  const read = async (retried: boolean) => {
    const before = { ...state };
    const session = driver.session({ database: switching.alias });
    try {
      const answers = retried
        ? await session.executeRead(async (tx) => [await tx.run(QUERY), await tx.run(QUERY)])
        : [await session.run(QUERY)];
      const rows = answers.flatMap(({ records }) => records.map((record) => record.toObject()));
      const databases = [...new Set(rows.flatMap(({ of }) => of as string[]))];
      readings.reads++;
      for (const database of databases) readings.seen[database] = (readings.seen[database] ?? 0) + 1;
      if (databases.length !== 1 || rows.some(({ n }) => n !== 300)) readings.mixed++;
      const still = !before.moving && !state.moving && before.moves === state.moves;
      if (still && databases[0] !== before.current) readings.stale++;
    } catch (error) {
      readings.errors.push(String(error));
    } finally {
      await session.close();
    }
  };
  const readers = Array.from({ length: READERS }, async (_, index) => {
    while (!state.done) await read(index % 2 === 0);
  });
  for (let index = 0; index < switching.switches; index++) {
    const database = switching.targets[index % switching.targets.length] ?? '';
    state.moving = true;
    await switching.alter(database);
    Object.assign(state, { current: database, moving: false, moves: state.moves + 1 });
    // A read that begins now must see the new database.
    await read(false);
  }
  state.done = true;
  await Promise.all(readers);
  return readings;
}
