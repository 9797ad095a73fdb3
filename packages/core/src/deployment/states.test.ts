import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { END_STATES, HEAD_STATES, isEndState, STATES, TRANSITIONS } from './states.ts';

describe('the table of transitions', () => {
  it('is drawn in docs/lifecycle.md, edge by edge', () => {
    const page = readFileSync(new URL('../../../../docs/lifecycle.md', import.meta.url), 'utf8');
    const drawn = [...page.matchAll(/^ {4}(\S+) --> (\S+)$/gm)].map(([, from, to]) => `${from} ${to}`);
    const table = STATES.flatMap((from) => TRANSITIONS[from].map((to) => `${from} ${to}`));
    expect(drawn.filter((edge) => !edge.includes('[*]')).sort()).toEqual(
      table.map((edge) => edge.replaceAll('rolled-back', 'rolled_back')).sort(),
    );
  });

  it('reaches every state from discovered', () => {
    const reached = new Set(['discovered']);
    for (let size = 0; size !== reached.size; ) {
      size = reached.size;
      for (const from of STATES) if (reached.has(from)) for (const to of TRANSITIONS[from]) reached.add(to);
    }
    // Only a rollback leads to rolled-back, from live.
    expect([...reached].sort()).toEqual([...STATES].sort());
  });

  it('lets nothing be cancelled from the point of no return on', () => {
    for (const state of ['switching', 'live', 'replaced'] as const) {
      expect(TRANSITIONS[state]).not.toContain('cancelled');
    }
  });

  it('has each state either at the head, in an end state, or in the backlog', () => {
    for (const state of STATES) {
      const kinds = [
        (HEAD_STATES as readonly string[]).includes(state),
        isEndState(state),
        state === 'discovered',
      ];
      expect(kinds.filter(Boolean)).toHaveLength(1);
    }
    expect(END_STATES).toHaveLength(9);
  });
});
