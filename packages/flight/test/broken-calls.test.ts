/** Puts to servers that are no Flight servers, or break off: HTTP/2 servers that answer as they are told. */

import { once } from 'node:events';
import { constants, createServer, type Http2Server, type ServerHttp2Stream } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { FlightClient, type FlightError } from '../src/index.ts';
import type { IpcMessage } from '../src/ipc/index.ts';

const SCHEMA: IpcMessage = {
  kind: 'schema',
  metadata: Buffer.from('schema'),
  body: Buffer.alloc(0),
  rows: 0,
};
const BATCH: IpcMessage = { ...SCHEMA, kind: 'batch', rows: 1 };
const WELL = { ':status': 200, 'content-type': 'application/grpc' };
const servers: Http2Server[] = [];
const clients: FlightClient[] = [];

afterEach(() => {
  for (const client of clients.splice(0)) client.close();
  for (const server of servers.splice(0)) server.close();
});

/** A client of a server that does this with each call. */
async function clientOf(answer: (stream: ServerHttp2Stream) => void): Promise<FlightClient> {
  const server = createServer();
  servers.push(server);
  server.on('stream', (stream) => {
    // What the client breaks off is its own affair.
    stream.on('error', () => {});
    stream.resume();
    answer(stream);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const client = new FlightClient({ host: '127.0.0.1', port: (server.address() as AddressInfo).port });
  clients.push(client);
  return client;
}

async function outcome(client: FlightClient): Promise<string> {
  return client.put({ path: ['x'] }, [SCHEMA, BATCH]).then(
    ({ answers }) => `${answers} answers`,
    (error: FlightError) => error.message,
  );
}

async function outcomeOf(answer: (stream: ServerHttp2Stream) => void): Promise<string> {
  return outcome(await clientOf(answer));
}

function message(bytes: Buffer, compressed = 0): Buffer {
  const prefix = Buffer.from([compressed, 0, 0, 0, bytes.length]);
  return Buffer.concat([prefix, bytes]);
}

function endWith(stream: ServerHttp2Stream, trailers: Record<string, string>, ...chunks: Buffer[]): void {
  stream.respond(WELL, { waitForTrailers: true });
  stream.on('wantTrailers', () => stream.sendTrailers(trailers));
  for (const chunk of chunks) stream.write(chunk);
  stream.end();
}

test('an answer that comes in pieces is one answer', async () => {
  const whole = message(Buffer.from([10, 1, 65]));
  const pieces = [...whole].map((byte) => Buffer.from([byte]));
  expect(await outcomeOf((stream) => endWith(stream, { 'grpc-status': '0' }, ...pieces))).toBe('1 answers');
});

test("the server's state and words come through, with or without an answer before them", async () => {
  const words = { 'grpc-status': '6', 'grpc-message': 'the graph %C3%A4 is there%0Aand a stack' };
  const expected = 'DoPut: the graph ä is there (ALREADY_EXISTS)';
  expect(await outcomeOf((stream) => endWith(stream, words))).toBe(expected);
  expect(await outcomeOf((stream) => stream.respond({ ...WELL, ...words }, { endStream: true }))).toBe(
    expected,
  );
  const odd = { 'grpc-status': '99', 'grpc-message': '100 % full' };
  expect(await outcomeOf((stream) => endWith(stream, odd))).toBe('DoPut: 100 % full (UNKNOWN)');
});

test.each([
  [503, 'UNAVAILABLE'],
  [404, 'UNIMPLEMENTED'],
  [401, 'UNAUTHENTICATED'],
  [200, 'UNKNOWN'],
])('HTTP status %d without one of gRPC is %s', async (code, state) => {
  const answer = (stream: ServerHttp2Stream) => stream.respond({ ':status': code }, { endStream: true });
  expect(await outcomeOf(answer)).toBe(`DoPut: HTTP status ${code} (${state})`);
});

test.each([
  ['NGHTTP2_REFUSED_STREAM', 'UNAVAILABLE'],
  ['NGHTTP2_CANCEL', 'CANCELLED'],
  ['NGHTTP2_ENHANCE_YOUR_CALM', 'RESOURCE_EXHAUSTED'],
  ['NGHTTP2_INTERNAL_ERROR', 'INTERNAL'],
] as const)('a stream that the server resets with %s is %s', async (name, state) => {
  const code = constants[name];
  expect(await outcomeOf((stream) => stream.close(code))).toBe(
    `DoPut: the server ended the stream (${code}) (${state})`,
  );
});

test('messages that are compressed or too long end the call', async () => {
  const compressed = await clientOf((stream) => {
    stream.respond(WELL);
    stream.write(message(Buffer.from([10, 1, 65]), 1));
  });
  expect(await outcome(compressed)).toBe('DoPut: a compressed message, which nobody asked for (INTERNAL)');
  const long = await clientOf((stream) => {
    stream.respond(WELL);
    stream.write(Buffer.from([0, 0x7f, 0, 0, 0]));
  });
  expect(await outcome(long)).toMatch(
    /^DoPut: a message of 2130706432 bytes came; .* \(RESOURCE_EXHAUSTED\)$/,
  );
});

test('a connection that is lost is unavailable, and the next put has a new one', async () => {
  let calls = 0;
  const client = await clientOf((stream) => {
    calls += 1;
    if (calls === 1) stream.session?.destroy();
    else endWith(stream, { 'grpc-status': '0' }, message(Buffer.from([10, 1, 65])));
  });
  expect(await outcome(client)).toMatch(/ \(UNAVAILABLE\)$/);
  expect(await outcome(client)).toBe('1 answers');
});

test('a server that says goodbye ends its calls well, and the next put has a new connection', async () => {
  const sessions = new Set<unknown>();
  const client = await clientOf((stream) => {
    sessions.add(stream.session);
    stream.session?.goaway();
    endWith(stream, { 'grpc-status': '0' }, message(Buffer.from([10, 1, 65])));
  });
  expect(await outcome(client)).toBe('1 answers');
  expect(await outcome(client)).toBe('1 answers');
  expect(sessions.size).toBe(2);
});

test('nobody at the address is said so', async () => {
  const client = await clientOf(() => {});
  servers[0]?.close();
  await once(servers[0]!, 'close');
  expect(await outcome(client)).toMatch(/^DoPut: connect ECONNREFUSED 127\.0\.0\.1:\d+ \(UNAVAILABLE\)$/);
});
