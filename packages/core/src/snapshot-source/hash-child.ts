/** The hashing process: a snapshot of many gigabytes takes minutes of a core, which the event loop cannot spare. */

import { serveParent } from '../platform/child-process.ts';
import { contentHash } from './content-hash.ts';
import type { HashCommands } from './hash-commands.ts';

serveParent<HashCommands>({
  hash: ({ path, files }) => contentHash(path, files),
});
