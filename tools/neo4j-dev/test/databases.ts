import type { Neo4jForTests } from '@graphshift/testkit';
import { beforeEach, describe, expect, it } from 'vitest';
import { CODES, refused } from './refused.ts';

/** @param limit dbms.max_databases of a development server */
export function databaseStatements(neo4j: Neo4jForTests, limit: number): void {
  const system = (statement: string, parameters?: Record<string, unknown>) =>
    neo4j.run('system', statement, parameters);
  const [blue, green, alias] = [neo4j.name('blue-1700000000'), neo4j.name('green.x'), neo4j.name('alias')];
  const count = async (database: string) =>
    (await neo4j.run(database, 'MATCH (n) RETURN count(n) AS n'))[0]?.n;

  beforeEach(async () => {
    if (neo4j.problem) return;
    await system('DROP ALIAS $alias IF EXISTS FOR DATABASE', { alias });
    for (const name of [blue, green])
      await system('DROP DATABASE $name IF EXISTS DESTROY DATA WAIT', { name });
  });

  describe('CREATE DATABASE', () => {
    it('makes databases with graphs of their own, by name or parameter', async () => {
      const [row] = await system(`CREATE DATABASE \`${blue}\` WAIT`);
      expect(row).toMatchObject({ state: 'CaughtUp', success: true });
      expect(await system('CREATE DATABASE $name WAIT 60 SECONDS', { name: green })).toHaveLength(1);
      await neo4j.run(blue, 'CREATE (:A {v: 1})-[:R]->(:B)');
      expect([await count(blue), await count(green)]).toEqual([2, 0]);
      expect(await neo4j.run(blue.toUpperCase(), 'CALL db.info() YIELD name')).toEqual([{ name: blue }]);
      // A session's own database is left by USE, on the default one as on any other.
      expect(await neo4j.run('neo4j', `USE \`${blue}\` MATCH (a:A) RETURN a.v AS v`)).toEqual([{ v: 1 }]);
    });

    it('answers nothing without WAIT, and serves from the answer on', async () => {
      expect(await system(`CREATE DATABASE \`${blue}\` NOWAIT`)).toEqual([]);
      await expect.poll(() => count(blue).catch(() => 'not yet'), { timeout: 60_000 }).toBe(0);
    });

    it('refuses a name that is taken, but for IF NOT EXISTS', async () => {
      await system(`CREATE DATABASE \`${blue}\` WAIT`);
      await neo4j.run(blue, 'CREATE (:A)');
      await refused(system(`CREATE DATABASE \`${blue.toUpperCase()}\``), CODES.exists);
      await system(`CREATE DATABASE \`${blue}\` IF NOT EXISTS OPTIONS {txLogEnrichment: 'OFF'}`);
      expect(await count(blue)).toBe(1);
      await system(`CREATE ALIAS \`${alias}\` FOR DATABASE \`${blue}\``);
      await refused(system(`CREATE DATABASE \`${alias}\``), CODES.exists);
    });

    it.each(['ab', 'x'.repeat(64), '1abc', 'a_b', 'no good', 'système', 'systematic', 'ends-', 'ends.'])(
      'refuses the name %j',
      async (name) => {
        await refused(system('CREATE DATABASE $name', { name }), CODES.argument);
      },
    );

    it('refuses a name that is no text, and an option that does not exist', async () => {
      await refused(system('CREATE DATABASE $name', { name: ['a'] }), CODES.type);
      await refused(system(`CREATE DATABASE \`${blue}\` OPTIONS {colour: 'blue'}`), CODES.argument);
      await refused(system(`CREATE DATABASE \`${blue}\` OPTIONS {existingData: 'no'}`), CODES.argument);
    });

    it('makes one of many at the same time', async () => {
      const tries = Array.from({ length: 6 }, () => system(`CREATE DATABASE \`${blue}\` WAIT`));
      const made = (await Promise.allSettled(tries)).filter(({ status }) => status === 'fulfilled');
      expect(made).toHaveLength(1);
      const quiet = Array.from({ length: 6 }, () =>
        system(`CREATE DATABASE \`${green}\` IF NOT EXISTS WAIT`),
      );
      await Promise.all(quiet);
      expect(await count(green)).toBe(0);
    });

    it('refuses one more than dbms.max_databases, which counts all, and takes it after a drop', async (context) => {
      if (neo4j.external) context.skip('fills the server to its limit');
      const name = 'dbms.max_databases';
      expect(await system('SHOW SETTINGS $name YIELD value', { name })).toEqual([{ value: String(limit) }]);
      const room = limit - (await system('SHOW DATABASES YIELD name')).length;
      const names = Array.from({ length: room }, (_, index) => neo4j.name(`many-${index}`));
      for (const many of names) await system('CREATE DATABASE $many', { many });
      const message = await refused(system(`CREATE DATABASE \`${blue}\``), CODES.limit);
      expect(message).toContain("via the config setting 'dbms.max_databases'");
      expect(await system(`SHOW DATABASE \`${blue}\``)).toEqual([]);
      await system(`CREATE OR REPLACE DATABASE \`${names[0]}\``);
      for (const many of names) await system('DROP DATABASE $many', { many });
      await system(`CREATE DATABASE \`${blue}\` WAIT`);
      expect(await count(blue)).toBe(0);
    });
  });

  describe('CREATE OR REPLACE DATABASE', () => {
    it('makes an empty one in its place', async () => {
      await system(`CREATE OR REPLACE DATABASE \`${blue}\` WAIT`);
      await neo4j.run(blue, 'CREATE (:A)');
      await system(`CREATE OR REPLACE DATABASE \`${blue}\` WAIT`);
      expect(await count(blue)).toBe(0);
    });

    it('refuses to replace what an alias targets', async () => {
      await system(`CREATE DATABASE \`${blue}\` WAIT`);
      await system(`CREATE ALIAS \`${alias}\` FOR DATABASE \`${blue}\``);
      await refused(system(`CREATE OR REPLACE DATABASE \`${blue}\``), CODES.hasAlias);
    });
  });

  describe('DROP DATABASE', () => {
    it('ends it for everybody, and a new one of its name is empty', async () => {
      await system(`CREATE DATABASE \`${blue}\` WAIT`);
      await neo4j.run(blue, 'CREATE (:A)');
      await system(`DROP DATABASE \`${blue}\` DESTROY DATA WAIT`);
      await refused(neo4j.run(blue, 'RETURN 1'), CODES.notFound);
      expect(await system(`SHOW DATABASE \`${blue}\``)).toEqual([]);
      await system(`CREATE DATABASE \`${blue}\` WAIT`);
      expect(await count(blue)).toBe(0);
    });

    it('refuses what is not there, what is the system, and what an alias targets', async () => {
      await refused(system(`DROP DATABASE \`${blue}\``), CODES.notFound);
      await system(`DROP DATABASE \`${blue}\` IF EXISTS`);
      await refused(system('DROP DATABASE system'), CODES.argument);
      await system(`CREATE DATABASE \`${blue}\` WAIT`);
      await system(`CREATE ALIAS \`${alias}\` FOR DATABASE \`${blue}\``);
      const message = await refused(system(`DROP DATABASE \`${blue}\``), CODES.hasAlias);
      expect(message).toContain(alias);
      expect(await count(alias)).toBe(0);
    });

    it('takes the aliases along when it is told to', async () => {
      await system(`CREATE DATABASE \`${blue}\` WAIT`);
      await system(`CREATE ALIAS \`${alias}\` FOR DATABASE \`${blue}\` PROPERTIES {epoch: 1}`);
      await system(`DROP DATABASE \`${blue}\` CASCADE ALIASES DESTROY DATA WAIT`);
      await refused(neo4j.run(alias, 'RETURN 1'), CODES.notFound);
    });
  });

  describe('START and STOP DATABASE', () => {
    it('stops and starts with what was in it', async () => {
      await system(`CREATE DATABASE \`${blue}\` WAIT`);
      await neo4j.run(blue, 'CREATE (:A {v: 2})');
      await system(`STOP DATABASE \`${blue}\` WAIT`);
      const status = `SHOW DATABASE \`${blue}\` YIELD requestedStatus, currentStatus`;
      expect(await system(status)).toEqual([{ requestedStatus: 'offline', currentStatus: 'offline' }]);
      await refused(neo4j.run(blue, 'RETURN 1'), 'Neo.TransientError.General.DatabaseUnavailable');
      await system(`START DATABASE \`${blue}\` WAIT`);
      expect(await system(status)).toEqual([{ requestedStatus: 'online', currentStatus: 'online' }]);
      expect(await neo4j.run(blue, 'MATCH (a:A) RETURN a.v AS v')).toEqual([{ v: 2 }]);
    });

    it('refuses what is not there and what is the system', async () => {
      await refused(system(`STOP DATABASE \`${blue}\``), CODES.notFound);
      await refused(system(`START DATABASE \`${blue}\``), CODES.notFound);
      await refused(system('STOP DATABASE system'), CODES.argument);
    });
  });

  describe('SHOW DATABASES', () => {
    it('filters, sorts and tells aliases', async () => {
      await system(`CREATE DATABASE \`${blue}\` WAIT`);
      await system(`CREATE ALIAS \`${alias}\` FOR DATABASE \`${blue}\``);
      const columns =
        'name, type, aliases, access, role, writer, requestedStatus, currentStatus, default, home';
      expect(
        await system(
          `SHOW DATABASES YIELD ${columns} WHERE name IN $names RETURN ${columns} ORDER BY name DESC`,
          { names: ['system', blue] },
        ),
      ).toMatchObject([
        { name: 'system', type: 'system', aliases: [], default: false },
        {
          name: blue,
          type: 'standard',
          aliases: [alias],
          access: 'read-write',
          writer: true,
          default: false,
        },
      ]);
      const [whole] = await system(`SHOW DATABASE \`${alias}\` YIELD *`);
      expect(whole).toMatchObject({ name: blue, databaseID: expect.any(String), store: expect.any(String) });
      expect(await system('SHOW DEFAULT DATABASE YIELD name')).toEqual([{ name: 'neo4j' }]);
    });

    it('shows and keeps a database that may only be read', async () => {
      await system(`CREATE DATABASE \`${blue}\` WAIT`);
      await system(`ALTER DATABASE \`${blue}\` SET ACCESS READ ONLY`);
      expect(await system(`SHOW DATABASE \`${blue}\` YIELD access`)).toEqual([{ access: 'read-only' }]);
      await refused(neo4j.run(blue, 'CREATE (:X)'), 'Neo.ClientError.General.WriteOnReadOnlyAccessDatabase');
      await system(`ALTER DATABASE \`${blue}\` SET ACCESS READ WRITE`);
      await neo4j.run(blue, 'CREATE (:X)');
    });
  });
}
