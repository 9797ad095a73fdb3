import { afterEach, describe, expect, it, vi } from 'vitest';
import { Breaker } from './breaker.ts';
import { systemClock } from './clock.ts';

let breaker: Breaker;
afterEach(() => breaker.stop());

const fail = () => breaker.run(() => Promise.reject(new Error('down')));
const succeed = () => breaker.run(() => Promise.resolve('up'));

describe('Breaker', () => {
  it('opens after failures in a row, and not after the same number with a success between', async () => {
    breaker = new Breaker('test', { threshold: 3 });
    for (const call of [fail, fail, succeed, fail, fail]) await call().catch(() => {});
    expect(breaker.open).toBe(false);
    await expect(fail()).rejects.toThrow('down');
    expect(breaker.open).toBe(true);
    let called = false;
    await expect(
      breaker.run(async () => {
        called = true;
      }),
    ).rejects.toMatchObject({
      code: 'BREAKER_OPEN',
      message: 'test failed 3 times in a row and is left alone for a while; the last time: down',
    });
    expect(called).toBe(false);
  });

  it('lets a probe through after the reset time, and opens again when that fails', async () => {
    breaker = new Breaker('test', { threshold: 1, resetMs: 20 });
    await expect(fail()).rejects.toThrow('down');
    await vi.waitFor(() => expect(fail()).rejects.toThrow('down'), 60_000);
    expect(breaker.open).toBe(true);
    await vi.waitFor(async () => expect(await succeed()).toBe('up'), 60_000);
    expect(breaker.open).toBe(false);
  });

  it('does not end a call that is merely slow', async () => {
    breaker = new Breaker('test', { threshold: 1 });
    let finish: (value: string) => void = () => {};
    const slow = breaker.run(
      () =>
        new Promise<string>((resolve) => {
          finish = resolve;
        }),
    );
    finish('late');
    expect(await slow).toBe('late');
  });

  it('takes an error that does not count for neither failure nor success', async () => {
    breaker = new Breaker('test', { threshold: 2, counts: (error) => (error as Error).message === 'down' });
    const badRow = () => breaker.run(() => Promise.reject(new Error('a bad row')));
    for (const call of [badRow, badRow, badRow, fail, badRow]) await call().catch(() => {});
    expect(breaker.view()).toMatchObject({ state: 'closed', failures: 1 });
    await fail().catch(() => {});
    expect(breaker.view()).toMatchObject({ state: 'open', failures: 2, opened: 1, lastError: 'down' });
  });

  it('is half-open after a probe that proves nothing, and closes by what the work it began shows', async () => {
    const told: string[] = [];
    breaker = new Breaker('test', { threshold: 1, resetMs: 20, onChange: ({ state }) => told.push(state) });
    await fail().catch(() => {});
    await vi.waitFor(() => breaker.run(() => Promise.resolve('begun'), { proves: false }), 60_000);
    expect(breaker.state).toBe('half-open');
    breaker.failed(new Error('down again'));
    expect(breaker.view()).toMatchObject({ state: 'open', failures: 2, lastError: 'down again' });
    await vi.waitFor(() => breaker.run(() => Promise.resolve('begun'), { proves: false }), 60_000);
    breaker.succeeded();
    expect(breaker.view()).toMatchObject({ state: 'closed', failures: 0, opened: 2 });
    expect(told).toEqual(['open', 'half-open', 'open', 'half-open', 'closed']);
  });

  it('lets another probe through where the first gets no answer', async () => {
    let now = 0;
    const clock = { ...systemClock, now: () => now };
    breaker = new Breaker('test', { threshold: 1, resetMs: 20, clock });
    await fail().catch(() => {});
    let asked = 0;
    const hang = () => {
      asked++;
      return new Promise<never>(() => {});
    };
    await vi.waitFor(() => {
      void breaker.run(hang).catch(() => {});
      expect(asked).toBe(1);
    }, 60_000);
    await expect(succeed()).rejects.toMatchObject({ code: 'BREAKER_OPEN' });
    now = 21;
    await vi.waitFor(async () => expect(await succeed()).toBe('up'), 60_000);
    expect(breaker.state).toBe('closed');
  });
});
