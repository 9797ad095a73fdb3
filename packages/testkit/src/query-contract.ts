/** The part of the graph store contract about queries from people. */

import type { GraphStore, QueryOptions } from '@graphshift/core';
import { beforeEach, describe, expect, it } from 'vitest';
import { FOREIGN_STATEMENTS, REFUSED_STATEMENTS } from './contract-snapshots.ts';
import { peopleLabels, type StoreDialect } from './contract-steps.ts';
import { rejects } from './rejects.ts';

export interface QueryContext {
  readonly store: () => GraphStore;
  /** Loads `peopleAndCompanies` into `database`. */
  readonly load: () => Promise<unknown>;
  readonly database: string;
  readonly dialect: StoreDialect;
}

export function queryContract(context: QueryContext): void {
  describe('query', () => {
    const { database, dialect } = context;
    const ask = (cypher: string, options?: QueryOptions) =>
      context.store().query({ database }, cypher, options);
    const rows = async (cypher: string, parameters = {}) => (await ask(cypher, { parameters })).rows;

    beforeEach(() => context.load());

    it('refuses whatever writes, leaves the database or is more than one statement', async () => {
      for (const cypher of REFUSED_STATEMENTS) await rejects(ask(cypher), 'QUERY_REFUSED', cypher);
      for (const cypher of FOREIGN_STATEMENTS)
        await expect(ask(cypher), cypher).rejects.toMatchObject({
          code: expect.stringMatching(/^QUERY_(REFUSED|FAILED)$/),
        });
      expect((await context.store().counts(database)).labels).toEqual(peopleLabels(dialect));
    });

    it('takes parameters and literals whatever they hold', async () => {
      const evil = `x'"\`\\ // */ ; DROP TABLE Person RETURN {} $x é😀\n`;
      expect(await rows('RETURN $evil AS v', { evil })).toEqual([{ v: evil }]);
      expect(await rows('RETURN "a;b // c" AS v /* CREATE */ // DROP')).toEqual([{ v: 'a;b // c' }]);
      const found = 'MATCH (p:Person) WHERE p.name = $name RETURN p.id AS id;';
      expect(await rows(found, { name: `O'Brien "\`\\` })).toEqual([{ id: '3' }]);
      expect(await rows('RETURN $n + 1 AS v', { n: 9007199254740992n })).toEqual([{ v: 9007199254740993n }]);
    });

    it('ends a runaway query, and answers the next one', async () => {
      await rejects(
        ask('UNWIND range(1, 1000000000) AS x RETURN count(x) AS n', {
          timeoutMs: dialect.runawayMs,
        }),
        'QUERY_LIMIT',
      );
      const slow =
        'UNWIND range(1, 100000) AS x UNWIND range(1, 100000) AS y UNWIND range(1, 100) AS z RETURN sum(x * y + z) AS n';
      await rejects(ask(slow, { timeoutMs: 300 }), 'QUERY_LIMIT');
      expect(await rows('MATCH (p:Person) RETURN count(*) AS n')).toEqual([{ n: 3 }]);
    });

    it('refuses more rows than allowed, and says what is wrong with a statement', async () => {
      await rejects(ask('UNWIND range(1, 11) AS x RETURN x', { maxRows: 10 }), 'QUERY_LIMIT');
      const error = await rejects(ask('MATCH (p:Person) RETURN nobody'), 'QUERY_FAILED');
      expect(error.message).toContain('nobody');
    });
  });
}
