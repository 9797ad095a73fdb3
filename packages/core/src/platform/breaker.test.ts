import { afterEach, describe, expect, it, vi } from 'vitest';
import { Breaker } from './breaker.ts';

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
    await vi.waitFor(() => expect(fail()).rejects.toThrow('down'));
    expect(breaker.open).toBe(true);
    await vi.waitFor(async () => expect(await succeed()).toBe('up'));
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
});
