/**
 * The order of holders. Every epoch that takes a customer over is recorded in the bookkeeping database, and ends the
 * transactions on `system` that lower ones have prepared, which are known by their metadata.
 *
 * Whoever prepares begins the transaction first and looks at the recorded epoch second; whoever takes over records the
 * epoch first and looks for transactions second. So either the taker-over sees the transaction, or the preparer the epoch.
 */

import type { Clock } from '../../platform/clock.ts';
import { GraphshiftError } from '../../platform/errors.ts';
import { givenTwice } from '../given-twice.ts';
import type { Bookkeeping } from './bookkeeping.ts';
import type { Neo4jConnection, Row } from './connection.ts';
import { storeError } from './server-errors.ts';

/** What a prepared transaction says of itself. */
export interface ChangeMetadata {
  /** Tells installations on one server apart: the name of their bookkeeping database. */
  readonly graphshift: string;
  readonly change: string;
  readonly kind: 'alias' | 'drop';
  readonly customer: string;
  readonly epoch: number;
  readonly database: string;
}

export interface PreparedTransaction extends ChangeMetadata {
  readonly transactionId: string;
  readonly connectionId: string;
  /** Ended by another or by its time, and not closed yet by who began it: it cannot commit any more. */
  readonly ended: boolean;
}

/**
 * One that is committing when it is ended is gone soon, later on a busy server; one whose client sleeps stays until its
 * connection is cut.
 */
const SOON = { looks: 10, everyMs: 20 } as const;
const LATER = { looks: 100, everyMs: 100 } as const;

export class Fence {
  readonly #connection: Neo4jConnection;
  readonly #bookkeeping: Bookkeeping;
  readonly #clock: Clock;

  constructor(connection: Neo4jConnection, bookkeeping: Bookkeeping, clock: Clock) {
    this.#connection = connection;
    this.#bookkeeping = bookkeeping;
    this.#clock = clock;
  }

  /** The highest epoch that took over; 0 for none. */
  highest(customer: string): Promise<number> {
    return this.#bookkeeping.epoch(customer);
  }

  /** @throws FENCED when a higher epoch took over */
  async check(customer: string, epoch: number): Promise<void> {
    const highest = await this.highest(customer);
    if (highest > epoch) throw fenced(customer, epoch, highest);
  }

  /**
   * Records the epoch and ends what lower ones have prepared; none of it commits when this returns.
   * @param isNew it must not have been recorded before
   * @throws FENCED when a higher epoch took over, or this one has already where it must be new
   */
  async raise(customer: string, epoch: number, isNew = false): Promise<void> {
    const before = await this.#bookkeeping.raiseEpoch(customer, epoch);
    if (before > epoch) throw fenced(customer, epoch, before);
    if (isNew && before === epoch) throw givenTwice(customer, epoch);
    await this.end(customer, (prepared) => prepared.epoch < epoch);
  }

  /** Prepared changes of a customer that have not ended. */
  async prepared(customer: string): Promise<PreparedTransaction[]> {
    const all = await this.#find(customer);
    return all.filter(({ ended }) => !ended);
  }

  /**
   * Ends prepared changes, and waits until each is rolled back or, where its commit was under way, committed. A mark on
   * the transaction does not tell the two apart, so one that stays has its connection cut.
   */
  async end(customer: string, which: (prepared: PreparedTransaction) => boolean): Promise<void> {
    for (let look = 1; ; look++) {
      const found = (await this.#find(customer)).filter(which);
      if (found.length === 0) return;
      for (const { transactionId } of found.filter(({ ended }) => !ended))
        await this.#connection.system('TERMINATE TRANSACTION $id', { id: transactionId });
      if (look === SOON.looks) {
        for (const { connectionId } of found) await this.#cut(connectionId);
      } else if (look === SOON.looks + LATER.looks) {
        const { transactionId } = found[0] as PreparedTransaction;
        throw new GraphshiftError(
          'STORE_BUSY',
          `${customer}: transaction ${transactionId} of an earlier holder does not end`,
        );
      }
      await this.#clock.sleep((look < SOON.looks ? SOON : LATER).everyMs);
    }
  }

  async #cut(connection: string): Promise<void> {
    try {
      await this.#connection.system('CALL dbms.killConnection($connection)', { connection });
    } catch (error) {
      throw storeError(error, `end connection ${connection}, which an earlier holder left`);
    }
  }

  async #find(customer: string): Promise<PreparedTransaction[]> {
    const rows = await this.#connection.ask(
      `SHOW TRANSACTIONS YIELD transactionId, connectionId, metaData, status
       WHERE metaData.graphshift = $installation AND metaData.customer = $customer
       RETURN transactionId, connectionId, metaData, status`,
      { installation: this.#bookkeeping.database, customer },
    );
    return rows.map(preparedOf);
  }
}

function preparedOf({ transactionId, connectionId, metaData, status }: Row): PreparedTransaction {
  const metadata = metaData as Row;
  return {
    transactionId: String(transactionId),
    connectionId: String(connectionId),
    ended: /^Terminated/i.test(String(status)),
    graphshift: String(metadata.graphshift),
    change: String(metadata.change),
    kind: metadata.kind === 'drop' ? 'drop' : 'alias',
    customer: String(metadata.customer),
    epoch: Number(metadata.epoch),
    database: String(metadata.database),
  };
}

export function fenced(customer: string, epoch: number, highest?: number): GraphshiftError {
  const by = highest === undefined ? 'a higher epoch' : `epoch ${highest}`;
  return new GraphshiftError('FENCED', `${customer}: epoch ${epoch} ended, ${by} took over`, {
    details: { customer, epoch, ...(highest !== undefined && { highest }) },
  });
}
