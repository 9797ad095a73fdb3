import type { ChunkConsumer, Clock, Logger, MachineMemory, Service } from '@graphshift/core';
import { inUnits } from '@graphshift/core';

/** What the process that loads a chunk takes: a bounded DuckDB, batches under way, and Node.js with the driver. */
export const CHUNK_MEMORY_BYTES = 320 * 1024 * 1024;

const LOOK_EVERY_MS = 5000;
/** Chunks are taken again when so much more is to spare, so that it does not begin and end all the time. */
const ROOM = 1.5;

export interface ChunkBrakeOptions {
  readonly consumer: Pick<ChunkConsumer, 'keepOff'>;
  readonly read: () => Promise<MachineMemory>;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Lets a worker take no chunk while its machine has no memory for the process that would load it. */
export class ChunkBrake implements Service {
  readonly #options: ChunkBrakeOptions;
  #cancel: (() => void) | undefined;
  #braking = false;

  constructor(options: ChunkBrakeOptions) {
    this.#options = options;
  }

  async start(): Promise<void> {
    if (this.#cancel) return;
    await this.look();
    this.#cancel = this.#options.clock.every(LOOK_EVERY_MS, () => this.look());
  }

  async stop(): Promise<void> {
    this.#cancel?.();
    this.#cancel = undefined;
    this.#braking = false;
  }

  async look(): Promise<void> {
    const { read, consumer, log } = this.#options;
    const { free, spare = free } = await read();
    const needed = CHUNK_MEMORY_BYTES * (this.#braking ? ROOM : 1);
    const braking = spare < needed;
    if (braking === this.#braking) return;
    this.#braking = braking;
    const left = `the machine has ${inUnits(spare)} of memory to spare`;
    if (braking) log.warn({ memory: spare }, `worker takes no chunks of shared loads: ${left}`);
    else log.info({ memory: spare }, `worker takes chunks of shared loads again: ${left}`);
    await consumer.keepOff(braking);
  }
}
