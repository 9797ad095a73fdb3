import type { Backend } from '@graphshift/core';
import { describe, expect, it, vi } from 'vitest';
import { installation, json, open } from './open-dashboard.ts';

const TOKEN = 'a-long-enough-secret';
const ROUTES = ['recovery', 'emergency'] as const;
const post = (authorization?: string): RequestInit => ({
  method: 'POST',
  ...(authorization && { headers: { authorization } }),
});
const allowed = post(`Bearer ${TOKEN}`);

/** An instance that has not beaten for a while and holds a deployment. */
async function addLost(backend: Backend): Promise<void> {
  const { deployments, instances, wakeUps } = backend;
  const { head } = await deployments.discover({ customer: 'acme', timestamp: 100, path: '/data' });
  await wakeUps.ensureHead(deployments, head);
  const facts = { host: 'here', pid: 1, version: '0', state: 'running', capacity: 1, active: 1 } as const;
  await instances.beat({ id: 'lost', kind: 'worker', busyMs: 0, uptimeMs: 1, everyMs: 0, ...facts });
  const claim = await deployments.claim('acme@100', 1, 'lost', 0);
  if (claim.kind !== 'claimed') throw new Error(claim.kind);
  const { run, epoch } = claim.record;
  await deployments.transition({ id: 'acme@100', from: ['queued'], to: 'gated', run, epoch });
}

const settings = { 'dashboard.token': TOKEN, 'resilience.retry_delay_seconds': 0 };

describe.each(ROUTES)('POST /resilience/%s/{instance}', (kind) => {
  it('recovers the instance, answers the report, and is in the audit stream with who asked and why', async () => {
    const { backend, url } = await open(settings);
    await addLost(backend);
    const { status, body } = await json(`${url}/resilience/${kind}/lost?reason=node%20is%20gone`, allowed);
    expect(status).toBe(200);
    expect(body).toMatchObject({
      ...{ instance: 'lost', kind, by: 'token', reason: 'node is gone' },
      ...{ outcome: 'recovered', deployments: ['acme@100'] },
    });
    const steps = (body.steps as { step: string }[]).map(({ step }) => step);
    expect(steps).toEqual(
      kind === 'recovery' ? ['release', 'redistribute'] : ['release', 'redistribute', 'verify', 'reset'],
    );
    expect(await backend.deployments.get('acme@100')).toMatchObject({ state: 'queued', run: 2, holder: '' });
    const audit = await backend.deployments.audit({ deployment: 'lost' });
    expect(audit.map(({ holder, detail }) => [holder, detail])).toEqual([
      ['token', `${kind} begins: node is gone`],
      ['token', `${kind} done: 1 deployment handed on`],
    ]);
  });

  it('is refused without the token, and touches nothing', async () => {
    const { backend, url } = await open(settings);
    await addLost(backend);
    for (const refused of [post(), post('Bearer wrong')])
      expect(await json(`${url}/resilience/${kind}/lost`, refused)).toMatchObject({
        status: 401,
        body: { error: { code: 'UNAUTHORIZED' } },
      });
    expect(await backend.deployments.get('acme@100')).toMatchObject({ holder: 'lost', run: 1 });
    expect(await backend.recoveries.reports()).toEqual([]);
  });

  it('answers 404 for an instance that is not known, and 400 for what it does not take', async () => {
    const { backend, url } = await open(settings);
    await addLost(backend);
    expect(await json(`${url}/resilience/${kind}/nobody`, allowed)).toMatchObject({
      status: 404,
      body: { error: { code: 'NOT_FOUND' } },
    });
    expect((await json(`${url}/resilience/${kind}/lost?why=so`, allowed)).status).toBe(400);
    expect((await json(`${url}/resilience/${kind}/lost?reason=`, allowed)).status).toBe(400);
  });

  it('answers 503 while Redis is away, and with the report when a step failed for good', async () => {
    const { backend, url } = await open(settings);
    await addLost(backend);
    backend.deployments.heads = async () => {
      throw new Error('heads are gone');
    };
    const failed = await json(`${url}/resilience/${kind}/lost`, allowed);
    expect(failed).toMatchObject({ status: 503, body: { outcome: 'failed' } });
    expect((failed.body.steps as unknown[])[0]).toMatchObject({
      ...{ step: 'release', outcome: 'failed', attempts: 3, error: 'heads are gone' },
    });
    expect(await backend.recoveries.emergencies()).toMatchObject([{ instance: 'lost', step: 'release' }]);

    await installation.redis.kill();
    try {
      await vi.waitFor(async () => {
        const { status, body } = await json(`${url}/resilience/${kind}/lost`, allowed);
        expect(status).toBe(503);
        expect(body).toMatchObject({ error: { code: 'REDIS_UNREACHABLE' } });
      }, 60_000);
    } finally {
      await installation.redis.restart();
    }
  });
});
