/**
 * Workers are killed at random while they share loads, the one that coordinates as often as the others: whatever is cut where,
 * every row is in once. `KILLS=100` kills as often; `SEED=7` kills at other moments.
 */

import { useNeo4j } from '@graphshift/testkit';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { Ground, PATIENCE, type Size } from './ground.ts';

const KILLS = Number(process.env.KILLS ?? 4);
const SEED = Number(process.env.SEED ?? 1);
const WORKERS = 3;
const SIZE: Size = { people: 3000, files: 4 };
const ROWS = SIZE.people * 3;
/** How far a load comes between two kills, at most. */
const MOST_ROWS = ROWS / 3;

const server = useNeo4j({ own: true, maxDatabases: 120 });
let ground: Ground;

beforeAll(async () => {
  if (!server.problem) ground = await Ground.open(server);
}, 300_000);
afterAll(() => ground?.close());

/** The same numbers for the same seed, in [0, 1). */
function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let value = Math.imul(state ^ (state >>> 15), 1 | state);
    value = (value + Math.imul(value ^ (value >>> 7), 61 | value)) ^ value;
    return ((value ^ (value >>> 14)) >>> 0) / 2 ** 32;
  };
}

it(
  `loads every row once though workers are killed ${KILLS} times in the middle (seed ${SEED})`,
  async () => {
    const random = randomFrom(SEED);
    const said: string[] = [];
    const replaced: Promise<unknown>[] = [];
    let [kills, coordinators, loads, timestamp] = [0, 0, 0, 1_700_000_000];
    await Promise.all(Array.from({ length: WORKERS }, () => ground.work()));
    while (kills < KILLS) {
      timestamp += 1000;
      await ground.write('acme', timestamp, SIZE);
      const id = await ground.discover('acme', timestamp);
      loads++;
      let before = 0;
      while (kills < KILLS) {
        const goal = before + 1 + Math.floor(random() * MOST_ROWS);
        // Or it has come to its end before.
        const reached = await vi.waitFor(async () => {
          const { state } = await ground.record(id);
          if (['verifying', 'switching', 'live', 'dead'].includes(state)) return false;
          const written = await ground.written('acme', timestamp);
          expect(written).toBeGreaterThanOrEqual(Math.min(goal, ROWS));
          before = written ?? before;
          return true;
        }, PATIENCE);
        if (!reached) break;
        const { holder } = await ground.record(id);
        const victim = ground.workers[Math.floor(random() * ground.workers.length)];
        if (!victim) throw new Error('no worker is left');
        if (holder.includes(`-${victim.process.pid}-`)) coordinators++;
        said.push(...victim.lines);
        await ground.kill(victim);
        kills++;
        replaced.push(ground.work());
      }
      await ground.reaches(id, 'live');
      await ground.expectExact('acme', timestamp, SIZE);
    }
    await Promise.all(replaced);
    said.push(...ground.workers.flatMap(({ lines }) => lines));
    // Others than coordinators have loaded, and coordinators were killed too.
    expect(said.some((line) => /loaded chunk \d+ of \d+/.test(line))).toBe(true);
    if (KILLS >= 20) expect(coordinators).toBeGreaterThan(0);
    process.stdout.write(`${kills} kills, ${coordinators} of them of coordinators, in ${loads} loads\n`);
  },
  Math.max(600_000, KILLS * 60_000),
);
