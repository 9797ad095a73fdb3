/** A reading process: one database, one statement at a time, under a limit of memory that LadybugDB does not keep. */

import { serveParent } from '../../platform/child-process.ts';
import { GraphshiftError } from '../../platform/errors.ts';
import type { MemoryExceeded, QueryCommands } from './query-commands.ts';
import { ReadingSession } from './session.ts';

/** A runaway statement takes about 2 GB a second. */
const WATCH_EVERY_MS = 20;
const BUFFER_SHARE = 0.25;

let session: ReadingSession | undefined;
let limit = Number.POSITIVE_INFINITY;

serveParent<QueryCommands>({
  open: async ({ directory, memoryBytes }) => {
    limit = memoryBytes;
    session = await ReadingSession.open(directory, Math.floor(memoryBytes * BUFFER_SHARE));
    return undefined;
  },
  query: async ({ cypher, parameters, maxRows }, report) => {
    const stop = watch(report);
    try {
      return await opened().query(cypher, parameters, maxRows);
    } finally {
      stop();
    }
  },
  counts: () => opened().counts(),
});

function opened(): ReadingSession {
  if (!session) throw new GraphshiftError('INTERNAL', 'no database is open');
  return session;
}

/** Ends the process when it grows beyond its limit: a statement cannot be interrupted, and nothing else bounds it. */
function watch(report: (progress: unknown) => void): () => void {
  const timer = setInterval(() => {
    const residentBytes = process.memoryUsage.rss();
    if (residentBytes <= limit) return;
    report({ residentBytes } satisfies MemoryExceeded);
    // The report is written before the next turn; memory is not given another one.
    setImmediate(() => process.kill(process.pid, 'SIGKILL'));
  }, WATCH_EVERY_MS);
  return () => clearInterval(timer);
}
