import { readFileSync, writeFileSync } from 'node:fs';
import { type VitalSample, warnEarly } from '@graphshift/core';
import { describe, expect, it } from 'vitest';
import { judgeRecording, readRecordings, type Verdict } from './recording.ts';

const DOCUMENT = new URL('../../../../docs/resilience.md', import.meta.url);

const verdicts = readRecordings().map(judgeRecording);
const count = (verdict: Verdict['verdict']) => verdicts.filter((one) => one.verdict === verdict).length;

function verdictTable(): string {
  const rows = verdicts.map(({ name, what, beats, verdict, signs, leadBeats }) => [
    `\`${name}\``,
    what,
    String(beats),
    verdict,
    signs.join(', '),
    leadBeats === null ? '' : String(leadBeats),
  ]);
  const head = ['recording', 'what was done', 'beats', 'verdict', 'sign', 'beats ahead'];
  const lines = [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`);
  const failed = count('hit') + count('miss');
  const well = count('quiet') + count('false alarm');
  return `${lines.join('\n')}\n\n${count('hit')} of ${failed} failures were warned of; ${count('false alarm')} of ${well} workers that went on well raised a false alarm.`;
}

describe('the early warning on recorded runs', () => {
  it('does as docs/resilience.md says, recording by recording', () => {
    const document = readFileSync(DOCUMENT, 'utf8');
    const between = /(<!-- early-warning: .* -->\n)[\s\S]*?(<!-- end -->)/;
    expect(document).toMatch(between);
    const wanted = document.replace(
      between,
      (_, begin: string, end: string) => `${begin}\n${verdictTable()}\n\n${end}`,
    );
    if (process.env.UPDATE_DOCS) writeFileSync(DOCUMENT, wanted);
    expect(readFileSync(DOCUMENT, 'utf8')).toBe(wanted);
  });

  it('is right more often than not, and keeps quiet about the ordinary', () => {
    expect(count('hit')).toBeGreaterThan(count('miss'));
    expect(count('quiet')).toBeGreaterThan(3 * count('false alarm'));
    const ordinary = ['idle', 'loading', 'loading-again', 'one-hiccup', 'two-hiccups'];
    expect(verdicts.filter(({ name }) => ordinary.includes(name)).map(({ verdict }) => verdict)).toEqual(
      ordinary.map(() => 'quiet'),
    );
  });
});

describe('warnEarly', () => {
  const sample = (changes: Partial<VitalSample> = {}): VitalSample => ({
    at: 0,
    everyMs: 10_000,
    lateMs: 0,
    delayMs: 0,
    memoryBytes: 1,
    ended: 0,
    failed: 0,
    ...changes,
  });
  const signs = (...samples: VitalSample[]) => warnEarly(samples).map(({ sign }) => sign);

  it('asks for a sign twice in six beats, and forgets what is older', () => {
    const late = sample({ lateMs: 2501 });
    const quiet = sample({ lateMs: 2500 });
    expect(signs(late, quiet, quiet)).toEqual([]);
    expect(signs(late, quiet, late)).toEqual(['beat jitter']);
    expect(signs(late, ...Array.from({ length: 5 }, () => quiet), late)).toEqual([]);
    const slow = sample({ delayMs: 3000 });
    expect(warnEarly([slow, slow])).toEqual([
      {
        sign: 'event-loop delay',
        message: 'its event loop was late in 2 of its newest 2 beats, once by 3.0 s',
      },
    ]);
  });

  it('takes half of the pickups, and three at least, for a sign', () => {
    expect(signs(sample({ ended: 2, failed: 2 }))).toEqual([]);
    expect(signs(sample({ ended: 2, failed: 2 }), sample({ ended: 4, failed: 1 }))).toEqual(['error rate']);
    expect(signs(sample({ ended: 7, failed: 3 }))).toEqual([]);
  });
});
