import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { type Link, openLink } from './link.ts';

let server: Server;
let link: Link;
let client: Socket;
/** What came to the server and what came back, so far. */
let arrived: string;
let answered: string;

beforeEach(async () => {
  arrived = '';
  answered = '';
  server = createServer((socket) => {
    socket.on('error', () => {});
    socket.on('data', (data) => {
      arrived += data;
      socket.write(`<${data}>`);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  link = await openLink(typeof address === 'object' && address ? address.port : 0);
  client = await open();
  client.on('data', (data) => {
    answered += data;
  });
  await say('a');
  await answers('<a>');
});

afterEach(async () => {
  client.destroy();
  await link.close();
  server.close();
});

async function open(): Promise<Socket> {
  const socket = connect(link.port, '127.0.0.1');
  socket.on('error', () => {});
  await once(socket, 'connect');
  return socket;
}

async function say(text: string): Promise<void> {
  await new Promise<void>((resolve) => client.write(text, () => resolve()));
}

async function answers(text: string): Promise<void> {
  await vi.waitFor(() => expect(answered).toBe(text), 60_000);
}

async function arrives(text: string): Promise<void> {
  await vi.waitFor(() => expect(arrived).toBe(text), 60_000);
}

it('passes everything in order, also when it is late', async () => {
  link.delay(40);
  for (const text of ['b', 'c', 'd']) await say(text);
  await arrives('abcd');
  link.mend();
  await vi.waitFor(() => expect(answered.replaceAll(/[<>]/g, '')).toBe('abcd'), 60_000);
});

it('holds what is sent back alone, and lets it arrive when mended', async () => {
  link.hold('in');
  await say('b');
  await arrives('ab');
  expect(answered).toBe('<a>');
  link.mend();
  await answers('<a><b>');
  expect(client.destroyed).toBe(false);
});

it('holds what is sent out alone', async () => {
  link.hold('out');
  await say('b');
  expect(arrived).toBe('a');
  link.mend();
  await arrives('ab');
});

it('loses what is sent back, and ends the connection when mended', async () => {
  link.blackhole('in');
  await say('b');
  await arrives('ab');
  link.mend();
  await vi.waitFor(() => expect(client.destroyed).toBe(true), 60_000);
  expect(answered).toBe('<a>');
});

it('loses what goes through one connection alone, until mended', async () => {
  expect(link.connections).toBe(1);
  link.blackholeConnections((connection) => connection === 0);
  await say('b');
  const other = await open();
  const [answer] = await Promise.all([once(other, 'data'), other.write('c')]);
  expect(String(answer)).toBe('<c>');
  expect([arrived, answered, link.connections]).toEqual(['ac', '<a>', 2]);
  link.mend();
  await vi.waitFor(() => expect(client.destroyed).toBe(true), 60_000);
  expect(other.destroyed).toBe(false);
  other.destroy();
});

it('ends all connections and refuses new ones until mended', async () => {
  link.sever();
  await vi.waitFor(() => expect(client.destroyed).toBe(true), 60_000);
  await expect(once(connect(link.port, '127.0.0.1'), 'data')).rejects.toThrow(/ECONNRESET/);
  link.mend();
  client = await open();
  await say('b');
  await arrives('ab');
});
