/** The proof of a load, from the rows counted at each station. */

import { GraphshiftError } from '../platform/errors.ts';
import type { SnapshotManifest } from '../snapshot/manifest.ts';
import { databaseName } from '../snapshot/names.ts';
import type { CertifiedCount, LoadCertificate, LoadMark } from './graph-store.ts';

/** What a loading process has counted. */
export type LoadCounts = Pick<LoadCertificate, 'nodes' | 'relationships' | 'labels' | 'peakMemory'>;

/** @throws CERTIFICATE naming the first label or type whose rows do not match at every station */
export function certify(
  { customer, timestamp, run, epoch }: LoadMark,
  manifest: SnapshotManifest | undefined,
  { nodes, relationships, labels, peakMemory }: LoadCounts,
): LoadCertificate {
  refuseMismatch([...nodes, ...relationships]);
  return {
    customer,
    timestamp,
    run,
    epoch,
    database: databaseName({ customer, timestamp }),
    contentHash: manifest?.contentHash ?? '',
    nodes,
    relationships,
    ...(labels && { labels }),
    bytes: manifest?.bytes ?? 0,
    peakMemory,
  };
}

/** @throws CERTIFICATE naming the first label or type whose rows do not match at every station */
export function refuseMismatch(counts: readonly CertifiedCount[]): void {
  for (const count of counts) {
    const { name, footers, read, sent, acknowledged, counted } = count;
    if ([read, sent, acknowledged, counted].every((rows) => rows === footers)) continue;
    throw new GraphshiftError(
      'CERTIFICATE',
      `rows of ${name} do not match: ${footers} in the footers, ${read} read, ${sent} sent, ${acknowledged} acknowledged, ${counted} counted`,
      { details: { ...count } },
    );
  }
}
