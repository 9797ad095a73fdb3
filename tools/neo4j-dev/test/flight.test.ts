// SPDX-License-Identifier: GPL-3.0-only
// What the Flight endpoint keeps and forgets, in the words of the protocol.
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { FlightClient } from '@graphshift/flight';
import { type IpcMessage, readStream } from '@graphshift/flight/ipc';
import { useNeo4j } from '@graphshift/testkit';
import { Dictionary, Int32, Int64, Table, tableToIPC, Utf8, vectorFromArray } from 'apache-arrow';
import { afterEach, beforeEach, expect, test } from 'vitest';

const neo4j = useNeo4j({ own: true, flight: {} });
let client: FlightClient;

beforeEach(() => {
  client = connect();
});
afterEach(() => client?.close());

function connect(): FlightClient {
  return new FlightClient({
    ...neo4j.flight!,
    credentials: { username: neo4j.user, password: neo4j.password },
  });
}

async function act(action: string, name: string, body: object = {}): Promise<Record<string, unknown>> {
  for await (const answer of client.doAction(`v1/${action}`, JSON.stringify({ name, ...body })))
    return JSON.parse(answer.toString());
  throw new Error('no answer');
}

const command = (name: string, entity_type: string) => ({
  command: JSON.stringify({ name: 'PUT_COMMAND', version: 'v1', body: { name, entity_type } }),
});

async function messages(...tables: Table[]): Promise<IpcMessage[]> {
  async function* bytes() {
    yield tableToIPC(
      tables.reduce((one, other) => one.concat(other)),
      'stream',
    );
  }
  const read: IpcMessage[] = [];
  for await (const message of readStream(bytes())) read.push(message);
  return read;
}

function people(ids: readonly string[], labels: readonly string[]): Table {
  return new Table({
    nodeId: vectorFromArray(ids, new Utf8()),
    labels: vectorFromArray(labels, new Dictionary(new Utf8(), new Int32())),
    n: vectorFromArray(
      ids.map((_, index) => BigInt(index)),
      new Int64(),
    ),
  });
}

test('a dictionary that changes within a put counts as it stood at each batch', async () => {
  const name = neo4j.name('dictionary');
  await act('CREATE_DATABASE', name, { id_type: 'STRING', id_property: 'id' });
  const put = await messages(people(['a', 'b'], ['X', 'Y']), people(['c', 'd'], ['Z', 'X']));
  expect(put.filter(({ kind }) => kind === 'dictionary').length).toBeGreaterThan(1);
  await client.put(command(name, 'node'), put);
  expect(await act('NODE_LOAD_DONE', name)).toEqual({ name, node_count: 4 });
  expect(await act('RELATIONSHIP_LOAD_DONE', name)).toEqual({ name, relationship_count: 0 });
  expect(await neo4j.run(name, 'MATCH (n) RETURN n.id AS id, labels(n) AS labels ORDER BY id')).toEqual([
    { id: 'a', labels: ['X'] },
    { id: 'b', labels: ['Y'] },
    { id: 'c', labels: ['Z'] },
    { id: 'd', labels: ['X'] },
  ]);
});

test('phases are kept, and a put that breaks leaves no rows', async () => {
  const name = neo4j.name('phases');
  await act('CREATE_DATABASE', name, { id_type: 'STRING' });
  await expect(act('CREATE_DATABASE', name)).rejects.toThrow('ALREADY_EXISTS: arrow process');
  await expect(act('RELATIONSHIP_LOAD_DONE', name)).rejects.toThrow('is in phase NODES');
  const [schema, ...rest] = await messages(people(['a'], ['X']));
  let onTaken = () => {};
  const taken = new Promise<void>((resolve) => {
    onTaken = resolve;
  });
  const broken = await client.openPut(command(name, 'node'), { onAcknowledged: onTaken });
  for (const message of [schema!, ...rest]) await broken.write(message);
  await taken;
  await expect(act('NODE_LOAD_DONE', name)).rejects.toThrow('puts into');
  broken.cancel(new Error('enough'));
  await expect(broken.finish()).rejects.toThrow('enough');
  await expect
    .poll(() => act('NODE_LOAD_DONE', name).catch((error: Error) => error.message), { timeout: 60_000 })
    .toEqual({ name, node_count: 0 });
  await act('ABORT', name);
  await expect(act('ABORT', name)).rejects.toThrow('NOT_FOUND: arrow process with name');
  expect(await readdir(join(neo4j.data, 'imports'))).toEqual([]);
  for (const [body, says] of [
    [{ id_type: 'TEXT' }, 'id_type `TEXT`; it may be INTEGER or STRING'],
    [{ db_format: 'block' }, 'store format `block` is not available'],
  ] as const)
    await expect(act('CREATE_DATABASE', name, body)).rejects.toThrow(says);
  await expect(act('CREATE_DATABASE', 'not a name')).rejects.toThrow('INVALID_ARGUMENT');
  await expect(act('EXPLODE', name)).rejects.toThrow('Unknown action type v1/EXPLODE');
});

test('a kill within an import leaves nothing of it', async () => {
  const name = neo4j.name('killed');
  await act('CREATE_DATABASE', name, { id_type: 'STRING' });
  await client.put(command(name, 'node'), await messages(people(['a'], ['X'])));
  expect(await readdir(join(neo4j.data, 'imports'))).toHaveLength(1);
  await neo4j.kill();
  await neo4j.restart();
  client.close();
  client = connect();
  await expect(act('NODE_LOAD_DONE', name)).rejects.toThrow('NOT_FOUND');
  expect(await neo4j.run('system', 'SHOW DATABASES YIELD name WHERE name = $name', { name })).toEqual([]);
  await act('CREATE_DATABASE', name, { id_type: 'STRING' });
  expect(await act('NODE_LOAD_DONE', name)).toEqual({ name, node_count: 0 });
  await act('ABORT', name);
});
