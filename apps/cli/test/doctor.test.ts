import { type Installation, makeInstallation } from '@graphshift/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runCommand } from '../src/run-command.ts';
import { runInProcess } from './run-in-process.ts';

let installation: Installation;
beforeAll(async () => {
  installation = await makeInstallation();
});
afterAll(() => installation.remove());

async function doctor(...values: string[]): Promise<{ code: number; text: string }> {
  return runInProcess(['doctor', '--settle', '0', ...values], {
    environment: installation.environment,
    directory: installation.directory,
  });
}

describe('doctor', () => {
  it('says that nothing is off and exits 0, or names what is and exits 1', async () => {
    expect(await doctor()).toEqual({ code: 0, text: 'healthy: nothing is off\n' });
    expect(JSON.parse((await doctor('--json')).text)).toEqual({ healthy: true, findings: [] });

    const { redis, keys } = await installation.open();
    await redis.hset(keys.deployment('acme@17'), 'state', 'asleep\u001b[2J');
    await redis.zadd(keys.state('live'), 1, 'acme@9\u001b[2J');
    const { code, text } = await doctor();
    expect(code).toBe(1);
    expect(text).toContain('broken   record-readable (invariant 3): the record of "acme@17" is none');
    expect(text).toMatch(/acme@9·\[2J is listed, and has no record\n {9}\S.*\n2 broken, 0 warnings\n$/);
    const json = await doctor('--json');
    expect(json.code).toBe(1);
    expect(JSON.parse(json.text)).toMatchObject({
      healthy: false,
      findings: [{ severity: 'broken', rule: 'record-readable', invariant: 3 }, { rule: 'record-index' }],
    });
  });

  it.each(['long', '-1', '601'])('exits 2 for --settle %s', async (settle) => {
    expect((await doctor(`--settle=${settle}`)).code).toBe(2);
  });

  it('is what a person runs when Redis is gone: exit 3 and where it looked', async () => {
    const away = { ...installation.environment, REDIS_URL: 'redis://127.0.0.1:1' };
    const run = runCommand(['doctor'], {
      environment: away,
      directory: installation.directory,
      write: () => {},
      signal: new AbortController().signal,
    });
    expect(await run).toBe(3);
  });
});
