/** A loader on a real server: databases made by the driver, loading processes that can be killed. */

import { execFileSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Neo4jForTests, useNeo4j } from '@graphshift/testkit';
import type { Driver } from 'neo4j-driver';
import { afterAll, beforeAll, expect, vi } from 'vitest';
import type { Load, LoadCertificate, LoadOptions } from '../../src/graph-store/graph-store.ts';
import { openBoltLoad } from '../../src/graph-store/neo4j/bolt/load.ts';
import { BOLT_DEFAULTS, type BoltSettings } from '../../src/graph-store/neo4j/bolt/settings.ts';
import { Certificates } from '../../src/graph-store/neo4j/certificates.ts';
import { databaseName } from '../../src/snapshot/names.ts';
import { type SnapshotContent, simulateSnapshot, writeSnapshot } from '../../src/snapshot-source/simulate.ts';

export interface BoltBench {
  readonly neo4j: Neo4jForTests;
  readonly directory: string;
  readonly driver: Driver;
  readonly certificates: Certificates;
  /** A name of this file's own, so that another server than ours can be used too. */
  readonly customer: string;
  write(content: Omit<SnapshotContent, 'customer'>): Promise<string>;
  simulate(timestamp: number, nodes: number, relationships: number): Promise<string>;
  open(at: Attempt, settings?: Partial<BoltSettings>, options?: LoadOptions): Promise<Load>;
  /** The first number of a statement's first row. */
  number(timestamp: number, statement: string): Promise<number>;
  drop(timestamp: number): Promise<void>;
}

export interface Attempt {
  readonly path: string;
  readonly timestamp: number;
  readonly epoch: number;
}

/** To be called at the top of a test file. */
export function useBolt(): BoltBench {
  const neo4j = useNeo4j();
  let directory = '';
  let driver: Driver;
  let certificates: Certificates;
  const customer = neo4j.name('acme').replace(/-$/, '');
  const system = (statement: string, name: string) => neo4j.run('system', statement, { name });
  const databases = {
    exists: async (name: string) =>
      (await system('SHOW DATABASES YIELD name WHERE name = $name RETURN name', name)).length > 0,
    create: async (name: string) => void (await system('CREATE DATABASE $name IF NOT EXISTS WAIT', name)),
    drop: async (name: string) =>
      void (await system('DROP DATABASE $name IF EXISTS DESTROY DATA WAIT', name)),
  };
  beforeAll(async () => {
    if (neo4j.problem) return;
    directory = await mkdtemp(join(tmpdir(), 'graphshift-bolt-'));
    driver = neo4j.driver();
    await databases.create(neo4j.name('book'));
    certificates = new Certificates(driver, neo4j.name('book'));
    await certificates.prepare();
  });
  afterAll(async () => {
    if (directory) await rm(directory, { recursive: true, force: true });
  });
  return {
    neo4j,
    customer,
    get directory() {
      return directory;
    },
    get driver() {
      return driver;
    },
    get certificates() {
      return certificates;
    },
    write: (content) => writeSnapshot(directory, { ...content, customer }),
    simulate: (timestamp, nodes, relationships) =>
      simulateSnapshot(directory, { customer, timestamp, nodes, relationships }),
    open: ({ path, timestamp, epoch }, settings, options) =>
      openBoltLoad(
        {
          driver,
          access: { url: neo4j.url, username: neo4j.user, password: neo4j.password },
          databases,
          certificates,
          settings: { ...BOLT_DEFAULTS, scratchDirectory: directory, ...settings },
        },
        { customer, timestamp, run: epoch, epoch, path },
        options,
      ),
    number: async (timestamp, statement) => {
      const [row] = await neo4j.run(databaseName({ customer, timestamp }), statement);
      return Number(Object.values(row ?? {})[0]);
    },
    drop: (timestamp) => databases.drop(databaseName({ customer, timestamp })),
  };
}

export async function loadWhole(load: Load): Promise<LoadCertificate> {
  await load.check();
  await load.nodes();
  await load.relationships();
  return load.seal();
}

/** Kills this process's loading processes. */
export function killLoaders(): void {
  for (const pid of loaders()) process.kill(pid, 'SIGKILL');
}

function loaders(): number[] {
  const lines = execFileSync('ps', ['-A', '-o', 'pid=,ppid=,args='], { encoding: 'utf8' }).split('\n');
  return lines.flatMap((line) => {
    const [, pid, parent, program] = /^\s*(\d+)\s+(\d+)\s+(.*)$/.exec(line) ?? [];
    return Number(parent) === process.pid && program?.includes('load-child') ? [Number(pid)] : [];
  });
}

/** Asks again until it holds. */
export async function until(holds: () => Promise<boolean>): Promise<void> {
  await vi.waitFor(async () => expect(await holds()).toBe(true), { timeout: 120_000, interval: 5 });
}

/** Every row of a certificate is the same at all stations. */
export function expectWhole(certificate: LoadCertificate): void {
  for (const count of [...certificate.nodes, ...certificate.relationships])
    expect(count).toEqual({
      ...count,
      read: count.footers,
      sent: count.footers,
      acknowledged: count.footers,
      counted: count.footers,
    });
}
