import { graphStoreContract, NEO4J_DIALECT, useNeo4j } from '@graphshift/testkit';
import type { Neo4jStoreOptions } from './options.ts';
import { createNeo4jStore } from './store.ts';

const neo4j = useNeo4j();
const BOOKKEEPING = 'graphshift-contract';

graphStoreContract('neo4j', {
  dialect: NEO4J_DIALECT,
  create: async () => {
    // An earlier run against a server that stays may have been cut.
    await forgetEverything();
    const { url, user: username, password } = neo4j;
    const options: Neo4jStoreOptions = {
      ...{ url, username, password, bookkeepingDatabase: BOOKKEEPING, unsigned: 'text', sessions: 2 },
    };
    return {
      store: createNeo4jStore(options),
      recipe: {
        module: new URL('./store.ts', import.meta.url).href,
        factory: 'createNeo4jStore',
        options,
      },
      remove: forgetEverything,
    };
  },
});

/** What the customers of the contract have; the server stays, and the bookkeeping database, empty. */
async function forgetEverything(): Promise<void> {
  const where = "YIELD name WHERE name = 'acme' OR name =~ 'acme-.*|graphshift-contract' RETURN name";
  for (const { name } of await neo4j.run('system', `SHOW ALIASES FOR DATABASE ${where}`))
    await neo4j.run('system', `DROP ALIAS \`${name}\` FOR DATABASE`);
  for (const { name } of await neo4j.run('system', `SHOW DATABASES ${where}`))
    if (name === BOOKKEEPING) await neo4j.run(BOOKKEEPING, 'MATCH (n) DETACH DELETE n');
    else await neo4j.run('system', `DROP DATABASE \`${name}\` DESTROY DATA WAIT`);
}
