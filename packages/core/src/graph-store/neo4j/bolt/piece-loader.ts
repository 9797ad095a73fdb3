/** Loads chunks of loads that other processes coordinate: its process stays as long as they are of one load. */

import { ChildProcess, siblingModule } from '../../../platform/child-process.ts';
import { GraphshiftError } from '../../../platform/errors.ts';
import { makeScratchDirectory, type ScratchDirectory } from '../../../platform/scratch-directory.ts';
import { databaseName } from '../../../snapshot/names.ts';
import type { ChunkLoader, ChunkOptions, ChunkTask } from '../../sharing.ts';
import type { PieceCommands, PieceJob } from './piece-commands.ts';
import type { PiecePlan, SharedPlan } from './pieces.ts';
import type { BoltAccess, BoltSettings } from './settings.ts';

/** Several times what the batches of all sessions hold. */
const CHILD_HEAP_MB = 256;

interface Loader {
  /** Of which load. */
  readonly load: string;
  readonly child: ChildProcess<PieceCommands>;
  readonly scratch: ScratchDirectory;
}

export class PieceLoader implements ChunkLoader {
  readonly #access: BoltAccess;
  readonly #settings: BoltSettings;
  #loader: Loader | undefined;

  constructor(access: BoltAccess, settings: BoltSettings) {
    this.#access = access;
    this.#settings = settings;
  }

  async load(task: ChunkTask, { signal, onRows }: ChunkOptions = {}): Promise<void> {
    const { customer, epoch, path } = task;
    const { child, scratch } = await this.#loaderFor(task);
    const job: PieceJob = {
      access: this.#access,
      settings: this.#settings,
      path,
      database: databaseName(task),
      customer,
      epoch,
      scratch: scratch.path,
      shared: parsed<SharedPlan>(task.plan),
      piece: parsed<PiecePlan>(task.work),
    };
    try {
      await child.call('load', job, {
        ...(signal && { signal }),
        ...(onRows && { onProgress: (rows) => onRows(Number(rows)) }),
      });
    } catch (error) {
      // What went wrong in it must not go wrong again in the next chunk.
      await this.close();
      throw error;
    }
  }

  async close(): Promise<void> {
    const loader = this.#loader;
    this.#loader = undefined;
    await loader?.child.kill();
    if (loader) await loader.scratch.remove();
  }

  async #loaderFor({ customer, timestamp, epoch }: ChunkTask): Promise<Loader> {
    const load = `${databaseName({ customer, timestamp })} ${epoch}`;
    if (this.#loader?.load !== load || !this.#loader.child.alive) await this.close();
    if (this.#loader) return this.#loader;
    const scratch = await makeScratchDirectory(this.#settings.scratchDirectory);
    const module = siblingModule(import.meta.url, 'piece-child');
    const child = new ChildProcess<PieceCommands>(module, { name: 'chunk loader', heapMb: CHILD_HEAP_MB });
    this.#loader = { load, child, scratch };
    return this.#loader;
  }
}

function parsed<Shape>(text: string): Shape {
  try {
    return JSON.parse(text) as Shape;
  } catch (cause) {
    throw new GraphshiftError('INTERNAL', 'a chunk of a shared load cannot be read', { cause });
  }
}
