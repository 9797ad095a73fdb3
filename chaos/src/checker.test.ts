import { expect, it } from 'vitest';
import { type AuditLine, checkRecovered, lastStates } from './checker.ts';

function line(more: Partial<AuditLine>): AuditLine {
  return { id: '1-0', deployment: 'amber@1700000010', from: '', to: '', holder: '', detail: '', ...more };
}

function failuresOf(audit: readonly AuditLine[]): string[] {
  const failures: string[] = [];
  checkRecovered(audit, { fail: (promise, what) => void failures.push(`${promise}: ${what}`) });
  return failures;
}

const CLAIMED = line({ holder: 'sleeper', detail: 'claimed under epoch 4' });
const RECOVERED = line({ deployment: 'sleeper', holder: 'other', detail: 'recovery done: 1 deployments' });

it('tells of an instance that was recovered and takes something up', () => {
  expect(failuresOf([RECOVERED, CLAIMED])).toEqual([
    '7: sleeper was recovered, and then took amber@1700000010 up',
  ]);
});

it('lets an instance have claimed before, and others claim after', () => {
  const begun = line({ deployment: 'sleeper', holder: 'other', detail: 'recovery begins: silent for 4 s' });
  expect(failuresOf([CLAIMED, begun, CLAIMED, RECOVERED, { ...CLAIMED, holder: 'other' }])).toEqual([]);
});

it('takes the last state of each deployment, and no action of a person for one', () => {
  const states = lastStates([line({ to: 'queued' }), line({ to: 'live' }), line({ detail: 'pinned' })]);
  expect([...states]).toEqual([['amber@1700000010', 'live']]);
});
