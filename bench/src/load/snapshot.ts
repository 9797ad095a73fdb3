import { writeSnapshot } from '@graphshift/core';

/**
 * People who know each other and follow topics: two labels, two types, three relationships a node. The columns are of
 * types that LadybugDB reads from Parquet as they are, and the ids are text, as the store keeps every id.
 */
export const SCHEMA = {
  nodes: {
    Person: 'id STRING PRIMARY KEY, labels STRING, name STRING, age INT64, score DOUBLE, active BOOLEAN',
    Topic: 'id STRING PRIMARY KEY, labels STRING, title STRING, views INT64',
  },
  relationships: {
    KNOWS: { from: 'Person', to: 'Person', columns: 'since INT64, note STRING' },
    FOLLOWS: { from: 'Person', to: 'Topic', columns: 'since INT64' },
  },
} as const;

/** Rows of a file; several files a label, as upstream jobs write them. */
const FILE_ROWS = 500_000;

/**
 * Writes nine tenths people and one tenth topics, two KNOWS and one FOLLOWS for each node.
 * @returns the snapshot's directory and its rows
 */
export async function writeGraph(root: string, nodes: number): Promise<{ path: string; rows: number }> {
  const topics = Math.max(1, Math.floor(nodes / 10));
  const people = Math.max(1, nodes - topics);
  const [knows, follows] = [nodes * 2, nodes];
  const random = (salt: number, below: number) => `CAST(hash(i, ${salt}) % ${below} AS BIGINT)`;
  const path = await writeSnapshot(root, {
    customer: 'bench',
    timestamp: 1_700_000_000,
    nodes: {
      Person: files(
        people,
        `'p' || i AS id, 'Person' AS labels, 'Person number ' || i AS name, ${random(1, 90)} AS age,
         ${random(2, 100_000)} / 1000.0::DOUBLE AS score, i % 7 <> 0 AS active`,
      ),
      Topic: files(
        topics,
        `'t' || i AS id, 'Topic' AS labels, 'Topic number ' || i AS title, ${random(3, 1_000_000)} AS views`,
      ),
    },
    relationships: {
      KNOWS: files(
        knows,
        `'p' || ${random(4, people)} AS source, 'p' || ${random(5, people)} AS target, 'KNOWS' AS type,
         1_500_000_000 + ${random(6, 200_000_000)} AS since, 'met at place ' || ${random(7, 1000)} AS note`,
      ),
      FOLLOWS: files(
        follows,
        `'p' || ${random(8, people)} AS source, 't' || ${random(9, topics)} AS target, 'FOLLOWS' AS type,
         1_500_000_000 + ${random(10, 200_000_000)} AS since`,
      ),
    },
  });
  return { path, rows: people + topics + knows + follows };
}

function files(rows: number, columns: string): string[] {
  const count = Math.max(1, Math.round(rows / FILE_ROWS));
  const bounds = Array.from({ length: count + 1 }, (_, index) => Math.floor((rows * index) / count));
  return bounds
    .slice(1)
    .map((end, index) => `SELECT ${columns} FROM range(${bounds[index]}, ${end}) rows(i)`);
}
