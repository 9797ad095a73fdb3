import type { Neo4jForTests } from '@graphshift/testkit';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { CODES, refused } from './refused.ts';

/** What a cutover rests on: an alias change that is prepared, found, ended by another, or committed. */
export function systemTransactions(neo4j: Neo4jForTests): void {
  const system = (statement: string, parameters?: Record<string, unknown>) =>
    neo4j.run('system', statement, parameters);
  const [blue, green, made] = [neo4j.name('blue'), neo4j.name('green'), neo4j.name('made')];
  const [alias, other] = [neo4j.name('alias'), neo4j.name('other')];
  const target = async (name: string) =>
    (await system('SHOW ALIAS $name FOR DATABASE YIELD database', { name }))[0]?.database;
  const alter = (database: string, epoch: number) =>
    [
      `ALTER ALIAS \`${alias}\` SET DATABASE TARGET \`${database}\` PROPERTIES $properties`,
      { properties: { epoch } },
    ] as const;

  beforeAll(async () => {
    if (neo4j.problem) return;
    for (const name of [blue, green]) await system('CREATE DATABASE $name WAIT', { name });
  });
  afterAll(async () => {
    if (neo4j.problem) return;
    for (const name of [blue, green])
      await system('DROP DATABASE $name CASCADE ALIASES DESTROY DATA WAIT', { name });
  });
  beforeEach(async () => {
    if (neo4j.problem) return;
    for (const name of [alias, other]) await system('DROP ALIAS $name IF EXISTS FOR DATABASE', { name });
    await system('DROP DATABASE $made IF EXISTS DESTROY DATA WAIT', { made });
    await system(`CREATE ALIAS \`${alias}\` FOR DATABASE \`${blue}\``);
  });

  describe('an explicit transaction on system', () => {
    it('does several statements at once, seen by itself before and by others after its commit', async () => {
      const session = neo4j.driver().session({ database: 'system' });
      const tx = await session.beginTransaction();
      await tx.run(`CREATE DATABASE \`${made}\``);
      await tx.run(`CREATE ALIAS \`${other}\` FOR DATABASE \`${made}\` PROPERTIES {epoch: 1}`);
      await tx.run(...alter(green, 2));
      await refused(neo4j.run(other, 'RETURN 1'), CODES.notFound);
      expect(await target(alias)).toBe(blue);
      await tx.commit();
      expect(await neo4j.run(other, 'CALL db.info() YIELD name')).toEqual([{ name: made }]);
      expect(await target(alias)).toBe(green);
      await session.close();
    });

    it('leaves nothing behind when it is rolled back, or when a statement of it is refused', async () => {
      const session = neo4j.driver().session({ database: 'system' });
      const tx = await session.beginTransaction();
      await tx.run(`CREATE DATABASE \`${made}\``);
      await tx.run(...alter(green, 2));
      await tx.rollback();
      const failing = await session.beginTransaction();
      await failing.run(...alter(green, 2));
      await refused(failing.run(`CREATE ALIAS \`${alias}\` FOR DATABASE \`${green}\``), CODES.exists);
      await failing.close();
      await session.close();
      await refused(neo4j.run(made, 'RETURN 1'), CODES.notFound);
      expect(await target(alias)).toBe(blue);
    });

    it('keeps another change waiting until it ends, which then sees what it did', async () => {
      const session = neo4j.driver().session({ database: 'system' });
      const tx = await session.beginTransaction();
      await tx.run(`CREATE ALIAS \`${other}\` FOR DATABASE \`${blue}\``);
      const late = system(`CREATE ALIAS \`${other}\` IF NOT EXISTS FOR DATABASE \`${green}\``);
      const waiting = () =>
        system("SHOW TRANSACTIONS YIELD status WHERE status STARTS WITH 'Blocked' RETURN status");
      await expect.poll(waiting, { timeout: 60_000 }).toHaveLength(1);
      await tx.commit();
      await late;
      expect(await target(other)).toBe(blue);
      await session.close();
    });
  });

  describe('a prepared change', () => {
    it('is found by its metadata, and its ALTER is refused once another has ended it', async () => {
      const session = neo4j.driver().session({ database: 'system' });
      const tx = await session.beginTransaction({ timeout: 60_000, metadata: { customer: alias, epoch: 6 } });
      const [found, ...more] = await system(
        'SHOW TRANSACTIONS YIELD transactionId, metaData WHERE metaData.customer = $alias RETURN transactionId, metaData',
        { alias },
      );
      expect(found).toMatchObject({ metaData: { customer: alias, epoch: 6 } });
      expect(more).toEqual([]);
      expect(await system('TERMINATE TRANSACTION $id', { id: found?.transactionId })).toMatchObject([
        { message: 'Transaction terminated.' },
      ]);
      await refused(tx.run(...alter(green, 6)), CODES.terminated);
      await tx.close();
      await session.close();
      expect(await target(alias)).toBe(blue);
    });

    it('is refused at its commit when it was ended after its ALTER', async () => {
      const session = neo4j.driver().session({ database: 'system' });
      const tx = await session.beginTransaction({ metadata: { customer: alias } });
      await tx.run(...alter(green, 6));
      await system(
        'SHOW TRANSACTIONS YIELD transactionId AS id, metaData WHERE metaData.customer = $alias TERMINATE TRANSACTIONS id YIELD message RETURN message',
        { alias },
      );
      await refused(tx.commit(), CODES.terminated);
      await session.close();
      // The lock went with it: the next holder's change is not kept waiting.
      await system(...alter(blue, 7));
      expect(await target(alias)).toBe(blue);
    });

    it('ends by its timeout', async () => {
      const session = neo4j.driver().session({ database: 'system' });
      const tx = await session.beginTransaction({ timeout: 1000, metadata: { customer: alias } });
      const left = () =>
        system('SHOW TRANSACTIONS YIELD metaData, status WHERE metaData.customer = $alias RETURN status', {
          alias,
        });
      expect(await left()).toHaveLength(1);
      await expect
        .poll(async () => JSON.stringify(await left()), { timeout: 60_000 })
        .not.toContain('Running');
      await refused(tx.run(...alter(green, 6)), CODES.timedOut);
      await session.close();
      expect(await target(alias)).toBe(blue);
    });
  });

  describe('a transaction through an alias', () => {
    it('stays with the database that it began on', async () => {
      await neo4j.run(blue, 'MERGE (:Of {database: $blue})', { blue });
      await neo4j.run(green, 'MERGE (:Of {database: $green})', { green });
      const session = neo4j.driver().session({ database: alias });
      const read = async (
        run: (statement: string) => Promise<{ records: { get(key: string): unknown }[] }>,
      ) =>
        (await run('MATCH (o:Of) RETURN o.database AS database')).records.map((record) =>
          record.get('database'),
        );
      const tx = await session.beginTransaction();
      expect(await read((statement) => tx.run(statement).then((result) => result))).toEqual([blue]);
      await system(...alter(green, 2));
      expect(await read((statement) => tx.run(statement).then((result) => result))).toEqual([blue]);
      await tx.commit();
      expect(await read((statement) => session.run(statement).then((result) => result))).toEqual([green]);
      await session.close();
    });
  });
}
