import { stripVTControlCharacters } from 'node:util';
import { expect, test } from 'vitest';
import { clock, type DemoState, number, render } from './live-view.ts';

const EMPTY: DemoState = {
  title: 'Graphshift demo   2 customers × 3 months',
  elapsedSeconds: 0.4,
  counts: {},
  planned: 6,
  rows: 0,
  rowsPlanned: 300_000,
  rowsPerSecond: 0,
  loading: [],
  live: [],
  moves: [],
  dead: [],
};

const BUSY: DemoState = {
  ...EMPTY,
  elapsedSeconds: 83.9,
  counts: { queued: 1, loading: 1, live: 1, replaced: 1, dead: 1, retired: 0 },
  rows: 150_000,
  rowsPerSecond: 45_678.4,
  loading: [{ id: 'us-ca@983404800', rows: 30_000, rowsTotal: 120_000 }],
  live: [
    { customer: 'us-ca', month: 1, months: 3, flights: 61_022 },
    { customer: 'us-tx', month: 3, months: 3, flights: 1_234 },
  ],
  moves: [
    '10:00:05  us-tx  us-tx-983404800 → us-tx-986083200',
    '10:00:04  us-ca  us-ca-980985600',
    'c',
    'd',
    'e',
  ],
  dead: ['us-hi@980985600: nodes/Airport/a.parquet ends too early'],
};

const plain = (state: DemoState, columns?: number) => stripVTControlCharacters(render(state, columns));

test('before anything is found the frame says so', () => {
  expect(plain(EMPTY).split('\n')).toEqual([
    'Graphshift demo   2 customers × 3 months   0:00',
    '',
    'deployments  none yet  of 6',
    'rows         ░░░░░░░░░░░░░░░░░░░░░░░░ 0 of 300,000   0 rows/s',
    '',
    'live         nothing yet',
    '',
  ]);
});

test('a frame has stages with something in them, loads, what is live, the last moves and the dead', () => {
  expect(plain(BUSY).split('\n')).toEqual([
    'Graphshift demo   2 customers × 3 months   1:23',
    '',
    'deployments  queued 1  loading 1  live 1  replaced 1  dead 1  of 6',
    'rows         ████████████░░░░░░░░░░░░ 150,000 of 300,000   45,678 rows/s',
    'loading      us-ca@983404800   ██████░░░░░░░░░░░░░░░░░░ 30,000 of 120,000',
    '',
    'live',
    '  us-ca Jan    61,022 flights    us-tx Mar     1,234 flights    ',
    '',
    'moved        10:00:05  us-tx  us-tx-983404800 → us-tx-986083200',
    '             10:00:04  us-ca  us-ca-980985600',
    '             c',
    '             d',
    'dead         us-hi@980985600: nodes/Airport/a.parquet ends too early',
  ]);
});

test('no line is wider than the terminal, whatever its colours', () => {
  for (const columns of [20, 40, 80, 120]) {
    for (const line of plain(BUSY, columns).split('\n')) expect(line.length).toBeLessThanOrEqual(columns);
  }
  expect(plain(BUSY, 40).split('\n')[2]).toBe('deployments  queued 1  loading 1  live 1');
});

test('a load that reports more than it announced does not break the bar', () => {
  const loading = [{ id: 'us-ca@1', rows: 5, rowsTotal: 4 }];
  expect(plain({ ...EMPTY, loading })).toContain(`us-ca@1           ${'█'.repeat(24)} 5 of 4`);
});

test('numbers and times are written for people', () => {
  expect([number(1_234_567.6), number(0)]).toEqual(['1,234,568', '0']);
  expect([clock(0), clock(59.99), clock(60), clock(3725)]).toEqual(['0:00', '0:59', '1:00', '62:05']);
});
