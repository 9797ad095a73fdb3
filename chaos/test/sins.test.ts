/** Something that the system relies on is taken out of its processes: the suite must fail, and say what it saw. */

import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import type { FaultKind } from '../src/faults.ts';
import { runSuite } from '../src/suite.ts';
import type { Sin } from '../src/times.ts';

interface Case {
  readonly sin: Sin;
  readonly kind: FaultKind;
  readonly points?: readonly string[];
  readonly faults: number;
  readonly sees: RegExp;
}

const CASES: readonly Case[] = [
  {
    sin: 'switch',
    kind: 'delay',
    faults: 40,
    sees: /invariant 1: (a read of \w+ failed: no alias|the alias \w+ is gone)/,
  },
  {
    sin: 'fence',
    kind: 'freeze',
    points: ['cutover.read'],
    faults: 3,
    sees: /invariant 2: (stale read: \w+ answers from|the alias \w+ moved back)/,
  },
  {
    sin: 'sweep',
    kind: 'kill',
    points: ['in nodes', 'before enqueue'],
    faults: 3,
    sees: /invariant 3: no rest, and no change for .*(is queued|is discovered|half-loaded)/,
  },
];

it.each(CASES)(
  'sees the sin $sin',
  async ({ sin, kind, points, faults, sees }) => {
    const { failures } = await runSuite({
      seed: 11,
      minutes: 8,
      faults,
      kinds: [kind],
      points,
      // The other worker has to go on.
      atOnce: 1,
      sin,
      plain: true,
      restMs: 20_000,
      evidence: join(tmpdir(), 'graphshift-chaos', sin),
      say: () => {},
    });
    expect(failures.join('\n')).toMatch(sees);
  },
  900_000,
);
