/** A root of many small directories, and a record in Redis for each snapshot in it. */

import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { type Backend, type SnapshotName, systemClock } from '@graphshift/core';

export interface Tree {
  readonly root: string;
  readonly customers: number;
  /** Of each customer. */
  readonly snapshots: number;
}

/** Records made at once. */
const BATCH = 500;

function* snapshotsOf(tree: Tree): Generator<SnapshotName & { readonly path: string }> {
  for (let customer = 0; customer < tree.customers; customer++) {
    const name = `customer-n${customer}n`;
    for (let index = 0; index < tree.snapshots; index++) {
      const timestamp = 1_600_000_000 + index * 3600;
      yield { customer: name, timestamp, path: join(tree.root, name, String(timestamp)) };
    }
  }
}

/** Makes the directories; they are empty, since a scan never looks into a snapshot that has a record. */
export async function makeTree(tree: Tree, signal: AbortSignal): Promise<void> {
  let made = 0;
  for (const { path } of snapshotsOf(tree)) {
    mkdirSync(path, { recursive: true });
    made += 1;
    if (made % 5000 === 0) await systemClock.sleep(0, signal);
  }
}

export async function makeRecords(tree: Tree, backend: Backend, signal: AbortSignal): Promise<void> {
  let batch: Promise<unknown>[] = [];
  for (const snapshot of snapshotsOf(tree)) {
    batch.push(backend.deployments.discover(snapshot));
    if (batch.length < BATCH) continue;
    await Promise.all(batch);
    signal.throwIfAborted();
    batch = [];
  }
  await Promise.all(batch);
}
