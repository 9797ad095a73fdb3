/** The part of the graph store contract about epochs, drops, and names that are none. */

import type { GraphStore } from '@graphshift/core';
import { beforeEach, describe, expect, it } from 'vitest';
import { T1 } from './contract-snapshots.ts';
import { rejects } from './rejects.ts';

export interface DropContext {
  readonly store: () => GraphStore;
  /** Loads `peopleAndCompanies` of the customer `acme` and completes it. */
  readonly deploy: (timestamp: number) => Promise<void>;
  readonly point: (database: string, epoch: number) => Promise<void>;
}

const T2 = 1_700_086_400;
const ACME = 'acme-1700000000';
const ACME_2 = 'acme-1700086400';

export function dropContract(context: DropContext): void {
  it('has an id, the same for as long as it is there', async () => {
    const id = await context.store().id?.();
    expect(id).toMatch(/^[\w-]{8,}/);
    expect(await context.store().id?.()).toBe(id);
  });

  describe('an epoch', () => {
    it('that must be new is refused to the second who was given it', async () => {
      const store = context.store();
      await store.takeOver('acme', 3, { isNew: true });
      await rejects(store.takeOver('acme', 3, { isNew: true }), 'FENCED');
      await rejects(store.takeOver('acme', 2, { isNew: true }), 'FENCED');
      expect(await store.takeOver('acme', 3)).toBeUndefined();
      expect(await store.epochFloor('acme')).toBe(3);
      const both = [store.takeOver('acme', 4, { isNew: true }), store.takeOver('acme', 4, { isNew: true })];
      const settled = await Promise.allSettled(both);
      expect(settled.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
    });
  });

  describe('drop', () => {
    let store: GraphStore;
    beforeEach(() => {
      store = context.store();
    });

    it('refuses the target of the alias, and takes one that is gone for done', async () => {
      await context.deploy(T1);
      await context.deploy(T2);
      await context.point(ACME, 1);
      await rejects(store.prepareDrop('acme', ACME, 1), 'CONFLICT');
      const drop = await store.prepareDrop('acme', ACME_2, 1);
      await drop.fire();
      await (await store.prepareDrop('acme', ACME_2, 1)).fire();
      await rejects(store.prepareDrop('other', ACME, 1), 'NOT_FOUND');
      expect((await store.list()).databases.map((database) => database.name)).toEqual([ACME]);
      const { rows } = await store.query({ alias: 'acme' }, 'MATCH (p:Person) RETURN count(*) AS n');
      expect(rows).toEqual([{ n: 3 }]);
    });

    it('and an alias change to the same database never pass each other, under one epoch and in any order', async () => {
      await context.deploy(T1);
      await context.deploy(T2);
      await context.point(ACME, 1);
      const alias = await store.alias('acme');
      const properties = { ...alias!.properties, epoch: 1, snapshot: T2 };
      const move = async () => {
        const change = await store.prepareAlias({ customer: 'acme', database: ACME_2, properties });
        await change.fire().finally(() => change.cancel());
      };
      const drop = async () => {
        const change = await store.prepareDrop('acme', ACME_2, 1);
        await change.fire().finally(() => change.cancel());
      };
      const early = await store.prepareDrop('acme', ACME_2, 1);
      await rejects(move(), 'CONFLICT');
      await early.cancel();
      const change = await store.prepareAlias({ customer: 'acme', database: ACME_2, properties });
      await rejects(drop(), 'CONFLICT');
      await change.cancel();
      await Promise.allSettled([move(), drop(), move(), drop()]);
      const { databases } = await store.list();
      expect(databases.map(({ name }) => name)).toContain((await store.alias('acme'))?.database);
    });

    it('finishes nothing when cancelled', async () => {
      await context.deploy(T1);
      const drop = await store.prepareDrop('acme', ACME, 1);
      await drop.cancel();
      await drop.cancel();
      await rejects(drop.fire(), 'FENCED');
      expect((await store.list()).databases).toHaveLength(1);
    });

    it.each(['../acme-1700000000', 'acme-1700000000/..', '..', '', 'ACME-1700000000', 'acme-1700000000.x'])(
      'has no database %j',
      async (evil) => {
        await rejects(store.prepareDrop('acme', evil, 1), 'NOT_FOUND');
        await rejects(store.counts(evil), 'NOT_FOUND');
        await rejects(store.query({ database: evil }, 'RETURN 1 AS one'), 'NOT_FOUND');
      },
    );

    it.each(['../acme', '.', 'a/b', 'acme-17', ''])('has no customer %j', async (evil) => {
      await rejects(store.alias(evil), 'CUSTOMER_NAME');
      await rejects(store.takeOver(evil, 1), 'CUSTOMER_NAME');
      await rejects(store.epochFloor(evil), 'CUSTOMER_NAME');
      await rejects(store.query({ alias: evil }, 'RETURN 1 AS one'), 'CUSTOMER_NAME');
    });
  });
}
