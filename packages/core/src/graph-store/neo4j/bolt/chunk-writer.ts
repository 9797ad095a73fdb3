/** One batch as one transaction: the chunk's lock, the fence, the progress and the rows. */

import neo4j, { type Driver, type ManagedTransaction, type Result, type Session } from 'neo4j-driver';
import { GraphshiftError } from '../../../platform/errors.ts';
import { fencedOut } from '../load-mark.ts';
import { type Batch, type BatchSize, runsOf, splitBatch } from './batches.ts';
import { isOutOfMemory } from './failures.ts';
import type { GroupPlan } from './plan.ts';
import { LOCK_CHUNK, READ_CHUNK, STEP_CHUNK } from './statements.ts';

export interface WriterContext {
  readonly driver: Driver;
  readonly database: string;
  readonly customer: string;
  readonly epoch: number;
  readonly size: BatchSize;
}

/** Thrown inside a transaction to roll it back: an earlier try of the same batch was committed. */
class AlreadyIn extends Error {}
/** Thrown inside a transaction so that the driver does not try it again as it is. */
class NoMemory extends Error {}

export class ChunkWriter {
  readonly #context: WriterContext;
  readonly #session: Session;

  constructor(context: WriterContext) {
    this.#context = context;
    this.#session = context.driver.session({ database: context.database });
  }

  close(): Promise<void> {
    return this.#session.close();
  }

  /**
   * Writes a batch, in halves where the server has no memory for the whole.
   * @param statementOf the statement for rows with these labels
   * @throws FENCED when a higher epoch took over, CERTIFICATE when the server made another number of rows
   */
  async write(
    group: GroupPlan,
    key: number,
    batch: Batch,
    statementOf: (labels: string | undefined) => string,
  ): Promise<void> {
    const { size } = this.#context;
    try {
      await this.#session.executeWrite((tx) => this.#writeIn(tx, group, key, batch, statementOf));
      size.succeed();
    } catch (error) {
      if (error instanceof AlreadyIn) return;
      if (!(error instanceof NoMemory)) throw error;
      if (!size.halve(batch.rows))
        throw new GraphshiftError(
          'LOAD_FAILED',
          `${group.kind}/${group.name}: the server has no memory for ${batch.rows} rows`,
          { cause: error.cause },
        );
      for (const half of splitBatch(batch)) await this.write(group, key, half, statementOf);
    }
  }

  async #writeIn(
    tx: ManagedTransaction,
    group: GroupPlan,
    key: number,
    batch: Batch,
    statementOf: (labels: string | undefined) => string,
  ): Promise<void> {
    const chunk = { key: neo4j.int(key) };
    const progress = {
      ...chunk,
      epoch: neo4j.int(this.#context.epoch),
      from: neo4j.int(batch.from),
      to: neo4j.int(batch.from + batch.rows),
    };
    try {
      // Sent together, without waiting for each answer.
      const lock = tx.run(LOCK_CHUNK, chunk);
      const step = tx.run(STEP_CHUNK, progress);
      const writes = runsOf(batch).map((run) => tx.run(statementOf(run.labels), parametersOf(run.batch)));
      const [, stepped, ...written] = await settled([lock, step, ...writes]);
      if (stepped?.records.length !== 1) await this.#refuseStep(tx, group, key, batch);
      const made = written.reduce((sum, result) => sum + madeBy(group, result.summary.counters.updates()), 0);
      if (made !== batch.rows)
        throw new GraphshiftError(
          'CERTIFICATE',
          `${group.kind}/${group.name}: ${batch.rows} rows were sent, and the server made ${made} of them`,
        );
    } catch (error) {
      throw isOutOfMemory(error) ? new NoMemory('no memory', { cause: error }) : error;
    }
  }

  /** The mark was not as this batch wants it. */
  async #refuseStep(tx: ManagedTransaction, group: GroupPlan, key: number, batch: Batch): Promise<never> {
    const { customer, epoch } = this.#context;
    const { records } = await tx.run(READ_CHUNK, { key: neo4j.int(key) });
    const mark = records[0];
    const higher = Number(mark?.get('epoch') ?? epoch + 1);
    if (!mark || higher !== epoch) throw fencedOut(customer, epoch, higher);
    const rows = Number(mark.get('rows'));
    if (rows === batch.from + batch.rows) throw new AlreadyIn();
    throw new GraphshiftError(
      'LOAD_FAILED',
      `${group.kind}/${group.name}: chunk ${key} has ${rows} rows, not the ${batch.from} that were written`,
    );
  }
}

/** All results, or the first failure once every one has ended. */
async function settled(results: readonly Result[]) {
  const ended = await Promise.allSettled(results);
  const failed = ended.find((one) => one.status === 'rejected');
  if (failed) throw failed.reason;
  return ended.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
}

function parametersOf({ rows, columns }: Batch): Record<string, unknown> {
  const lists = columns.map((column, index) => [`c${index}`, column] as const);
  return { rows: neo4j.int(rows), ...Object.fromEntries(lists) };
}

function madeBy(group: GroupPlan, updates: { nodesCreated: number; relationshipsCreated: number }): number {
  return group.kind === 'nodes' ? updates.nodesCreated : updates.relationshipsCreated;
}
