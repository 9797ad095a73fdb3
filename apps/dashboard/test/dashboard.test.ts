import { once } from 'node:events';
import { get, type IncomingMessage } from 'node:http';
import { connect } from 'node:net';
import { describe, expect, it, vi } from 'vitest';
import { allowedAction, isWrite } from '../src/guards/board-writes.ts';
import { isLoopback } from '../src/guards/door.ts';

const { appRoutes } = await import(import.meta.resolve('@bull-board/api').replace(/index\.js$/, 'routes.js'));

import { addDead, installation, json, open, openDesk } from './open-dashboard.ts';

/** fetch sets `Host` by itself. */
async function statusFor(url: string, host: string): Promise<number | undefined> {
  const asked = get(`${url}/api/v1/counts`, { headers: { host } });
  const [answer] = (await once(asked, 'response')) as [IncomingMessage];
  answer.resume();
  return answer.statusCode;
}

describe('the API', () => {
  it('shows deployments, retries and discards dead ones', async () => {
    const { backend, url } = await open();
    const id = await addDead(backend, 'acme', 'id 7 twice');
    await addDead(backend, 'beta', 'id 8 twice');
    expect((await json(`${url}/api/v1/dead-letters`)).body).toMatchObject([
      { state: 'dead' },
      { state: 'dead' },
    ]);
    expect((await json(`${url}/api/v1/deployments/${id}`)).body).toMatchObject({
      error: { code: 'NODE_ID_DUPLICATE', message: 'id 7 twice' },
    });
    const retried = await json(`${url}/api/v1/dead-letters/${id}/retry`, { method: 'POST' });
    expect(retried).toMatchObject({ status: 200, body: { run: 2, state: 'queued' } });
    expect(await json(`${url}/api/v1/dead-letters/${id}`, { method: 'DELETE' })).toMatchObject({
      status: 409,
      body: { error: { code: 'CONFLICT' } },
    });
    expect(await json(`${url}/api/v1/dead-letters/${id}/retry`, { method: 'POST' })).toMatchObject({
      status: 409,
    });
    const beta = `${url}/api/v1/dead-letters/beta@1700000000`;
    expect((await json(beta, { method: 'DELETE' })).body).toMatchObject({ state: 'cancelled' });
    expect((await json(`${url}/api/v1/counts`)).body).toMatchObject({ queued: 1, cancelled: 1, dead: 0 });
    const { status, body } = await json(`${url}/api/v1/status`);
    expect([status, body]).toMatchObject([200, { workers: 0, tasks_failed: 2, success_rate: 0 }]);
    expect(body).toMatchObject({ problems: ['no producer runs', 'no worker runs'] });
  });

  it('shows the chunks of a shared load on the board, named by their deployment', async () => {
    const { backend, url } = await open();
    const [deployment, timestamp] = ['giant@1700000000', 1_700_000_000];
    const files = ['nodes/Person/0.parquet, rows 1 to 100000'];
    const chunk = {
      kind: 'nodes',
      name: 'Person',
      chunk: 2,
      chunks: 64,
      rows: 100_000,
      bytes: 1e7,
      files,
    } as const;
    const load = { deployment, customer: 'giant', timestamp, run: 1, epoch: 3 };
    const job = await backend.chunkJobs.add({ v: 1, ...load, ...chunk }, 1);
    expect(job).toBe('giant@1700000000~1.3.2.1');
    const board = await json(`${url}/queues/api/queues?activeQueue=chunks&status=waiting&page=1`);
    const queues = board.body.queues as { name: string; jobs: { name: string; data: unknown }[] }[];
    const [shown] = queues.find(({ name }) => name === 'chunks')?.jobs ?? [];
    expect(shown?.name).toBe(`${deployment} nodes/Person, chunk 3 of 64`);
    expect(shown?.data).toMatchObject({ ...load, ...chunk });
  });

  it.each([
    ['/api/v1/deployments?state=lively', 400, /state is "lively"/],
    ['/api/v1/deployments?limit=0', 400, /limit is "0"/],
    ['/api/v1/deployments?colour=red', 400, /no parameter colour; it may be customer, state, limit/],
    ['/api/v1/deployments?state=dead&state=live', 400, /state is "dead,live"/],
    ['/api/v1/deployments/%zz', 400, /cannot be read/],
    ['/api/v1/deployments/nonsense', 400, /"nonsense" is no deployment/],
    ['/api/v1/deployments/acme@1', 404, /there is no deployment acme@1/],
    ['/nowhere', 404, /there is no GET \/nowhere/],
  ])('answers %s with %i and one clear line', async (path, status, message) => {
    const { url } = await open();
    const answer = await json(url + path);
    expect(answer.status).toBe(status);
    const error = answer.body.error as { code: string; message: string; action: string };
    expect(error.message).toMatch(message);
    expect([error.code, error.action]).toEqual([expect.any(String), expect.any(String)]);
  });

  it('says that it is ready, and what is missing when Redis is not there', async () => {
    const { url } = await open();
    expect(await json(`${url}/readyz`)).toMatchObject({ status: 200, body: { status: 'ready' } });
    await installation.redis.kill();
    try {
      expect(await json(`${url}/readyz`)).toMatchObject({
        status: 503,
        body: { status: 'not ready', problems: { redis: 'does not answer within 2 s' } },
      });
      expect(await json(`${url}/healthz`)).toMatchObject({ status: 200 });
      expect(await json(`${url}/api/v1/counts`)).toMatchObject({
        status: 503,
        body: { error: { code: 'REDIS_UNREACHABLE' } },
      });
    } finally {
      await installation.redis.restart();
    }
    await vi.waitFor(async () => expect(await json(`${url}/readyz`)).toMatchObject({ status: 200 }), 60_000);
  });
});

describe('starting and stopping', () => {
  it('takes either call twice and at once, and starts again after a stop', async () => {
    const { dashboard, url } = await open();
    await Promise.all([dashboard.start(), dashboard.start()]);
    expect((await fetch(`${url}/healthz`)).status).toBe(200);
    await Promise.all([dashboard.stop(), dashboard.stop()]);
    await expect(fetch(`${url}/healthz`)).rejects.toThrow();
    await dashboard.start();
    expect((await fetch(`${dashboard.address().origin}/healthz`)).status).toBe(200);
  });

  it('stops within its grace while somebody holds a request open', async () => {
    const { dashboard } = await open();
    const socket = connect(Number(dashboard.address().port), '127.0.0.1');
    await once(socket, 'connect');
    socket.on('error', () => {});
    const ended = once(socket, 'close');
    await new Promise((sent) => socket.write('GET /healthz HTTP/1.1\r\nHost: localhost\r\nX-Half: ', sent));
    const started = performance.now();
    await dashboard.stop();
    expect(performance.now() - started).toBeLessThan(5000);
    await ended;
  });
});

describe('the door', () => {
  const basic = (user: string, password: string) => ({
    authorization: `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`,
  });

  it('opens with the token, or as the password of a browser, once one is set', async () => {
    const { url } = await open({ 'dashboard.token': 'sesame' });
    const status = async (headers: Record<string, string>) =>
      (await fetch(`${url}/api/v1/counts`, { headers })).status;
    expect(await status({})).toBe(401);
    expect(await status({ authorization: 'Bearer wrong' })).toBe(401);
    expect(await status({ authorization: 'Bearer sesame' })).toBe(200);
    expect(await status(basic('graphshift', 'sesame'))).toBe(200);
    expect(await status(basic('root', 'sesame'))).toBe(401);
    for (const path of ['/', '/queues', '/queues/api/queues'])
      expect((await fetch(url + path)).status).toBe(401);
    for (const path of ['/healthz', '/readyz']) expect((await fetch(url + path)).status).toBe(200);
  });

  it('does not open to others without a token or password', async () => {
    await expect(open({ 'dashboard.host': '0.0.0.0' })).rejects.toThrow(
      'neither dashboard.token nor dashboard.password',
    );
    await expect(open({ 'dashboard.host': '0.0.0.0', 'dashboard.password': 'x' })).resolves.toBeDefined();
  });

  it('says which port is taken', async () => {
    const { dashboard } = await open();
    await expect(open({ 'dashboard.port': dashboard.address().port })).rejects.toThrow(
      /cannot listen on .*EADDRINUSE/,
    );
  });

  it.each([[{ origin: 'http://evil.example' }], [{ 'sec-fetch-site': 'cross-site' }]])(
    'refuses a writing request from another page: %j',
    async (headers) => {
      const { backend, url } = await open();
      const id = await addDead(backend, 'acme', 'id 7 twice');
      const answer = await json(`${url}/api/v1/dead-letters/${id}/retry`, { method: 'POST', headers });
      expect(answer.status).toBe(403);
      expect((await backend.deployments.get(id))?.state).toBe('dead');
    },
  );

  it('refuses a name that was bound to loopback when nothing else keeps others out', async () => {
    const { url } = await open();
    expect(await statusFor(url, 'evil.example')).toBe(403);
    expect(await statusFor(url, `localhost:${new URL(url).port}`)).toBe(200);
  });

  it('sends headers that keep other pages out', async () => {
    const { url } = await open();
    for (const path of ['/', '/queues', '/api/v1/counts', '/healthz', '/nowhere']) {
      const { headers } = await fetch(url + path);
      expect(headers.get('x-content-type-options')).toBe('nosniff');
      expect(headers.get('referrer-policy')).toBe('no-referrer');
      expect(headers.get('content-security-policy')).toContain('frame-ancestors');
    }
  });

  it.each([
    ['localhost', true],
    ['127.9.9.9', true],
    ['[::1]', true],
    ['0.0.0.0', false],
    ['10.0.0.1', false],
    ['127.evil.example', false],
  ])('knows that %s is loopback: %s', (host, loopback) => expect(isLoopback(host)).toBe(loopback));
});

describe('Bull Board', () => {
  // The board's whole table of writing routes: a version that adds one fails here until somebody has judged it.
  const ALLOWED = [
    'put /api/queues/:queueName/:jobId/promote',
    'put /api/queues/:queueName/:jobId/retry',
    'put /api/queues/:queueName/pause',
    'put /api/queues/:queueName/promote',
    'put /api/queues/:queueName/resume',
    'put /api/queues/:queueName/retry/:queueStatus',
    'put /api/queues/pause',
    'put /api/queues/resume',
  ];
  const REFUSED = [
    'patch /api/queues/:queueName/:jobId/delay',
    'patch /api/queues/:queueName/:jobId/priority',
    'patch /api/queues/:queueName/:jobId/update-data',
    'patch /api/queues/:queueName/job-schedulers/:schedulerId',
    'post /api/queues/:queueName/add',
    'put /api/queues/:queueName/:jobId/clean',
    'put /api/queues/:queueName/:jobId/remove-unprocessed-children',
    'put /api/queues/:queueName/clean/:queueStatus',
    'put /api/queues/:queueName/concurrency',
    'put /api/queues/:queueName/empty',
    'put /api/queues/:queueName/job-schedulers/:schedulerId/remove',
    'put /api/queues/:queueName/job-schedulers/:schedulerId/run',
    'put /api/queues/:queueName/obliterate',
    'put /api/queues/:queueName/rate-limit',
    'put /api/queues/:queueName/rate-limit/release',
  ];
  const writing = (appRoutes.api as { method: string | string[]; route: string | string[] }[]).flatMap(
    ({ method, route }) =>
      [method]
        .flat()
        .filter(isWrite)
        .flatMap((one) => [route].flat().map((pattern) => `${one} ${pattern}`)),
  );

  it('has the writing routes that were judged, and no other, in the version that is installed', () => {
    expect(writing.toSorted()).toEqual([...ALLOWED, ...REFUSED].toSorted());
    for (const one of writing) {
      const [method = '', pattern = ''] = one.split(' ');
      expect([one, allowedAction(method, pattern) !== undefined]).toEqual([one, ALLOWED.includes(one)]);
    }
  });

  it.each(REFUSED)('refuses %s, and leaves the job alone', async (one) => {
    const { backend, url } = await open();
    const id = await addDead(backend, 'acme', 'id 7 twice');
    const [method = '', pattern = ''] = one.split(' ');
    const path = pattern
      .replace(':queueName', 'dead-letter')
      .replace(':jobId', encodeURIComponent(`${id}~1`))
      .replace(':queueStatus', 'waiting')
      .replace(':schedulerId', 'x');
    const before = await backend.letters.queue.getJob(`${id}~1`);
    const answer = await json(`${url}/queues${path}`, {
      method: method.toUpperCase(),
      headers: { 'content-type': 'application/json' },
      body: '{}',
    });
    expect(answer).toMatchObject({ status: 403, body: { error: { code: 'FORBIDDEN' } } });
    const after = await backend.letters.queue.getJob(`${id}~1`);
    expect(after?.asJSON()).toEqual(before?.asJSON());
  });

  it.each(['retry', 'promote', '%72etry'])(
    'does not take clean/%s for a job that is called clean',
    async (end) => {
      const { url } = await open();
      expect((await fetch(`${url}/queues/api/queues/deploy/clean/${end}`, { method: 'PUT' })).status).toBe(
        403,
      );
    },
  );

  it('answers a path that is not well encoded with one clear line', async () => {
    const { url } = await open();
    const answer = await json(`${url}/queues/api/queues/deploy/%zz/retry`, { method: 'PUT' });
    expect(answer.status).toBe(400);
  });

  it('writes what people do there to the audit stream, with the deployment that it was done to', async () => {
    const { backend, url } = await open({ 'dashboard.password': 'sesame' });
    const headers = { authorization: `Basic ${Buffer.from('graphshift:sesame').toString('base64')}` };
    const put = (path: string) => fetch(`${url}/queues/api/queues/${path}`, { method: 'PUT', headers });
    const id = await addDead(backend, 'acme', 'id 7 twice');
    await openDesk(backend);
    expect((await put('deploy/pause')).status).toBe(200);
    expect(await backend.wakeUps.queue.isPaused()).toBe(true);
    expect((await put(`dead-letter/${encodeURIComponent(`${id}~1`)}/retry`)).status).toBe(204);
    expect((await put('dead-letter/nobody~1/retry')).status).toBe(404);
    const by = (entries: { holder: string }[]) => entries.filter(({ holder }) => holder === 'graphshift');
    expect(by(await backend.deployments.audit())).toMatchObject([
      { detail: 'Bull Board: pause', deployment: 'deploy' },
      { detail: `Bull Board: retry dead-letter ${id}~1`, deployment: id, run: 1 },
    ]);
    expect(by(await backend.deployments.audit({ deployment: id }))).toHaveLength(1);
  });

  it('names the deployment on every job', async () => {
    const { backend, url } = await open();
    const id = await addDead(backend, 'acme', 'id 7 twice');
    const { body } = await json(`${url}/queues/api/queues?activeQueue=dead-letter`);
    expect(JSON.stringify(body.queues)).toContain(`"${id} · NODE_ID_DUPLICATE"`);
  });
});
