/** What loads need beside what there is: estimates, what the gate asks for by them, and what their outcomes teach. */

import type { Redis } from 'ioredis';
import type { Settings } from '../config/settings.ts';
import type { DeploymentRecord } from '../deployment/record.ts';
import type { StoreHealth } from '../graph-store/graph-store.ts';
import type { Clock } from '../platform/clock.ts';
import { withDeadline } from '../platform/deadline.ts';
import { GraphshiftError, messageOf } from '../platform/errors.ts';
import type { Logger } from '../platform/log.ts';
import type { RoomNeeds } from '../queue/deployment-store.ts';
import type { Keys } from '../queue/keys.ts';
import { readSnapshotSize, type SnapshotSize } from '../snapshot-source/footer-sizes.ts';
import {
  type Estimate,
  estimateLoad,
  type Figures,
  hasEstimates,
  observedFactors,
  withFactors,
} from './estimate.ts';
import { LearnedFactors } from './learned-factors.ts';
import { type MachineMemory, readMachineMemory } from './machine-memory.ts';
import type { Budgets, Needed } from './shortage.ts';

export interface CapacityOptions {
  /** The store's kind. */
  readonly kind: string;
  readonly redis: Redis;
  readonly keys: Keys;
  readonly clock: Clock;
  readonly log: Logger;
  readonly settings: Settings;
  /** Name of this machine: reservations of memory count for those on the same one. */
  readonly host: string;
  /** @default what the system tells */
  readonly machineMemory?: () => Promise<MachineMemory>;
}

/** What the gate asks for, and why it was refused if it is. */
export interface Demand {
  readonly needs: RoomNeeds;
  readonly reserves: NonNullable<DeploymentRecord['reserves']>;
  readonly needed: Needed;
  readonly budgets: Budgets;
}

const MEGABYTE = 1024 * 1024;
/** A look at the footers takes milliseconds, of thousands of files on a slow disk a second or two. */
const LOOK_MS = 10_000;

export class Capacity {
  readonly #options: CapacityOptions;
  readonly #learned: LearnedFactors;
  #saidNoDisk = false;

  constructor(options: CapacityOptions) {
    this.#options = options;
    this.#learned = new LearnedFactors(options.redis, options.keys);
  }

  /**
   * By the newest lessons. The footers are read once: what they said stands in the record afterwards.
   * @returns undefined for a store without first values, and for files that cannot be seen; never a reason to fail
   */
  async estimate({ id, path, estimate }: DeploymentRecord): Promise<Estimate | undefined> {
    const { kind, clock, settings, log } = this.#options;
    if (!hasEstimates(kind)) return undefined;
    try {
      const loader = { kind, memoryLimit: settings.orchestrator.loader_memory_mb * MEGABYTE };
      const size = estimate === undefined ? await this.#sizeOf(path) : undefined;
      const first = estimate ?? (size && estimateLoad(size, loader));
      return first && withFactors(first, await this.#learned.read(kind, first.content, clock.now()));
    } catch (error) {
      log.warn({ err: error, deploymentId: id }, `${id}: no estimate: ${messageOf(error)}`);
      return undefined;
    }
  }

  /**
   * What a load by this estimate needs of what is free.
   * @param holder the instance that would load
   * @returns undefined where `capacity_check` is off
   */
  async demand(estimate: Estimate, health: StoreHealth, holder: string): Promise<Demand | undefined> {
    const { host, settings, machineMemory = readMachineMemory } = this.#options;
    const { capacity_check: checks, disk_reserve_percent: keptPercent } = settings.orchestrator;
    if (!checks) return undefined;
    const { memory, scratch = 0 } = estimate;
    const machine = await machineMemory();
    const limit = settings.resilience.worker_memory_limit_mb;
    const worker = limit && { total: limit * MEGABYTE, free: Math.max(0, limit * MEGABYTE - machine.own) };
    const disk = this.#diskOf(health, keptPercent);
    const budgets: Budgets = {
      memory: { free: machine.free, total: machine.total, host },
      ...(disk && { disk }),
      ...(worker && { worker }),
    };
    const needed: Needed = {
      memory,
      ...(estimate.disk !== undefined && disk && { disk: estimate.disk + scratch, scratch }),
    };
    return {
      needed,
      budgets,
      reserves: { memory, host, ...(needed.disk !== undefined && { disk: needed.disk }) },
      needs: {
        memory: { needed: memory, free: machine.free, host },
        ...(disk &&
          needed.disk !== undefined && { disk: { needed: needed.disk, free: disk.free - disk.kept } }),
        ...(worker && { worker: { needed: memory, free: worker.free, holder } }),
      },
    };
  }

  /** Takes in what a load came to. Never throws: an estimate is not worth a deployment. */
  async learn(estimate: Estimate, outcome: Figures): Promise<void> {
    const { kind, log } = this.#options;
    try {
      await this.#learned.learn(kind, estimate.content, observedFactors(estimate, outcome));
    } catch (error) {
      log.warn({ err: error }, `capacity: nothing was learned from a load: ${messageOf(error)}`);
    }
  }

  /** A file system that hangs must not keep a deployment at the gate; its load will say what is wrong. */
  #sizeOf(path: string): Promise<SnapshotSize | undefined> {
    const late = () => new GraphshiftError('FILE_UNREADABLE', `${path} was not listed and read within 10 s`);
    return withDeadline(this.#options.clock, LOOK_MS, readSnapshotSize(path), late);
  }

  #diskOf({ disk }: StoreHealth, keptPercent: number): Budgets['disk'] {
    if (disk) return { ...disk, kept: Math.round((disk.total * keptPercent) / 100), keptPercent };
    if (!this.#saidNoDisk)
      this.#options.log.info(
        'capacity: this store does not tell its disk; loads are weighed by memory alone',
      );
    this.#saidNoDisk = true;
    return undefined;
  }
}
