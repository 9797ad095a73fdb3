import { once } from 'node:events';
import { createServer } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { type Clock, systemClock } from './clock.ts';
import { HealthServer, type HealthServerOptions } from './health-server.ts';
import { silentLogger } from './log.ts';
import { ServiceStack } from './service.ts';

const stacks: ServiceStack[] = [];
afterEach(async () => {
  for (const stack of stacks.splice(0)) await stack.stop();
});

async function startHealth(options: Partial<HealthServerOptions> = {}, before: ServiceStack[] = []) {
  const health = new HealthServer({
    host: '127.0.0.1',
    port: 0,
    kind: 'worker',
    ping: async () => 'PONG',
    clock: systemClock,
    log: silentLogger,
    ...options,
  });
  const stack = new ServiceStack([health, ...before, health.readiness]);
  stacks.push(stack);
  await stack.start();
  return { health, stack };
}

async function ask(health: HealthServer, path = '/healthz', method = 'GET') {
  const response = await fetch(new URL(path, health.url), { method, signal: AbortSignal.timeout(5000) });
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
}

describe('/healthz', () => {
  it('answers 200 while the services run, and nothing else there is', async () => {
    const { health } = await startHealth();
    expect(await ask(health)).toMatchObject({ status: 200, body: { status: 'ok', kind: 'worker' } });
    expect((await ask(health, '/')).status).toBe(404);
    expect((await ask(health, '/healthz', 'POST')).status).toBe(404);
    expect((await ask(health, '/healthz?probe=1')).status).toBe(200);
  });

  it('answers 503 before the services have started and while they stop', async () => {
    const seen: unknown[] = [];
    let health: HealthServer | undefined;
    const look = async () => {
      if (health) seen.push(await ask(health));
    };
    health = new HealthServer({
      host: '127.0.0.1',
      port: 0,
      kind: 'producer',
      ping: async () => 'PONG',
      clock: systemClock,
      log: silentLogger,
    });
    const stack = new ServiceStack([health, { start: look, stop: look }, health.readiness]);
    await stack.start();
    await stack.stop();
    expect(seen).toMatchObject([
      { status: 503, body: { status: 'unhealthy', reason: 'starting' } },
      { status: 503, body: { status: 'unhealthy', reason: 'stopping' } },
    ]);
  });

  it('answers 503 at once when Redis has hung for longer than it may, and 200 when it is back', async () => {
    let now = 1_000_000;
    let tick: () => Promise<void> | void = () => {};
    const clock: Clock = {
      now: () => now,
      sleep: async () => {},
      every: (_ms, called) => {
        tick = called;
        return () => {};
      },
    };
    let hangs = false;
    const { health } = await startHealth({
      clock,
      patienceMs: 10_000,
      ping: () => (hangs ? new Promise(() => {}) : Promise.resolve()),
    });
    await tick();
    hangs = true;
    void tick();
    now += 10_000;
    expect((await ask(health)).status).toBe(200);
    now += 3000;
    expect(await ask(health)).toMatchObject({
      status: 503,
      body: { reason: 'redis has not answered for 13 s' },
    });
    hangs = false;
    await tick();
    expect((await ask(health)).status).toBe(200);
  });

  it('names the setting when its port is taken', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    await once(other, 'listening');
    const { port } = other.address() as { port: number };
    await expect(startHealth({ port })).rejects.toThrow(/^health\.port: worker cannot answer .*HEALTH_PORT/);
    other.close();
  });

  it('ends although somebody keeps a connection open', async () => {
    const { health, stack } = await startHealth();
    await ask(health);
    const { url } = health;
    await stack.stop();
    await expect(fetch(url)).rejects.toThrow('fetch failed');
  });
});
