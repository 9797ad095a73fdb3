import { expect, it } from 'vitest';
import { measureRedistribution } from '../src/redistribution.ts';
import { SCALED } from '../src/times.ts';

it('sees every deployment of a killed worker in other hands', async () => {
  const { tookMs, lost } = await measureRedistribution({
    kills: 3,
    atOnce: 3,
    program: new URL('../src/actor-program.ts', import.meta.url),
    times: SCALED,
    say: () => {},
  });
  expect(lost).toEqual([]);
  expect(tookMs).toHaveLength(3);
  for (const ms of tookMs) expect(ms).toBeGreaterThan(0);
}, 400_000);
