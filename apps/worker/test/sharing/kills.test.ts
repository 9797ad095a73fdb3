/**
 * Workers are killed at random while they share loads, the one that coordinates as often as the others: whatever is cut where,
 * every row is in once. `KILLS=100` kills as often; `SEED=7` kills at other moments.
 */

import { type Program, useNeo4j } from '@graphshift/testkit';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { Ground, PATIENCE, type Size } from './ground.ts';

const KILLS = Number(process.env.KILLS ?? 4);
const SEED = Number(process.env.SEED ?? 1);
const WORKERS = 3;
/** In one load, each after more rows than the one before. */
const KILLS_A_LOAD = 4;
const SIZE: Size = { people: 3000, files: 4 };
const ROWS = SIZE.people * 3;

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

const isReady = ({ lines }: Program) => lines.includes('ready');
const isHolder = ({ process }: Program, holder: string) => holder.includes(`-${process.pid}-`);

/** One that runs; every second time whoever coordinates, where that is known. */
function chooseVictim(holder: string, random: () => number): Program | undefined {
  const ready = ground.workers.filter(isReady);
  const first = random() < 0.5 ? ready.find((one) => isHolder(one, holder)) : undefined;
  return first ?? ready[Math.floor(random() * ready.length)];
}

/** Waits until so many rows are in. @returns false where the load has ended before */
async function comesTo(id: string, timestamp: number, rows: number): Promise<boolean> {
  return vi.waitFor(async () => {
    const { state } = await ground.record(id);
    if (['verifying', 'switching', 'live', 'dead'].includes(state)) return false;
    expect(await ground.written('acme', timestamp)).toBeGreaterThanOrEqual(rows);
    return true;
  }, PATIENCE);
}

it(
  `loads every row once though workers are killed ${KILLS} times in the middle (seed ${SEED})`,
  async () => {
    const random = randomFrom(SEED);
    const said: string[] = [];
    let [kills, coordinators, loads] = [0, 0, 0];
    await Promise.all(Array.from({ length: WORKERS }, () => ground.work()));
    while (kills < KILLS) {
      const timestamp = 1_700_000_000 + ++loads;
      await ground.write('acme', timestamp, SIZE);
      const id = await ground.discover('acme', timestamp);
      const goals = Array.from({ length: Math.min(KILLS_A_LOAD, KILLS - kills) }, () =>
        Math.ceil(random() * ROWS),
      );
      for (const goal of goals.sort((one, other) => one - other)) {
        if (!(await comesTo(id, timestamp, goal))) break;
        const { holder } = await ground.record(id);
        const victim = chooseVictim(holder, random);
        if (!victim) continue;
        if (isHolder(victim, holder)) coordinators++;
        kills++;
        const replacement = ground.work();
        await ground.kill(victim);
        said.push(...victim.lines);
        await replacement;
      }
      await ground.reaches(id, 'live');
      await ground.expectExact('acme', timestamp, SIZE);
    }
    said.push(...ground.workers.flatMap(({ lines }) => lines));
    // Others than coordinators have loaded, and coordinators were killed too.
    expect(said.some((line) => /loaded chunk \d+ of \d+/.test(line))).toBe(true);
    expect(coordinators).toBeGreaterThan(0);
    process.stdout.write(`${kills} kills, ${coordinators} of them of coordinators, in ${loads} loads\n`);
  },
  Math.max(600_000, KILLS * 60_000),
);
