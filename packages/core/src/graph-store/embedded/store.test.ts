import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { graphStoreContract } from '@graphshift/testkit';
import { createEmbeddedStore } from './store.ts';

graphStoreContract('embedded', {
  create: async () => {
    const directory = await mkdtemp(join(tmpdir(), 'graphshift-embedded-'));
    const options = { directory };
    return {
      store: createEmbeddedStore(options),
      recipe: {
        module: new URL('./store.ts', import.meta.url).href,
        factory: 'createEmbeddedStore',
        options,
      },
      remove: () => rm(directory, { recursive: true, force: true }),
    };
  },
});
