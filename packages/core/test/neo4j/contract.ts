/** The graph store contract on a Neo4j server, whichever way rows go in. */

import { graphStoreContract, NEO4J_DIALECT, type Neo4jForTests } from '@graphshift/testkit';
import type { Neo4jStoreOptions } from '../../src/graph-store/neo4j/options.ts';
import { createNeo4jStore } from '../../src/graph-store/neo4j/store.ts';

const BOOKKEEPING = 'graphshift-contract';

/** To be called at the top of a test file. */
export function neo4jContract(
  name: string,
  neo4j: Neo4jForTests,
  chosen: Partial<Neo4jStoreOptions>,
  part: 'all' | 'load' = 'all',
): void {
  graphStoreContract(name, {
    part,
    dialect: NEO4J_DIALECT,
    create: async () => {
      // An earlier run against a server that stays may have been cut.
      await forgetEverything(neo4j);
      const { url, user: username, password } = neo4j;
      const options: Neo4jStoreOptions = {
        ...{ url, username, password, bookkeepingDatabase: BOOKKEEPING, unsigned: 'text', sessions: 2 },
        ...chosen,
      };
      return {
        store: createNeo4jStore(options),
        recipe: {
          module: new URL('../../src/graph-store/neo4j/store.ts', import.meta.url).href,
          factory: 'createNeo4jStore',
          options,
        },
        remove: () => forgetEverything(neo4j),
      };
    },
  });
}

/** What the customers of the contract have; the server stays, and the bookkeeping database, empty. */
async function forgetEverything(neo4j: Neo4jForTests): Promise<void> {
  const where = "YIELD name WHERE name = 'acme' OR name =~ 'acme-.*|graphshift-contract' RETURN name";
  for (const { name } of await neo4j.run('system', `SHOW ALIASES FOR DATABASE ${where}`))
    await neo4j.run('system', `DROP ALIAS \`${name}\` FOR DATABASE`);
  for (const { name } of await neo4j.run('system', `SHOW DATABASES ${where}`))
    if (name === BOOKKEEPING) await neo4j.run(BOOKKEEPING, 'MATCH (n) DETACH DELETE n');
    else await neo4j.run('system', `DROP DATABASE \`${name}\` DESTROY DATA WAIT`);
}
