/** The embedded store as a worker uses it: every check, the load in a process of its own, the proof, the mark. */

import { createEmbeddedStore, type LoadCertificate, serveParent } from '@graphshift/core';
import type { LoadCommands } from './load-commands.ts';

serveParent<LoadCommands>({
  load: async ({ snapshot, directory, memoryBytes, threads }) => {
    const store = createEmbeddedStore({ directory, loaderMemoryBytes: memoryBytes, threads });
    await store.start();
    const mark = { customer: 'bench', timestamp: 1_700_000_000, run: 1, epoch: 1 };
    const load = await store.openLoad({ ...mark, path: snapshot });
    await load.check();
    await load.nodes();
    await load.relationships();
    const certificate = await load.seal();
    await store.unmark(certificate.database, mark.epoch);
    await store.stop();
    return { rows: rowsOf(certificate), peakMemory: certificate.peakMemory };
  },
});

function rowsOf({ nodes, relationships }: LoadCertificate): number {
  return [...nodes, ...relationships].reduce((sum, { counted }) => sum + counted, 0);
}
