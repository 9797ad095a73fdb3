import { expect, it } from 'vitest';
import { json, open } from './open-dashboard.ts';

it('answers what the doctor finds, and refuses what it cannot read', async () => {
  const { backend, url } = await open();
  expect(await json(`${url}/api/v1/doctor`)).toEqual({
    status: 200,
    body: { healthy: true, findings: [] },
  });
  await backend.redis.hset(backend.keys.deployment('acme@17'), 'state', 'asleep');
  const { status, body } = await json(`${url}/api/v1/doctor?settle=0`);
  expect({ status, ...body }).toMatchObject({
    status: 200,
    healthy: false,
    findings: [{ severity: 'broken', rule: 'record-readable', invariant: 3 }],
  });
  expect(await json(`${url}/api/v1/doctor?settle=61`)).toMatchObject({
    status: 400,
    body: { error: { code: 'REQUEST_INVALID', message: 'settle is "61": must be at most 60' } },
  });
});
