import type { Neo4jForTests } from '@graphshift/testkit';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { readWhileSwitching } from './readers.ts';
import { CODES, refused } from './refused.ts';

export function aliasStatements(neo4j: Neo4jForTests): void {
  const system = (statement: string, parameters?: Record<string, unknown>) =>
    neo4j.run('system', statement, parameters);
  const [blue, green] = [neo4j.name('blue'), neo4j.name('green')];
  const [alias, other] = [neo4j.name('alias'), neo4j.name('other')];
  const target = async (name: string) => (await neo4j.run(name, 'CALL db.info() YIELD name'))[0]?.name;
  const properties = async (name: string) =>
    (await system('SHOW ALIAS $name FOR DATABASE YIELD properties', { name }))[0]?.properties;

  beforeAll(async () => {
    if (neo4j.problem) return;
    for (const name of [blue, green]) {
      await system('CREATE DATABASE $name WAIT', { name });
      await neo4j.run(
        name,
        'UNWIND range(1, 300) AS i CREATE (:Item {of: $name})-[:NEXT]->(:Tail {of: $name})',
        {
          name,
        },
      );
    }
  });
  afterAll(async () => {
    if (neo4j.problem) return;
    for (const name of [blue, green])
      await system('DROP DATABASE $name CASCADE ALIASES DESTROY DATA WAIT', { name });
  });
  beforeEach(async () => {
    if (neo4j.problem) return;
    for (const name of [alias, other]) await system('DROP ALIAS $name IF EXISTS FOR DATABASE', { name });
  });

  describe('CREATE ALIAS', () => {
    it('leads to its database, whatever the case, in sessions and in USE', async () => {
      await system(`CREATE ALIAS \`${alias}\` FOR DATABASE \`${blue}\``);
      expect(await target(alias)).toBe(blue);
      expect(await target(alias.toUpperCase())).toBe(blue);
      expect(await neo4j.run('neo4j', `USE \`${alias}\` MATCH (i:Item) RETURN count(i) AS n`)).toEqual([
        { n: 300 },
      ]);
      await system('CREATE ALIAS $other FOR DATABASE $green', { other, green });
      expect(await target(other)).toBe(green);
    });

    it('refuses a name that is taken; IF NOT EXISTS leaves the alias as it is', async () => {
      await system(`CREATE ALIAS \`${alias}\` FOR DATABASE \`${blue}\``);
      await refused(system(`CREATE ALIAS \`${alias}\` FOR DATABASE \`${green}\``), CODES.exists);
      await refused(system(`CREATE ALIAS \`${blue}\` FOR DATABASE \`${green}\``), CODES.exists);
      await refused(system(`CREATE OR REPLACE ALIAS \`${blue}\` FOR DATABASE \`${green}\``), CODES.exists);
      await system(`CREATE ALIAS \`${alias}\` IF NOT EXISTS FOR DATABASE \`${green}\` PROPERTIES {a: 1}`);
      expect([await target(alias), await properties(alias)]).toEqual([blue, {}]);
      await system(`CREATE OR REPLACE ALIAS \`${alias}\` FOR DATABASE \`${green}\``);
      expect(await target(alias)).toBe(green);
    });

    it('is made once by many at the same time', async () => {
      const create = (database: string) =>
        system(`CREATE ALIAS \`${alias}\` IF NOT EXISTS FOR DATABASE \`${database}\``);
      await Promise.all([blue, green, blue, green, blue, green].map(create));
      expect(await system('SHOW ALIAS $alias FOR DATABASE', { alias })).toHaveLength(1);
    });

    it('refuses a target that is missing, an alias or the system, and a name of the system', async () => {
      await system(`CREATE ALIAS \`${alias}\` FOR DATABASE \`${blue}\``);
      const create = (name: string, database: string) =>
        system('CREATE ALIAS $name FOR DATABASE $database', { name, database });
      await refused(create(other, neo4j.name('missing')), CODES.notFound);
      await refused(create(other, alias), CODES.notFound);
      await refused(create(other, 'system'), CODES.argument);
      await refused(create('systemic', blue), CODES.argument);
      await refused(neo4j.run(other, 'RETURN 1'), CODES.notFound);
    });
  });

  describe('PROPERTIES', () => {
    it('are kept in lower case, as the real server does, from literals and parameters', async () => {
      await system(
        `CREATE ALIAS \`${alias}\` FOR DATABASE \`${blue}\` PROPERTIES {contentHash: $hash, epoch: 1 + 1, pin: true}`,
        { hash: 'ab12' },
      );
      expect(await properties(alias)).toEqual({ contenthash: 'ab12', epoch: 2, pin: true });
      await system(`CREATE ALIAS \`${other}\` FOR DATABASE \`${blue}\` PROPERTIES $properties`, {
        properties: { holds: ['1700000000', '1700000001'], Empty: null },
      });
      expect(await properties(other)).toEqual({ holds: ['1700000000', '1700000001'] });
    });

    it('are replaced as a whole, alone or with the target, and stay when not named', async () => {
      await system(`CREATE ALIAS \`${alias}\` FOR DATABASE \`${blue}\` PROPERTIES {epoch: 1, pin: true}`);
      await system(`ALTER ALIAS \`${alias}\` SET DATABASE TARGET \`${green}\``);
      expect([await target(alias), await properties(alias)]).toEqual([green, { epoch: 1, pin: true }]);
      await system(`ALTER ALIAS \`${alias}\` SET DATABASE TARGET \`${blue}\` PROPERTIES {epoch: 2}`);
      expect([await target(alias), await properties(alias)]).toEqual([blue, { epoch: 2 }]);
      await system(`ALTER ALIAS \`${alias}\` SET DATABASE PROPERTIES $properties`, {
        properties: { epoch: 3 },
      });
      expect([await target(alias), await properties(alias)]).toEqual([blue, { epoch: 3 }]);
      await system(`ALTER ALIAS \`${alias}\` SET DATABASE PROPERTIES {}`);
      expect(await properties(alias)).toEqual({});
    });

    it('refuse what cannot be stored, and change nothing then', async () => {
      await system(`CREATE ALIAS \`${alias}\` FOR DATABASE \`${blue}\` PROPERTIES {epoch: 1}`);
      const alter = `ALTER ALIAS \`${alias}\` SET DATABASE TARGET \`${green}\` PROPERTIES`;
      await refused(system(`${alter} {epoch: {a: 1}}`), CODES.argument);
      await refused(system(`${alter} $properties`, { properties: 'text' }), CODES.type);
      expect([await target(alias), await properties(alias)]).toEqual([blue, { epoch: 1 }]);
    });
  });

  describe('ALTER and DROP ALIAS', () => {
    it('refuse an alias that is not there, or is a database, but for IF EXISTS', async () => {
      const missing = neo4j.name('missing');
      await refused(system(`ALTER ALIAS \`${missing}\` SET DATABASE TARGET \`${blue}\``), CODES.notFound);
      await refused(system(`DROP ALIAS \`${missing}\` FOR DATABASE`), CODES.notFound);
      await refused(system(`DROP ALIAS \`${blue}\` FOR DATABASE`), CODES.notFound);
      await system(`ALTER ALIAS \`${missing}\` IF EXISTS SET DATABASE TARGET \`${blue}\``);
      await system(`DROP ALIAS \`${missing}\` IF EXISTS FOR DATABASE`);
      await system(`CREATE ALIAS \`${alias}\` FOR DATABASE \`${blue}\``);
      await refused(system(`ALTER ALIAS \`${alias}\` SET DATABASE TARGET \`${missing}\``), CODES.notFound);
      expect(await target(alias)).toBe(blue);
      await system('DROP ALIAS $alias FOR DATABASE', { alias });
      await refused(neo4j.run(alias, 'RETURN 1'), CODES.notFound);
      expect(await target(blue)).toBe(blue);
    });
  });

  describe('SHOW ALIASES', () => {
    it('filters, sorts and chooses columns', async () => {
      await system(`CREATE ALIAS \`${alias}\` FOR DATABASE \`${blue}\` PROPERTIES {epoch: 7}`);
      await system(`CREATE ALIAS \`${other}\` FOR DATABASE \`${green}\``);
      const columns = 'name, database, location, properties';
      expect(
        await system(
          `SHOW ALIASES FOR DATABASE YIELD ${columns} WHERE name IN $names RETURN ${columns} ORDER BY name`,
          { names: [alias, other] },
        ),
      ).toEqual([
        { name: alias, database: blue, location: 'local', properties: { epoch: 7 } },
        { name: other, database: green, location: 'local', properties: {} },
      ]);
      expect(await system(`SHOW ALIAS \`${alias}\` FOR DATABASE YIELD database`)).toEqual([
        { database: blue },
      ]);
      expect(await system('SHOW ALIASES FOR DATABASE WHERE name = $alias', { alias })).toMatchObject([
        { name: alias, database: blue },
      ]);
    });
  });

  describe('a switch under readers', () => {
    it.each(['bolt', 'neo4j'] as const)(
      'fails no read and mixes no transaction over %s://',
      async (scheme) => {
        await system(`CREATE ALIAS \`${alias}\` FOR DATABASE \`${blue}\``);
        const result = await readWhileSwitching(neo4j.driver({ scheme, disableLosslessIntegers: true }), {
          alias,
          targets: [green, blue],
          switches: 40,
          alter: (database) =>
            system('ALTER ALIAS $alias SET DATABASE TARGET $database', { alias, database }),
        });
        expect(result).toMatchObject({ errors: [], mixed: 0, stale: 0 });
        expect(result.reads).toBeGreaterThan(40);
        expect(Object.keys(result.seen).sort()).toEqual([blue, green]);
      },
    );
  });
}
