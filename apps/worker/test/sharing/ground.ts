/** Workers in processes of their own on one Neo4j and one Redis, and snapshots that they share. */

import { mkdir, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { type Backend, type DeploymentRecord, databaseName, openDuck, quoteString } from '@graphshift/core';
import {
  descendantsOf,
  type Installation,
  isRunning,
  makeInstallation,
  type Neo4jForTests,
  type Program,
  startProgram,
} from '@graphshift/testkit';
import { expect, vi } from 'vitest';

const PROGRAM = new URL('../worker-program.ts', import.meta.url);
export const PATIENCE = { timeout: 120_000, interval: 50 };

/** Smaller snapshots are not shared; those of these tests have some twenty chunks. */
const LEAST_BYTES = 64 * 1024;

export interface Size {
  readonly people: number;
  /** Files of people, and of each type. */
  readonly files: number;
}

export class Ground {
  readonly installation: Installation;
  readonly backend: Backend;
  readonly #server: Neo4jForTests;
  readonly #programs = new Set<Program>();

  private constructor(installation: Installation, backend: Backend, server: Neo4jForTests) {
    this.installation = installation;
    this.backend = backend;
    this.#server = server;
  }

  /** @param more of the environment of every process */
  static async open(server: Neo4jForTests, more: Readonly<Record<string, string>> = {}): Promise<Ground> {
    const installation = await makeInstallation({
      GRAPHSHIFT_STORE: server.url,
      GRAPHSHIFT_STORE_USERNAME: server.user,
      GRAPHSHIFT_STORE_PASSWORD: server.password,
      GRAPHSHIFT_STORE_BOOKKEEPING_DATABASE: server.name('book'),
      GRAPHSHIFT_STORE_SESSIONS: '2',
      GRAPHSHIFT_STORE_BATCH_ROWS: '200',
      GRAPHSHIFT_ORCHESTRATOR_CHUNK_MIN_BYTES: String(LEAST_BYTES),
      GRAPHSHIFT_ORCHESTRATOR_MAX_CRASHES: '1000',
      GRAPHSHIFT_ORCHESTRATOR_NUM_WORKERS: '1',
      GRAPHSHIFT_ORCHESTRATOR_DRAIN_SECONDS: '0',
      GRAPHSHIFT_ORCHESTRATOR_HEAP_THRESHOLD_PERCENT: '100',
      ...more,
    });
    return new Ground(installation, await installation.open(), server);
  }

  async close(): Promise<void> {
    for (const program of this.#programs) await this.kill(program);
    await this.installation.remove();
  }

  async work(): Promise<Program> {
    const program = startProgram(PROGRAM, ['{}'], this.installation.environment);
    this.#programs.add(program);
    // One that is killed before is none that fails.
    await program.line(/^ready$/).catch((error: unknown) => {
      if (this.#programs.has(program)) throw error;
    });
    return program;
  }

  get workers(): Program[] {
    return [...this.#programs];
  }

  /** Kills a worker and sees that its loading processes go with it. */
  async kill(program: Program): Promise<void> {
    this.#programs.delete(program);
    const children = descendantsOf(program.process.pid ?? 0);
    await program.end('SIGKILL');
    await vi.waitFor(() => expect(children.filter(isRunning)).toEqual([]), 20_000);
  }

  /** Writes a snapshot of people who know each other. @returns its directory */
  async write(customer: string, timestamp: number, { people, files }: Size): Promise<string> {
    const path = join(this.installation.data, customer, String(timestamp));
    const building = join(this.installation.data, customer, `.${timestamp}`);
    const duck = await openDuck({ spillDirectory: join(this.installation.directory, 'spill') });
    const file = async (folder: string, part: number, select: string) => {
      await mkdir(join(building, folder), { recursive: true });
      const to = quoteString(join(building, folder, `${part}.parquet`));
      await duck.run(`COPY (${select}) TO ${to} (FORMAT parquet, ROW_GROUP_SIZE 2048)`);
    };
    const each = Math.ceil(people / files);
    for (let part = 0; part < files; part++) {
      const range = `range(${part * each}, ${Math.min(people, (part + 1) * each)}) t(i)`;
      const labels = "CASE WHEN i % 10 = 0 THEN 'Person,Employee' ELSE 'Person' END AS labels";
      await file('nodes/Person', part, `SELECT i AS id, ${labels}, 'Person ' || i AS name FROM ${range}`);
      // Every chunk has ends everywhere, and hubs: what is written at one time has ends in common.
      const end = (salt: number) =>
        `CASE WHEN hash(i, ${salt}) % 20 = 0 THEN i % 3 ELSE CAST(hash(i, ${salt + 1}) % ${people} AS BIGINT) END`;
      for (const turn of [0, 1])
        await file(
          'relationships/KNOWS',
          part * 2 + turn,
          `SELECT ${end(turn * 4)} AS s, ${end(turn * 4 + 2)} AS t, 'KNOWS' AS type, i AS since FROM ${range}`,
        );
    }
    duck.close();
    await rename(building, path);
    return path;
  }

  /** Records and enqueues it. @returns the deployment's id */
  async discover(customer: string, timestamp: number): Promise<string> {
    const { deployments, wakeUps } = this.backend;
    const path = join(this.installation.data, customer, String(timestamp));
    const { head } = await deployments.discover({ customer, timestamp, path });
    await wakeUps.ensureHead(deployments, head);
    return `${customer}@${timestamp}`;
  }

  async record(id: string): Promise<DeploymentRecord> {
    const record = await this.backend.deployments.get(id);
    if (!record) throw new Error(`no record of ${id}`);
    return record;
  }

  async reaches(id: string, state: DeploymentRecord['state']): Promise<DeploymentRecord> {
    await vi.waitFor(async () => {
      const { state: is, error, reason } = await this.record(id);
      expect(is, `${error?.message ?? reason}`).toBe(state);
    }, PATIENCE);
    return this.record(id);
  }

  /** Rows that are in by the marks, or undefined where there are none. */
  async written(customer: string, timestamp: number): Promise<number | undefined> {
    const database = databaseName({ customer, timestamp });
    try {
      const [row] = await this.#server.run(
        database,
        'MATCH (c:_GraphshiftChunk) RETURN count(c) AS chunks, sum(c.rows) AS rows',
      );
      return Number(row?.chunks) > 0 ? Number(row?.rows) : undefined;
    } catch {
      // It is not there yet, or not online.
      return undefined;
    }
  }

  /** The certificate is exact, and the server itself has every row once. */
  async expectExact(customer: string, timestamp: number, { people }: Size): Promise<void> {
    const database = databaseName({ customer, timestamp });
    const certificate = await this.backend.store.certificate(database);
    const stations = (name: string, rows: number) => ({
      ...{ name, footers: rows, read: rows, sent: rows, acknowledged: rows, counted: rows },
    });
    expect(certificate?.nodes).toEqual([stations('Person', people)]);
    expect(certificate?.relationships).toEqual([stations('KNOWS', 2 * people)]);
    const ask = async (statement: string) => {
      const [row] = await this.#server.run(database, statement);
      return Object.values(row ?? {}).map(Number);
    };
    expect(await ask('MATCH (n) RETURN count(n), count(DISTINCT n.id), sum(toInteger(n.id))')).toEqual([
      ...[people, people, (people * (people - 1)) / 2],
    ]);
    expect(await ask('MATCH (n:Employee) RETURN count(n)')).toEqual([Math.ceil(people / 10)]);
    // Each `since` stands in two files, once each.
    expect(
      await ask(
        'MATCH ()-[r]->() WITH r.since AS since, count(*) AS rows RETURN count(since), min(rows), max(rows)',
      ),
    ).toEqual([people, 2, 2]);
    const labels = await this.#server.run(
      database,
      'CALL db.labels() YIELD label RETURN label ORDER BY label',
    );
    expect(labels.map(({ label }) => label)).toEqual(['Employee', 'Person']);
  }
}
