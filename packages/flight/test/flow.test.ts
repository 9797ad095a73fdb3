/** How much is under way, against a real pyarrow server: a slow one, a large message, one that dies, and TLS. */

import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { FlightClient, type FlightClientOptions, hasStatus } from '../src/index.ts';
import { type IpcMessage, readFile } from '../src/ipc/index.ts';
import { type PyarrowServer, pyarrowProblem, startPyarrowServer, writeIpc } from './pyarrow-server.ts';

const problem = pyarrowProblem();
const directory = mkdtempSync(join(tmpdir(), 'graphshift-flight-'));
const MIB = 2 ** 20;
let server: PyarrowServer;
let schema: IpcMessage;
/** One mebibyte. */
let batch: IpcMessage;
let client: FlightClient;

beforeAll(async () => {
  if (problem) return;
  server = await startPyarrowServer();
  client = connect();
  [schema, batch] = await wide(16_384);
});
beforeEach((context) => {
  if (problem) context.skip(problem);
});
afterAll(async () => {
  client?.close();
  await server?.kill();
  rmSync(directory, { recursive: true, force: true });
});

function connect(options: Partial<FlightClientOptions> = {}): FlightClient {
  return new FlightClient({ host: server.host, port: server.port, ...options });
}

async function wide(rows: number): Promise<[IpcMessage, IpcMessage]> {
  const path = join(directory, `${rows}.arrow`);
  writeIpc(path, rows, 1, 'wide');
  const file = await open(path);
  const messages: IpcMessage[] = [];
  for await (const message of readFile(file)) messages.push(message);
  await file.close();
  return [messages[0]!, messages[1]!];
}

async function ask(action: string, body = ''): Promise<string> {
  let answer = '';
  for await (const part of client.doAction(action, body, { timeoutMs: 60_000 })) answer += part;
  return answer;
}

const command = (wanted: object) => ({ command: JSON.stringify(wanted) });

test('no more batches are under way than may be, whatever the pace of the server', async () => {
  let [made, acknowledged] = [0, 0];
  function* counted() {
    yield schema;
    for (; made < 40; ) {
      made += 1;
      expect(made - acknowledged).toBeLessThanOrEqual(4);
      yield batch;
    }
  }
  const putting = client.put(command({ do: 'gate' }), counted(), {
    unacknowledged: 3,
    onAcknowledged: (rows) => {
      acknowledged += 1;
      expect(rows).toBe(16_384);
    },
  });
  for (let allowed = 0; allowed < 41; allowed += 1) await ask('allow', '1');
  expect(await putting).toMatchObject({ batches: 40, acknowledgedRows: 40 * 16_384 });
});

test('a server that reads nothing and answers nothing is not written to without end', async () => {
  let made = 0;
  function* counted() {
    yield schema;
    for (; made < 300; made += 1) yield batch;
  }
  const putting = client.put(command({ do: 'gate', silent: true }), counted(), {
    unacknowledged: 'unbounded',
  });
  // It has come to rest when it stands still over so many exchanges with the server.
  for (let [still, last] = [0, -1]; still < 50; last = made) {
    await ask('echo', 'x');
    still = made === last ? still + 1 : 0;
  }
  // 14 to 41 MiB and more, by the windows that the server's gRPC opens; without flow control it is all 300.
  expect(made).toBeLessThan(150);
  await ask('allow', '301');
  expect(await putting).toMatchObject({
    batches: 300,
    bytes: expect.toSatisfy((bytes) => bytes > 300 * MIB),
  });
});

test('much may be with the transport while the server begins to answer', async () => {
  const messages = [schema, ...Array.from({ length: 100 }, () => batch)];
  const putting = client.put(command({ do: 'sink' }), messages, {
    unacknowledged: 100,
    pendingBytes: 256 * MIB,
  });
  expect(await putting).toMatchObject({ batches: 100, answers: 100 });
});

test('a message of 64 MiB passes; one over the limit is refused before anything of it is sent', async () => {
  const [wideSchema, big] = await wide(MIB);
  expect(big.body.length).toBe(64 * MIB);
  expect(await client.put(command({ do: 'sink' }), [wideSchema, big])).toMatchObject({ rows: MIB });
  const strict = connect({ maxSendBytes: MIB, maxReceiveBytes: 1000 });
  const refused = strict.put(command({ do: 'sink' }), [wideSchema, big]);
  await expect(refused).rejects.toThrow(
    /a message of 67\d+ bytes; it may have 1048576: send smaller batches/,
  );
  const answer = strict.doAction('echo', 'x'.repeat(2000));
  await expect(answer.next()).rejects.toSatisfy((error) => hasStatus(error, 'RESOURCE_EXHAUSTED'));
  strict.close();
});

test('a server that dies ends the put, and the client finds the next one', async () => {
  const mortal = await startPyarrowServer();
  const its = new FlightClient({ host: mortal.host, port: mortal.port });
  function* endless() {
    yield schema;
    for (;;) yield batch;
  }
  const dying = its.put(command({ do: 'die', after: 2 }), endless());
  await expect(dying).rejects.toSatisfy((error) => hasStatus(error, 'UNAVAILABLE', 'CANCELLED', 'INTERNAL'));
  await mortal.kill();
  await expect(its.listActions()).rejects.toSatisfy((error) => hasStatus(error, 'UNAVAILABLE'));
  its.close();
});

test('a server that is there and does nothing is asked for a sign of life, and given up', async () => {
  const asleep = await startPyarrowServer();
  const its = new FlightClient({
    host: asleep.host,
    port: asleep.port,
    keepAliveMs: 200,
    keepAliveTimeoutMs: 300,
  });
  const stuck = its.put(command({ do: 'gate' }), [schema, batch]);
  asleep.pause();
  await expect(stuck).rejects.toThrow('DoPut: no sign of life within 300 ms (UNAVAILABLE)');
  its.close();
  await asleep.kill();
});

test('TLS with a certificate of our own: whom it does not prove is not talked to, and nothing goes in clear', async () => {
  const [certificate, key] = [join(directory, 'server.pem'), join(directory, 'server.key')];
  const names = ['-subj', '/CN=graphs.example', '-addext', 'subjectAltName=DNS:graphs.example'];
  const files = ['-keyout', key, '-out', certificate];
  execFileSync(
    'openssl',
    ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', ...names, ...files],
    {
      stdio: 'ignore',
    },
  );
  const secured = await startPyarrowServer(['--certificate', certificate, '--key', key]);
  const at = { host: secured.host, port: secured.port };
  const ca = readFileSync(certificate);
  const outcome = async (options: FlightClientOptions) => {
    const its = new FlightClient(options);
    const result = await its.listActions({ timeoutMs: 60_000 }).then(
      (actions) => `${actions.length} actions`,
      (error) => error.status,
    );
    const put = await its.put(command({ do: 'sink' }), [schema, batch]).then(
      ({ rows }) => `${rows} rows`,
      (error) => error.status,
    );
    its.close();
    return [result, put].join(', ');
  };
  expect(await outcome({ ...at, tls: { ca, serverName: 'graphs.example' } })).toBe('2 actions, 16384 rows');
  expect(await outcome({ ...at, tls: { ca } })).toBe('UNAVAILABLE, UNAVAILABLE');
  expect(await outcome({ ...at, tls: { serverName: 'graphs.example' } })).toBe('UNAVAILABLE, UNAVAILABLE');
  expect(await outcome(at)).toBe('UNAVAILABLE, UNAVAILABLE');
  expect(await outcome({ host: server.host, port: server.port, tls: { ca } })).toBe(
    'UNAVAILABLE, UNAVAILABLE',
  );
  await secured.kill();
});
