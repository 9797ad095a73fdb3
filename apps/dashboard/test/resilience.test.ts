import { type Backend, BusyMeter, GraphshiftError, LOAD, Pulse, silentLogger } from '@graphshift/core';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { addDead, installation, json, open } from './open-dashboard.ts';

interface HealthBody {
  readonly status: string;
  readonly score: number;
  readonly reasons: string[];
}

const health = async (url: string) => {
  const { status, body } = await json(`${url}/resilience/health`);
  return { code: status, ...(body as unknown as HealthBody) };
};

/** A worker that beats and tells of its breakers, without working. */
async function pretend(backend: Backend, id: string, silentSeconds = 0): Promise<void> {
  const beat = { id, kind: 'worker', host: 'h', pid: 1, version: '1', state: 'running' } as const;
  await backend.instances.beat({
    ...beat,
    capacity: 1,
    active: 1,
    busyMs: 0,
    uptimeMs: 5000,
    deployments: ['acme@1700000000'],
  });
  const at = (await backend.deployments.serverTime()) - silentSeconds * 1000;
  await backend.redis.zadd(backend.keys.instances, at, id);
}

/** Seldom enough that a busy machine gives no early warning. */
async function startPulse(backend: Backend, id: string, everyMs = 60_000): Promise<Pulse> {
  const { breakers, redis, keys, clock } = backend;
  const meter = new BusyMeter(clock);
  const pulse = new Pulse({ id, everyMs, meter, breakers, redis, keys, clock, log: silentLogger });
  await pulse.start();
  onTestFinished(() => pulse.stop());
  return pulse;
}

/** Raised as by a recovery whose last attempt failed. */
async function raiseEmergency({ redis, keys }: Backend, instance: string): Promise<void> {
  const emergency = { instance, since: 1_700_000_000_000, step: 'verify', reason: 'verify failed 3 times' };
  await redis.hset(keys.emergencies, instance, JSON.stringify(emergency));
}

describe('GET /resilience/health', () => {
  it('is 200 while the system is well or only degraded, and asks for no token', async () => {
    const { backend, url } = await open({ 'dashboard.token': 'sesame' });
    expect(await health(url)).toEqual({ code: 200, status: 'HEALTHY', score: 100, reasons: [] });
    await addDead(backend, 'acme', 'id 7 twice');
    expect(await health(url)).toMatchObject({ code: 200, status: 'DEGRADED', reasons: ['dead-letters'] });
  });

  it('is 503 while it is critical, and in an emergency, until that has ended', async () => {
    const { backend, url } = await open();
    await pretend(backend, 'w1', 301);
    await pretend(backend, 'w2');
    expect(await health(url)).toMatchObject({
      code: 503,
      status: 'CRITICAL',
      reasons: ['silent-holder', 'instance-silent'],
    });
    await raiseEmergency(backend, 'w1');
    expect(await health(url)).toMatchObject({ code: 503, status: 'EMERGENCY' });
    await backend.redis.hdel(backend.keys.emergencies, 'w1');
    await pretend(backend, 'w1');
    expect(await health(url)).toEqual({ code: 200, status: 'HEALTHY', score: 100, reasons: [] });
  });

  it('is 503 after a recovery that failed, until one of that instance succeeds', async () => {
    const { backend, url } = await open();
    const report = { instance: 'w1', kind: 'recovery', by: 'ann', reason: 'by hand', durationMs: 40 };
    const keep = (outcome: string) =>
      backend.redis.lpush(
        backend.keys.recoveries,
        JSON.stringify({ ...report, outcome, startedAt: backend.clock.now(), deployments: [], steps: [] }),
      );
    await keep('failed');
    expect(await health(url)).toMatchObject({ code: 503, status: 'CRITICAL', reasons: ['recovery-failed'] });
    await keep('recovered');
    expect(await health(url)).toMatchObject({ code: 200, status: 'HEALTHY' });
  });

  it('is 503 without Redis, and says what is away', async () => {
    const { url } = await open();
    await installation.redis.kill();
    try {
      expect(await health(url)).toMatchObject({ code: 503, status: 'CRITICAL', reasons: ['redis-away'] });
      const { status, body } = await json(`${url}/resilience/status`);
      expect(status).toBe(503);
      expect(body).toMatchObject({ health: { status: 'CRITICAL' }, instances: [], patterns: null });
    } finally {
      await installation.redis.restart();
    }
    await vi.waitFor(async () => expect((await health(url)).code).toBe(200), 60_000);
  });
});

describe('GET /resilience/status', () => {
  it('shows instances, breakers, recovery, health, early warning and patterns', async () => {
    const { backend, url } = await open();
    await pretend(backend, 'w1');
    await startPulse(backend, 'w1');
    const breaker = backend.breakers.get(LOAD);
    for (let failures = 0; failures < 5; failures++)
      breaker.failed(new GraphshiftError('STORE_UNREACHABLE', 'connection refused'));
    await addDead(backend, 'acme', 'id 7 twice');
    const report = {
      instance: 'w1',
      kind: 'recovery',
      by: 'ann',
      reason: 'by hand',
      startedAt: 1,
      durationMs: 40,
    };
    const recovered = { ...report, outcome: 'recovered', deployments: [], steps: [] };
    await backend.redis.lpush(backend.keys.recoveries, JSON.stringify(recovered));
    await vi.waitFor(async () => {
      const { status, body } = await json(`${url}/resilience/status`);
      expect(status).toBe(200);
      expect(body).toMatchObject({
        health: { status: 'CRITICAL', score: expect.any(Number), parts: expect.any(Array) },
        instances: [
          {
            id: 'w1',
            condition: 'alive',
            deployments: ['acme@1700000000'],
            breakers: [
              { name: 'graph administration', state: 'closed' },
              { name: 'graph load', state: 'open', failures: 5, lastError: 'connection refused' },
            ],
            recovery: { attempts: 1, successes: 1, successRate: 100, meanMs: 40 },
          },
        ],
        breakers: { 'graph load': { open: 1, closed: 0, 'half-open': 0 } },
        recovery: { total: { attempts: 1 }, latest: [{ by: 'ann' }] },
        emergencies: [],
        earlyWarning: [],
        patterns: { lastDay: 1, by: { code: [{ value: 'NODE_ID_DUPLICATE', lastDay: 1 }] } },
      });
      const { reasons } = body.health as { reasons: { rule: string; message: string }[] };
      expect(reasons.map(({ rule }) => rule)).toEqual([
        'breaker-open-everywhere',
        'breaker-open',
        'dead-letters',
      ]);
    }, 60_000);
  });

  it('forgets what a process told that is gone', async () => {
    const { backend, url } = await open();
    await pretend(backend, 'w1');
    const pulse = await startPulse(backend, 'w1', 50);
    const told = async () => {
      const { instances } = (await json(`${url}/resilience/status`)).body as {
        instances: { breakers: unknown[] }[];
      };
      return instances[0]?.breakers.length;
    };
    expect(await told()).toBe(2);
    expect(await backend.redis.pttl(backend.keys.breakers('w1'))).toBeGreaterThan(0);
    await vi.waitFor(
      async () => expect(await backend.redis.pttl(backend.keys.vitals('w1'))).toBeGreaterThan(0),
      60_000,
    );
    await pulse.stop();
    expect(await told()).toBe(0);
  });
});

describe('GET /metrics', () => {
  it('has names with units, values of the same status, and one line of a kind for each instance', async () => {
    const { backend, url } = await open();
    await pretend(backend, 'w1');
    await addDead(backend, 'acme', 'id 7 twice');
    const answer = await fetch(`${url}/metrics`);
    expect([answer.status, answer.headers.get('content-type')]).toEqual([
      200,
      'text/plain; version=0.0.4; charset=utf-8',
    ]);
    const text = await answer.text();
    for (const line of [
      'graphshift_health_level{level="DEGRADED"} 1',
      'graphshift_health_level{level="HEALTHY"} 0',
      'graphshift_deployments{state="dead"} 1',
      'graphshift_instance_deployments{instance="w1",kind="worker"} 1',
      'graphshift_failures_last_day{class="permanent"} 1',
      'graphshift_emergencies 0',
    ])
      expect(text.split('\n')).toContain(line);
    const units = /_(seconds|bytes|points|ratio)$/;
    const counted =
      /_(level|condition|deployments|chunks|emergencies|warnings|state|failures|openings|attempts|successes|hour|day|patterns)$/;
    const names = [...text.matchAll(/^# TYPE (\S+)/gm)].map(([, name]) => name ?? '');
    expect(names.filter((name) => !units.test(name) && !counted.test(name))).toEqual([]);
    expect(names.length).toBeGreaterThan(20);
  });
});

describe('the door of the resilience routes', () => {
  it.each(['/resilience/status', '/metrics', '/resilience/nowhere'])(
    'keeps %s to those who have the token',
    async (path) => {
      const { url } = await open({ 'dashboard.token': 'sesame' });
      expect((await fetch(url + path)).status).toBe(401);
      const { status } = await fetch(url + path, { headers: { authorization: 'Bearer sesame' } });
      expect(status).toBe(path === '/resilience/nowhere' ? 404 : 200);
    },
  );
});
