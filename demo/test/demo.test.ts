import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import { inspectSnapshot, openDuck } from '@graphshift/core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseDemoArguments } from '../src/arguments.ts';
import { type DemoSnapshot, monthEnd, stageSnapshots } from '../src/flights.ts';
import { render } from '../src/live-view.ts';

let directory: string;
let staged: Map<string, DemoSnapshot[]>;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'graphshift-demo-'));
  staged = await stageSnapshots(directory, { states: ['us-vt', 'us-hi'], months: 2 });
}, 120_000);
afterAll(() => rm(directory, { recursive: true, force: true }));

describe('snapshots of flights', () => {
  it('stand a month each, with all flights so far', () => {
    expect([...staged.keys()]).toEqual(['us-vt', 'us-hi']);
    for (const [customer, snapshots] of staged) {
      expect(snapshots.map(({ month, timestamp }) => [month, timestamp])).toEqual([
        [1, monthEnd(1)],
        [2, monthEnd(2)],
      ]);
      const [january, february] = snapshots;
      expect(february?.flights, customer).toBeGreaterThan(january?.flights ?? Number.POSITIVE_INFINITY);
    }
    expect(monthEnd(1)).toBe(980_985_600);
  });

  it('are whole by the inspection that every load passes, with the rows that were expected', async () => {
    const duck = await openDuck({ spillDirectory: join(directory, 'check') });
    try {
      for (const snapshot of [...staged.values()].flat()) {
        const manifest = await inspectSnapshot(duck, snapshot.staged);
        expect(manifest.nodes.map(({ name, rows }) => [name, rows])).toEqual([
          ['Airport', snapshot.airports],
        ]);
        expect(manifest.relationships.map(({ name, rows }) => [name, rows])).toEqual([
          ['FLIGHT', snapshot.flights],
        ]);
      }
    } finally {
      duck.close();
    }
  });
});

describe('the view', () => {
  it('shows stages, rows, what is live and what moved, within the width', () => {
    const frame = render(
      {
        title: 'Graphshift demo   2 customers × 2 months',
        elapsedSeconds: 75,
        counts: { live: 2, loading: 1 },
        planned: 4,
        rows: 1500,
        rowsPlanned: 6000,
        rowsPerSecond: 123.4,
        loading: [{ id: 'us-vt@983404800', rows: 50, rowsTotal: 100 }],
        live: [{ customer: 'us-vt', month: 1, months: 2, flights: 1234 }],
        moves: ['12:00:00  us-vt  us-vt-980985600'],
        dead: ['us-hi@980985600: nodes/Airport/x.parquet is cut off'],
      },
      80,
    );
    const lines = stripVTControlCharacters(frame).split('\n');
    expect(lines).toContain('deployments  loading 1  live 2  of 4');
    expect(lines).toContain(`rows         ${'█'.repeat(6)}${'░'.repeat(18)} 1,500 of 6,000   123 rows/s`);
    expect(lines.map((line) => line.trim())).toContain('us-vt Jan     1,234 flights');
    expect(lines).toContain('dead         us-hi@980985600: nodes/Airport/x.parquet is cut off');
    expect(Math.max(...lines.map((line) => [...line].length))).toBeLessThanOrEqual(80);
  });
});

describe('arguments', () => {
  it('are twelve states and three months where none are given', () => {
    expect(parseDemoArguments([])).toMatchObject({ once: false, states: 12, months: 3, port: undefined });
    expect(parseDemoArguments(['--states', 'us-ca,us-tx', '--once'])).toMatchObject({
      states: ['us-ca', 'us-tx'],
      once: true,
    });
  });

  it.each([
    [['--months', '7'], '--months is "7"; it must be 1 to 6'],
    [['--states', 'california'], '--states is "california"; it must be all'],
    [['--sates', 'all'], "Unknown option '--sates'"],
  ])('%j is refused in one line', (values, line) => {
    expect(() => parseDemoArguments(values)).toThrow(line);
  });
});
