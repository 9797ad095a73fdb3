import { randomOf } from '@graphshift/testkit';
import { expect, it } from 'vitest';
import { drawFault, FAULT_KINDS, WORKER_POINTS } from './faults.ts';
import { laneOf } from './perform.ts';

function draw(seed: number, count: number, kinds = FAULT_KINDS) {
  const random = randomOf(seed);
  return Array.from({ length: count }, () => drawFault(random, { kinds, workers: 2 }));
}

it('draws the same faults for the same seed, and others for another', () => {
  expect(draw(7, 50)).toEqual(draw(7, 50));
  expect(draw(8, 50)).not.toEqual(draw(7, 50));
});

it('draws every kind, and kills at every boundary', () => {
  const faults = draw(1, 3000);
  expect(new Set(faults.map(({ kind }) => kind))).toEqual(new Set(FAULT_KINDS));
  const killed = new Set(faults.filter(({ kind }) => kind === 'kill').map(({ point }) => point));
  expect(WORKER_POINTS.filter((point) => !killed.has(point))).toEqual([]);
});

it('draws no kind that was not asked for', () => {
  expect(new Set(draw(3, 100, ['flush', 'cut']).map(({ kind }) => kind))).toEqual(new Set(['flush', 'cut']));
});

it('lets no two faults touch the same thing at once', () => {
  for (const fault of draw(5, 500)) {
    const lane = laneOf(fault);
    if (fault.kind === 'kill' || fault.kind === 'freeze') expect(lane).toBe(`worker ${fault.worker}`);
    if (fault.kind === 'flush') expect(lane).toBe('redis');
  }
});
