import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type BreakerSeen, type HealthPicture, type InstanceSeen, WELL } from './picture.ts';
import { HEALTH_RULES, type HealthTimes, isServing, judgeHealth, LEVELS, rank } from './rules.ts';
import { SCORE_PARTS, scoreHealth } from './score.ts';

const TIMES: HealthTimes = { longWaitMs: 900_000, emergencyMs: 600_000 };

const worker = (id: string, changes: Partial<InstanceSeen> = {}): InstanceSeen => ({
  id,
  kind: 'worker',
  condition: 'alive',
  silentMs: 1000,
  holds: 0,
  capacity: 1,
  stopping: false,
  paused: '',
  warnings: [],
  ...changes,
});
const breaker = (instance: string, state: BreakerSeen['state'], name = 'graph load'): BreakerSeen => ({
  instance,
  name,
  state,
  lastError: state === 'closed' ? null : 'refused',
});

const silent = { silentMs: 700_000, condition: 'emergency' } as const;
const warnings = [{ sign: 'beat jitter', message: 'late' }] as const;

/** One picture for each rule in which it holds, with what it says. */
const CASES: Record<string, [Partial<HealthPicture>, RegExp]> = {
  'emergency-raised': [
    { emergencies: [{ instance: 'w', reason: 'emergency of w: verify failed' }] },
    /^emergency of w: verify failed$/,
  ],
  'all-away': [{ redisProblem: 'is gone', storeProblem: 'is gone' }, /^neither/],
  'no-worker-long': [{ pending: 1, oldestWaitMs: 600_000 }, /has waited for 10 min/],
  'silent-holder-long': [
    { instances: [worker('w', { ...silent, holds: 2 })] },
    /12 min and holds 2 deployments/,
  ],
  'redis-away': [{ redisProblem: 'does not answer' }, /^Redis does not answer$/],
  'store-away': [{ storeProblem: 'does not answer' }, /^the graph store does not answer$/],
  'no-worker': [{ pending: 1, instances: [worker('w', silent)] }, /no worker lives, and 1 deployment/],
  'breaker-open-everywhere': [
    { instances: [worker('a'), worker('b')], breakers: [breaker('a', 'open'), breaker('b', 'open')] },
    /graph load is open in every worker/,
  ],
  'silent-holder': [
    { instances: [worker('w', { condition: 'failed', silentMs: 310_000, holds: 1 })] },
    /5 min and holds 1 deployment/,
  ],
  'half-lost': [
    { instances: ['a', 'b', 'c', 'd'].map((id) => worker(id, id < 'c' ? silent : {})) },
    /2 of 4 instances/,
  ],
  'recovery-failed': [{ recoveriesFailed: 1 }, /1 recovery failed/],
  'instance-silent': [
    { instances: [worker('w', { condition: 'warning', silentMs: 119_000 })] },
    /w is silent for 119 s \(warning\)/,
  ],
  'breaker-open': [
    { instances: [worker('a'), worker('b')], breakers: [breaker('a', 'half-open'), breaker('b', 'closed')] },
    /graph load is half-open in a: refused/,
  ],
  'gate-closed': [{ gateClosed: 'heap is at 91 %' }, /heap is at 91 %/],
  'dead-letters': [{ deadLetters: 2 }, /2 dead letters/],
  'long-wait': [{ instances: [worker('w')], pending: 1, oldestWaitMs: 900_000 }, /for 15 min/],
  paused: [{ instances: [worker('w', { paused: 'no memory' })] }, /w takes no work: no memory/],
  'early-warning': [{ instances: [worker('w', { warnings })] }, /w: beat jitter: late/],
};

describe('the health rules', () => {
  it('find nothing in a system that is well, empty or busy, and give it every point', () => {
    for (const picture of [
      WELL,
      { ...WELL, pending: 3, instances: [worker('a', { holds: 1 }), worker('b', { stopping: true })] },
      // Recovered: nothing is left to do.
      { ...WELL, instances: [worker('a'), worker('b', { ...silent, condition: 'recovered' })] },
    ]) {
      expect(judgeHealth(picture, TIMES)).toEqual({ level: 'HEALTHY', reasons: [] });
      expect(scoreHealth(picture, TIMES).score).toBe(100);
    }
  });

  it.each(HEALTH_RULES.map((rule) => [rule.name, rule] as const))(
    '%s brings its level and says why',
    (name, rule) => {
      const [changes, message] = CASES[name] ?? [{}, /no case/];
      const { level, reasons } = judgeHealth({ ...WELL, ...changes }, TIMES);
      const reason = reasons.find((one) => one.rule === name);
      expect(reason).toEqual({ level: rule.level, rule: name, message: expect.stringMatching(message) });
      expect(rank(level)).toBeGreaterThanOrEqual(rank(rule.level));
      expect(isServing(level)).toBe(level === 'HEALTHY' || level === 'DEGRADED');
      // Every rule costs points too: the number never says that all is well when the level does not.
      if (name !== 'paused' && name !== 'early-warning')
        expect(scoreHealth({ ...WELL, ...changes }, TIMES).score).toBeLessThan(100);
    },
  );

  it('do not take a breaker that is open in one of two workers for one that is open everywhere', () => {
    const picture = {
      ...WELL,
      instances: [worker('a'), worker('b')],
      breakers: [breaker('a', 'open'), breaker('b', 'closed')],
    };
    expect(judgeHealth(picture, TIMES).level).toBe('DEGRADED');
  });

  it('give the worst level there is, and a score of 0 to 100 that no further trouble raises', () => {
    const pictures = fc.record({
      redisProblem: fc.option(fc.constant('is gone'), { nil: undefined }),
      storeProblem: fc.option(fc.constant('is gone'), { nil: undefined }),
      gateClosed: fc.option(fc.constant('full'), { nil: undefined }),
      instances: fc.array(
        fc.record({
          id: fc.constantFrom('a', 'b', 'c'),
          kind: fc.constant('worker' as const),
          condition: fc.constantFrom('alive', 'warning', 'failed', 'emergency', 'recovered' as const),
          silentMs: fc.nat(1_000_000),
          holds: fc.nat(2),
          capacity: fc.nat(1),
          stopping: fc.boolean(),
          paused: fc.constantFrom('', 'no memory'),
          warnings: fc.constant(warnings.slice(0, 0)),
        }),
        { maxLength: 5 },
      ),
      breakers: fc.array(
        fc.constantFrom(breaker('a', 'open'), breaker('a', 'closed'), breaker('b', 'half-open')),
      ),
      deadLetters: fc.nat(20),
      pending: fc.nat(3),
      oldestWaitMs: fc.nat(2_000_000),
      recoveriesFailed: fc.nat(3),
      emergencies: fc.array(fc.constant({ instance: 'w', reason: 'verify failed' }), { maxLength: 1 }),
    });
    const worse: ((picture: HealthPicture) => HealthPicture)[] = [
      (picture) => ({ ...picture, redisProblem: 'is gone' }),
      (picture) => ({ ...picture, storeProblem: 'is gone' }),
      (picture) => ({ ...picture, deadLetters: picture.deadLetters + 1 }),
      (picture) => ({ ...picture, recoveriesFailed: picture.recoveriesFailed + 1 }),
      (picture) => ({ ...picture, oldestWaitMs: picture.oldestWaitMs * 2 }),
      (picture) => ({ ...picture, emergencies: [{ instance: 'x', reason: 'reset failed' }] }),
      (picture) => ({
        ...picture,
        breakers: picture.breakers.map((one) => ({ ...one, state: 'open' as const })),
      }),
      (picture) => ({
        ...picture,
        instances: picture.instances.map((one) => ({
          ...one,
          condition: 'emergency' as const,
          stopping: false,
        })),
      }),
    ];
    fc.assert(
      fc.property(pictures, fc.constantFrom(...worse), (picture, spoil) => {
        const { level, reasons } = judgeHealth(picture, TIMES);
        expect(level).toBe(LEVELS[Math.max(0, ...reasons.map((reason) => rank(reason.level)))]);
        const { score, parts } = scoreHealth(picture, TIMES);
        expect(score).toBeGreaterThanOrEqual(0);
        expect(score).toBeLessThanOrEqual(100);
        for (const { points, most } of parts) expect(points >= 0 && points <= most).toBe(true);
        expect(scoreHealth(spoil(picture), TIMES).score).toBeLessThanOrEqual(score);
      }),
    );
    expect(SCORE_PARTS.reduce((sum, { most }) => sum + most, 0)).toBe(100);
  });
});
