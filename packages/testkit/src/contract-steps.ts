/** Steps that the parts of the graph store contract share. */

import type { AliasProperties, GraphStore, LoadCertificate } from '@graphshift/core';
import { T1 } from './contract-snapshots.ts';

/** Every phase of a load, to its certificate. */
export async function loadWhole(
  store: GraphStore,
  request: Parameters<GraphStore['openLoad']>[0],
): Promise<LoadCertificate> {
  const load = await store.openLoad(request);
  await load.check();
  await load.nodes();
  await load.relationships();
  return load.seal();
}

/** Of an alias to the first snapshot. */
export function properties(epoch: number): AliasProperties {
  return { epoch, snapshot: T1, contentHash: 'c0ffee', since: '2024-01-01T00:00:00.000Z' };
}
