/** The client against a real pyarrow Flight server: what arrives, who is let in, and what goes wrong. */

import { mkdtempSync, rmSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { FlightClient, type FlightClientOptions, hasStatus } from '../src/index.ts';
import { type IpcMessage, readFile, readStream, renameColumns } from '../src/ipc/index.ts';
import { type PyarrowServer, pyarrowProblem, startPyarrowServer, writeIpc } from './pyarrow-server.ts';

const problem = pyarrowProblem();
const directory = mkdtempSync(join(tmpdir(), 'graphshift-flight-'));
const FILE = join(directory, 'file.arrow');
const STREAM = join(directory, 'stream.arrow');
const NAMES = { id: 'nodeId', score: 'a much longer name than before', note: '' };
let server: PyarrowServer;
const clients: FlightClient[] = [];

beforeAll(async () => {
  if (problem) return;
  writeIpc(FILE, 1000, 5, 'file');
  writeIpc(STREAM, 100, 5, 'stream');
  server = await startPyarrowServer(['--password', 'sesame']);
});
beforeEach((context) => {
  if (problem) context.skip(problem);
});
afterEach(() => {
  for (const client of clients.splice(0)) client.close();
});
afterAll(async () => {
  await server?.kill();
  rmSync(directory, { recursive: true, force: true });
});

function connect(options: Partial<FlightClientOptions> = {}): FlightClient {
  const credentials = { username: 'tester', password: 'sesame' };
  const client = new FlightClient({ host: server.host, port: server.port, credentials, ...options });
  clients.push(client);
  return client;
}

async function ask(client: FlightClient, action: string, body = ''): Promise<string> {
  const answers: string[] = [];
  for await (const answer of client.doAction(action, body, { timeoutMs: 60_000 }))
    answers.push(answer.toString());
  return answers.join(' ');
}

async function report(client: FlightClient): Promise<Record<string, unknown>> {
  return JSON.parse(await ask(client, 'report'));
}

async function messagesOf(path: string, form: typeof readFile | typeof readStream): Promise<IpcMessage[]> {
  const file = await open(path);
  try {
    const messages: IpcMessage[] = [];
    const source =
      form === readFile
        ? readFile(file)
        : readStream(file.createReadStream({ highWaterMark: 777, autoClose: false }));
    for await (const message of source) messages.push(message);
    return messages;
  } finally {
    await file.close();
  }
}

const command = (wanted: object) => ({ command: JSON.stringify(wanted) });
const put = (client: FlightClient, wanted: object, messages: IpcMessage[], options = {}) =>
  client.put(command(wanted), messages, options);

test('lists actions, and streams the results of one', async () => {
  const client = connect();
  expect((await client.listActions()).map(({ type }) => type)).toEqual(['allow', 'report']);
  expect(await ask(client, 'echo', 'ärrow')).toBe('ärrow');
  expect(await ask(client, 'count', '3')).toBe('0 1 2');
  await expect(ask(client, 'nonsense')).rejects.toThrow(/^DoAction nonsense: no action nonsense.* \(/);
});

test('a reader that stops early ends the call, and the client goes on', async () => {
  const client = connect();
  for await (const answer of client.doAction('count', '100000')) {
    expect(answer.toString()).toBe('0');
    break;
  }
  expect(await ask(client, 'echo', 'still here')).toBe('still here');
});

test('what a file holds arrives value by value, under new names and with its dictionaries', async () => {
  const client = connect();
  const [schema, ...rest] = await messagesOf(FILE, readFile);
  const renamed = renameColumns(schema!, new Map(Object.entries(NAMES)));
  const summary = await put(client, { do: 'take', file: FILE, names: NAMES }, [renamed, ...rest]);
  expect(summary).toMatchObject({ batches: 5, rows: 5000, answers: 5, acknowledgedRows: 5000 });
  const { same, schema: columns } = await report(client);
  expect(columns).toEqual([
    'nodeId: string',
    'labels: dictionary<values=string, indices=int32, ordered=0>',
    `${NAMES.score}: double`,
    ': string',
    'tags: list<item: int64>',
  ]);
  expect(same).toBe(true);
});

test('a stream in chunks arrives like a file', async () => {
  const client = connect();
  const summary = await put(client, { do: 'sink' }, await messagesOf(STREAM, readStream));
  expect(summary).toMatchObject({ batches: 5, rows: 500 });
  expect(await report(client)).toMatchObject({ ended: true, rows: 500 });
});

test('one Handshake serves many calls, and wrong credentials are refused by name', async () => {
  const client = connect();
  await Promise.all([ask(client, 'echo'), ask(client, 'echo'), client.listActions()]);
  expect(client.handshakes).toBe(1);
  const stranger = connect({ credentials: { username: 'tester', password: 'wrong' } });
  await expect(stranger.authenticate()).rejects.toSatisfy((error) => hasStatus(error, 'UNAUTHENTICATED'));
  const nobody = new FlightClient({ host: server.host, port: server.port });
  clients.push(nobody);
  await expect(ask(nobody, 'echo')).rejects.toThrow('who are you?');
});

test('a token that the server forgot is renewed, in actions and in puts, and nothing is lost', async () => {
  const client = connect();
  const messages = await messagesOf(FILE, readFile);
  const before = await report(client);
  await ask(client, 'expire');
  expect(await ask(client, 'echo', 'again')).toBe('again');
  await ask(client, 'expire');
  expect(await put(client, { do: 'take', file: FILE, names: {} }, messages)).toMatchObject({
    rows: 5000,
    acknowledgedRows: 5000,
  });
  const after = await report(client);
  expect(client.handshakes).toBe(3);
  expect(after).toMatchObject({ same: true, refused: Number(before.refused) + 2 });
});

test('a token is renewed by its age before the server forgets it', async () => {
  let now = 0;
  const client = connect({ tokenLifetimeMs: 1000, now: () => now });
  await ask(client, 'echo');
  now = 999;
  await ask(client, 'echo');
  expect(client.handshakes).toBe(1);
  now = 1000;
  await ask(client, 'echo');
  expect(client.handshakes).toBe(2);
});

test('a bearer token of elsewhere is sent as it is, and not renewed', async () => {
  const client = connect({ credentials: { bearer: 'not-of-this-server' } });
  await expect(ask(client, 'echo')).rejects.toSatisfy((error) => hasStatus(error, 'UNAUTHENTICATED'));
  expect(client.handshakes).toBe(0);
});

test('an error within the stream ends the put with the words of the server', async () => {
  const client = connect();
  const [schema, ...rest] = await messagesOf(FILE, readFile);
  let made = 0;
  function* endless() {
    yield schema!;
    for (const message of rest.filter(({ kind }) => kind === 'dictionary')) yield message;
    for (;;) {
      made += 1;
      yield rest.at(-1)!;
    }
  }
  const failing = client.put(command({ do: 'fail', after: 3 }), endless(), { unacknowledged: 2 });
  await expect(failing).rejects.toThrow(/^DoPut: the disk is full/);
  expect(made).toBeLessThanOrEqual(6);
});

test('a server that ends well before everything was sent is an error, and so is one that answers too little', async () => {
  const client = connect();
  const messages = await messagesOf(FILE, readFile);
  await expect(put(client, { do: 'leave', after: 2 }, messages)).rejects.toThrow(
    /server (ended the put after 2 answers|answered 2 of 5 batches)/,
  );
  await expect(put(client, { do: 'sink', silent: true }, messages)).rejects.toThrow(
    'the server answered 0 of 5 batches',
  );
  const silent = await put(client, { do: 'sink', silent: true }, messages, { unacknowledged: 'unbounded' });
  expect(silent).toMatchObject({ batches: 5, answers: 0, acknowledgedRows: 0 });
});

test('answers are read no faster than they are taken, in order, with their metadata', async () => {
  const client = connect();
  const seen: string[] = [];
  let busy = 0;
  const onAnswer = async (metadata: Buffer) => {
    busy += 1;
    expect(busy).toBe(1);
    await ask(client, 'echo');
    busy -= 1;
    seen.push(metadata.toString());
  };
  await put(client, { do: 'sink' }, await messagesOf(FILE, readFile), { onAnswer });
  expect(seen).toEqual(['1', '2', '3', '4', '5']);
  const failing = put(client, { do: 'sink' }, await messagesOf(FILE, readFile), {
    onAnswer: () => Promise.reject(new Error('no more, please')),
  });
  await expect(failing).rejects.toThrow('no more, please');
});

test('a signal ends a put and an action at once, with its reason', async () => {
  const client = connect();
  const ends = new AbortController();
  const stuck = put(client, { do: 'gate' }, await messagesOf(FILE, readFile), {
    signal: ends.signal,
    unacknowledged: 1,
  });
  const waiting = (async () => {
    for await (const _ of client.doAction('wait', '', { signal: ends.signal }));
  })();
  ends.abort(new Error('the worker stops'));
  await expect(stuck).rejects.toThrow('the worker stops');
  await expect(waiting).rejects.toThrow('the worker stops');
  await expect(put(client, { do: 'sink' }, [], { signal: ends.signal })).rejects.toThrow('the worker stops');
  const late = client.doAction('wait', '', { timeoutMs: 20 });
  await expect(late.next()).rejects.toThrow('DoAction wait: no end within 20 ms (DEADLINE_EXCEEDED)');
});
