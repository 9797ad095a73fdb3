/** Connections as people set them up: over TLS with and without an authority of their own, and by way of routing. */

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createServer } from 'node:tls';
import { makeSnapshotRoot, rejects, smallContent, useNeo4j } from '@graphshift/testkit';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { Neo4jConnection } from './connection.ts';
import type { Neo4jStoreOptions } from './options.ts';
import { storeError } from './server-errors.ts';
import { createNeo4jStore } from './store.ts';

/** For 127.0.0.1 and localhost, until 2119; its own authority. For this test alone. */
const CERTIFICATE = `-----BEGIN CERTIFICATE-----
MIIBqjCCAU+gAwIBAgIUUylJ8ajcjv1EXE9+oICHDBZDD/MwCgYIKoZIzj0EAwIw
GzEZMBcGA1UEAwwQR3JhcGhzaGlmdCB0ZXN0czAgFw0yMDAxMDEwMDAwMDBaGA8y
MTE5MTIwODAwMDAwMFowGzEZMBcGA1UEAwwQR3JhcGhzaGlmdCB0ZXN0czBZMBMG
ByqGSM49AgEGCCqGSM49AwEHA0IABGY+M9pw3COZ01Va6xM8W3yyjMAvXrIogjNb
5rU06Gi81SoH9CKW2iaoOTx7qeJuTRXTzy3jnybaHANqz6JPvAWjbzBtMB0GA1Ud
DgQWBBQWaQxYY9fLUROfBs4EP6aglNv2LjAfBgNVHSMEGDAWgBQWaQxYY9fLUROf
Bs4EP6aglNv2LjAPBgNVHRMBAf8EBTADAQH/MBoGA1UdEQQTMBGHBH8AAAGCCWxv
Y2FsaG9zdDAKBggqhkjOPQQDAgNJADBGAiEA1dotvJWPp5Sa/AU514juLiwGsY0K
YZ3HosyXfihRwO8CIQDFDlVedGvjAxSmic2m0b9n3Ki6aA6JsUzAkZ4WBk6qWQ==
-----END CERTIFICATE-----
`;
const KEY = `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgpMRfKVrkynFT8HQR
pwfDCs/6wAGeCN4Gqv03CSYQ7AKhRANCAARmPjPacNwjmdNVWusTPFt8sozAL16y
KIIzW+a1NOhovNUqB/QiltomqDk8e6nibk0V088t458m2hwDas+iT7wF
-----END PRIVATE KEY-----
`;

const neo4j = useNeo4j();
let tls: Awaited<ReturnType<typeof encrypting>>;
let directory: string;
let caFile: string;

beforeAll(async () => {
  if (neo4j.problem) return;
  tls = await encrypting(neo4j.url);
  directory = await mkdtemp(join(tmpdir(), 'graphshift-tls-'));
  caFile = join(directory, 'ca.pem');
  await writeFile(caFile, CERTIFICATE);
});
afterAll(async () => {
  if (neo4j.problem) return;
  await tls.close();
  await rm(directory, { recursive: true });
});

function storeAt(url: string, more: Partial<Neo4jStoreOptions> = {}) {
  const { user: username, password } = neo4j;
  return createNeo4jStore({ url, username, password, bookkeepingDatabase: neo4j.name('books'), ...more });
}

it.each([
  ['bolt+s with the authority in store.ca_file', 'bolt+s', true],
  ['bolt with the authority in store.ca_file', 'bolt', true],
  ['bolt+ssc, whatever the certificate', 'bolt+ssc', false],
])('speaks TLS over %s', async (_, scheme, own) => {
  const before = tls.connections();
  const store = storeAt(`${scheme}://127.0.0.1:${tls.port}`, own ? { caFile } : {});
  await store.start();
  expect(await store.health()).toMatchObject({ reachable: true, writable: true });
  expect(tls.connections()).toBeGreaterThan(before);
  await store.stop();
});

it('loads over TLS, in a process of its own, too', async () => {
  const root = await makeSnapshotRoot();
  const customer = neo4j.name('tls');
  const path = await root.write(smallContent(customer, 1_700_000_000));
  const store = storeAt(`bolt+s://127.0.0.1:${tls.port}`, { caFile });
  await store.start();
  const load = await store.openLoad({ customer, timestamp: 1_700_000_000, run: 1, epoch: 1, path });
  await load.check();
  await load.nodes();
  await load.relationships();
  const { nodes } = await load.seal();
  expect(nodes.map(({ name, counted }) => [name, counted])).toEqual([
    ['Company', 1],
    ['Person', 2],
  ]);
  await store.stop();
  await root.remove();
});

it.each([
  ['a certificate that nobody known vouches for', 'bolt+s', /certificate/],
  ['TLS where it speaks plainly', 'bolt', /./],
])('says in one line that the server has %s', async (_, scheme, said) => {
  const store = storeAt(`${scheme}://127.0.0.1:${tls.port}`, { connectionTimeoutMs: 5000 });
  const { message } = await rejects(store.start(), 'STORE_UNREACHABLE');
  expect(message).toMatch(said);
  expect(message).not.toContain('\n');
  await store.stop();
});

it('finds a server that speaks no TLS where TLS was asked for', async () => {
  const store = storeAt(neo4j.url.replace(/^\w+/, 'bolt+ssc'), { connectionTimeoutMs: 5000 });
  await rejects(store.start(), 'STORE_UNREACHABLE');
  await store.stop();
});

it('comes by way of routing', async () => {
  const store = storeAt(neo4j.url.replace(/^\w+/, 'neo4j'));
  await store.start();
  expect(await store.health()).toMatchObject({ reachable: true, writable: true });
  expect((await store.list({ customer: neo4j.name('tls') })).databases).toMatchObject([{ state: 'marked' }]);
  await store.stop();
});

it('has no more connections than the settings say, and says so of one that is not free in time', async () => {
  const { user: username, password } = neo4j;
  const access = { url: `bolt+ssc://127.0.0.1:${tls.port}`, username, password };
  const few = new Neo4jConnection({ ...access, poolSize: 2 });
  const before = tls.connections();
  await Promise.all(Array.from({ length: 12 }, () => few.system('SHOW DATABASES')));
  expect(tls.connections() - before).toBe(2);
  await few.close();
  // Within this nobody opens one.
  const hasty = new Neo4jConnection({ ...access, acquisitionTimeoutMs: 1 });
  const error = await hasty.system('SHOW DATABASES').catch((one: unknown) => one);
  expect(storeError(error, 'list')).toMatchObject({ code: 'STORE_BUSY', class: 'retryable' });
  await hasty.close();
});

/** What ends TLS in front of a server. */
async function encrypting(target: string) {
  const { hostname, port } = new URL(target.replace(/^\w+/, 'http'));
  const sockets: Socket[] = [];
  let connections = 0;
  const server = createServer({ cert: CERTIFICATE, key: KEY }, (client) => {
    connections++;
    const upstream = connect(Number(port), hostname);
    sockets.push(client, upstream);
    for (const socket of [client, upstream]) socket.on('error', () => {});
    client.on('close', () => upstream.destroy());
    upstream.on('close', () => client.destroy());
    client.pipe(upstream).pipe(client);
  });
  server.on('tlsClientError', () => {});
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    connections: () => connections,
    close: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
