import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { useNeo4j } from '@graphshift/testkit';
import { expect, it, vi } from 'vitest';
import { CODES, refused } from './refused.ts';

const neo4j = useNeo4j({ own: true });
const system = (statement: string, parameters?: Record<string, unknown>) =>
  neo4j.run('system', statement, parameters);

const graphOf = (name: string) => join(neo4j.data, 'data', 'databases', name);
const logOf = (name: string) => join(neo4j.data, 'data', 'transactions', name);
const ledgerOf = (name: string) => {
  const file = join(neo4j.data, 'stores', name);
  return existsSync(file) ? readFileSync(file, 'utf8') : '';
};
const until = (state: () => boolean) =>
  vi.waitFor(() => expect(state()).toBe(true), { timeout: 60_000, interval: 1 });

/** Sends a statement, kills the server at a moment of its work, and starts it again. Answers whether it was acknowledged. */
async function cut(statement: string, moment: () => Promise<unknown>, parameters?: Record<string, unknown>) {
  const acknowledged = system(statement, parameters).then(
    () => true,
    () => false,
  );
  await moment();
  await neo4j.kill();
  const result = await acknowledged;
  await neo4j.restart();
  return result;
}

const names = async () => (await system('SHOW DATABASES YIELD name')).map(({ name }) => name).sort();
const count = async (name: string) => (await neo4j.run(name, 'MATCH (n) RETURN count(n) AS n'))[0]?.n;

// Seven starts of a JVM: some 40 s on two idle cores.
it('keeps what was acknowledged, and finishes or clears what a kill has cut', {
  timeout: 300_000,
}, async () => {
  for (const name of ['blue', 'green', 'idle']) await system('CREATE DATABASE $name WAIT', { name });
  await neo4j.run('blue', 'UNWIND range(1, 5) AS i CREATE (:Kept {i: i})');
  await system('STOP DATABASE idle WAIT');
  await system('CREATE ALIAS live FOR DATABASE blue PROPERTIES {epoch: 0}');

  // The alias: the target and its properties are of one statement, the acknowledged one or the one that was cut.
  const lastEpoch = 12;
  for (let epoch = 1; epoch <= lastEpoch; epoch++)
    await system('ALTER ALIAS live SET DATABASE TARGET $target PROPERTIES $properties', {
      target: epoch % 2 === 0 ? 'blue' : 'green',
      properties: { epoch, at: epoch % 2 === 0 ? 'blue' : 'green' },
    });
  const altered = await cut(
    "ALTER ALIAS live SET DATABASE TARGET green PROPERTIES {epoch: 13, at: 'green'}",
    () => Promise.resolve(),
  );
  const [alias] = await system('SHOW ALIAS live FOR DATABASE YIELD database, properties');
  const { epoch, at } = (alias?.properties ?? {}) as { epoch?: number; at?: string };
  expect(alias?.database).toBe(at);
  expect(altered ? [13] : [12, 13]).toContain(epoch);
  expect(await names()).toEqual(['blue', 'green', 'idle', 'neo4j', 'system']);
  expect(await count('blue')).toBe(5);
  expect(await system('SHOW DATABASE idle YIELD currentStatus')).toEqual([{ currentStatus: 'offline' }]);

  // A store that is being built: the database is there and empty, or there is no trace of it.
  for (const moment of [
    () => until(() => ledgerOf('half').includes('building')),
    () => until(() => existsSync(logOf('half'))),
  ]) {
    await cut('CREATE DATABASE half', moment);
    expect(await names()).toContain('half');
    expect(await count('half')).toBe(0);
    await neo4j.run('half', 'CREATE (:Kept)');
    expect(ledgerOf('half')).toContain('complete');
    await system('DROP DATABASE half WAIT');
    expect([existsSync(graphOf('half')), existsSync(logOf('half')), ledgerOf('half')]).toEqual([
      false,
      false,
      '',
    ]);
  }

  // A store that makes way for another of its name: all of the old one, or nothing of it.
  await system('DROP ALIAS live FOR DATABASE');
  const before = ledgerOf('blue');
  const replaced = await cut('CREATE OR REPLACE DATABASE blue', () =>
    until(() => !existsSync(join(graphOf('blue'), 'neostore')) || ledgerOf('blue') !== before),
  );
  expect(await count('blue')).toBe(0);
  expect(replaced).toBe(false);

  // A store that is being deleted: the statement has committed by then.
  await neo4j.run('green', 'CREATE (:Kept)');
  await cut('DROP DATABASE green', () => until(() => !existsSync(join(graphOf('green'), 'neostore'))));
  expect(await names()).toEqual(['blue', 'idle', 'neo4j', 'system']);
  await refused(neo4j.run('green', 'RETURN 1'), CODES.notFound);
  expect(readdirSync(join(neo4j.data, 'data', 'databases')).sort()).toEqual(
    expect.not.arrayContaining(['green', 'half']),
  );

  // A restart in order changes nothing.
  await neo4j.run('blue', 'CREATE (:Kept)');
  await system('START DATABASE idle WAIT');
  await neo4j.restart();
  expect([await count('blue'), await count('idle')]).toEqual([1, 0]);
});
