/** A worker in the test's own process, over a real Redis and a real store, that can be held at any named point. */

import {
  type Backend,
  type DeploymentRecord,
  databaseName,
  type GraphStore,
  type Service,
} from '@graphshift/core';
import { type Installation, makeInstallation, simulateSnapshot } from '@graphshift/testkit';
import { expect, vi } from 'vitest';
import { createWorker, type WorkerOptions } from '../src/worker.ts';

const PATIENCE = { timeout: 100_000, interval: 50 };

/** A place where the worker stands still until it is let go. */
export interface Barrier {
  /** Resolves when the worker has come there. */
  readonly reached: Promise<void>;
  release(): void;
}

export interface System {
  readonly installation: Installation;
  readonly backend: Backend;
  /** Starts the worker. Several share the queue. */
  work(options?: Pick<WorkerOptions, 'instance' | 'meter'>): Promise<Service>;
  /** Stops the workers. */
  rest(): Promise<void>;
  /** Holds the first worker that comes to this point. */
  holdAt(point: string): Barrier;
  /** Writes a snapshot, without telling anybody. @param nodes tells its content apart from others @default 20 */
  write(customer: string, timestamp: number, nodes?: number): Promise<string>;
  /** The same, recorded and enqueued as by a producer. @returns the deployment's id */
  drop(customer: string, timestamp: number, nodes?: number): Promise<string>;
  /** Records and enqueues what stands on the disk. */
  discover(customer: string, timestamp: number): Promise<string>;
  /** Waits until the deployment is in this state. */
  reaches(id: string, state: DeploymentRecord['state']): Promise<DeploymentRecord>;
  /** What readers see: rows of `Person` behind the alias. */
  people(customer: string): Promise<unknown>;
  /** States that the deployment has been in, by the audit stream, the first first. */
  history(id: string): Promise<string[]>;
  /** Waits until the store has these databases, all complete, and nothing else. */
  holdsOnly(...snapshots: [customer: string, timestamp: number][]): Promise<void>;
  stop(): Promise<void>;
}

/** @param store stands in for a real one, as where many loads would tell no more than one in memory */
export async function openSystem(
  flags: Readonly<Record<string, unknown>> = {},
  store?: GraphStore,
): Promise<System> {
  const installation = await makeInstallation();
  const backend = await installation.open(flags, store);
  const workers: Service[] = [];
  const barriers = new Map<string, { arrive(): void; released: Promise<void> }>();
  const system: System = {
    installation,
    backend,
    work: async (options) => {
      const worker = await createWorker({
        ...options,
        backend,
        times: { lockMs: 1500, stalledCheckMs: 400 },
        upkeepMs: 300,
        checkpoint: async (point) => {
          const barrier = barriers.get(point);
          if (!barrier) return;
          barriers.delete(point);
          barrier.arrive();
          await barrier.released;
        },
      });
      workers.push(worker);
      await worker.start();
      return worker;
    },
    rest: async () => {
      for (const worker of workers.splice(0)) await worker.stop();
    },
    holdAt: (point) => {
      let arrive = () => {};
      let release = () => {};
      const reached = new Promise<void>((resolve) => {
        arrive = resolve;
      });
      const released = new Promise<void>((resolve) => {
        release = resolve;
      });
      barriers.set(point, { arrive, released });
      return { reached, release };
    },
    write: (customer, timestamp, nodes = 20) =>
      simulateSnapshot(installation.data, { customer, timestamp, nodes }),
    drop: async (customer, timestamp, nodes) => {
      await system.write(customer, timestamp, nodes);
      return system.discover(customer, timestamp);
    },
    discover: async (customer, timestamp) => {
      const path = `${installation.data}/${customer}/${timestamp}`;
      const { head } = await backend.deployments.discover({ customer, timestamp, path });
      await backend.wakeUps.ensureHead(backend.deployments, head);
      return `${customer}@${timestamp}`;
    },
    reaches: async (id, state) => {
      await vi.waitFor(
        async () => expect((await backend.deployments.get(id))?.state, id).toBe(state),
        PATIENCE,
      );
      return (await backend.deployments.get(id)) as DeploymentRecord;
    },
    people: async (customer) => {
      const question = 'MATCH (p:Person) RETURN count(*) AS people';
      return (await backend.store.query({ alias: customer }, question)).rows[0]?.people;
    },
    history: async (id) => {
      const audit = await backend.deployments.audit({ deployment: id });
      return audit.filter(({ from, to }) => to !== '' && from !== to).map(({ to }) => to);
    },
    holdsOnly: async (...snapshots) => {
      const expected = snapshots.map(([customer, timestamp]) => databaseName({ customer, timestamp }));
      await vi.waitFor(async () => {
        const { databases } = await backend.store.list();
        expect(databases.map(({ name, state }) => `${name} ${state}`).sort()).toEqual(
          expected.map((name) => `${name} complete`).sort(),
        );
      }, PATIENCE);
    },
    stop: async () => {
      for (const barrier of barriers.values()) barrier.arrive();
      for (const worker of workers) await worker.stop();
      await installation.remove();
    },
  };
  return system;
}
