/**
 * One import of a whole database over Arrow Flight, from `CREATE_DATABASE` to the database that is online: node puts, then
 * relationship puts, any number side by side, from this process or others.
 *
 * The server knows an import by its name alone. So whatever a run before this one left there is aborted first, and what
 * a process that slept through that puts afterwards goes into this import: its rows are in the server's counts and not
 * in ours, and a certificate of both never matches.
 */

import type { FlightClient, PutSummary } from '@graphshift/flight';
import type { IpcMessage } from '@graphshift/flight/ipc';
import type { Clock } from '../../../platform/clock.ts';
import { GraphshiftError, messageOf } from '../../../platform/errors.ts';
import type { AliasInfo, LoadMark } from '../../graph-store.ts';
import {
  callGds,
  createBody,
  type EntityType,
  GDS_COLUMNS,
  type GdsAction,
  type GdsAnswer,
  type GdsDatabaseSettings,
  gdsError,
  isUnknownImport,
  putCommand,
} from './gds-protocol.ts';
import { emptyPut, markMessages } from './load-mark-rows.ts';

/** That no alias has a database's name or leads to it: only then may an import replace one of that name. */
export class NoAlias {
  readonly database: string;

  private constructor(database: string) {
    this.database = database;
  }

  /**
   * @param aliases all of the store, as they are now
   * @throws CONFLICT
   */
  static proven(database: string, aliases: readonly AliasInfo[]): NoAlias {
    const name = database.toLowerCase();
    const alias = aliases.find(
      ({ customer, database: target }) => customer.toLowerCase() === name || target.toLowerCase() === name,
    );
    if (alias)
      throw new GraphshiftError(
        'CONFLICT',
        `database ${database} is not replaced: the alias ${alias.customer} leads to ${alias.database}`,
      );
    return new NoAlias(database);
  }
}

export interface GdsImportOptions {
  /** Name of the database. */
  readonly database: string;
  readonly mark: LoadMark;
  readonly settings?: GdsDatabaseSettings;
  /** With a proof for this database, files of it that are there are deleted. */
  readonly replace?: NoAlias;
  /** The mark's node where ids are integers: one that the snapshot does not have. */
  readonly markId?: bigint;
  /**
   * Asked before each command that changes something: throws where another holder has taken over. The server has no
   * fence of its own, so what sleeps between this and the command is caught by the counts.
   */
  readonly mayGoOn?: () => Promise<void>;
  readonly clock: Clock;
  readonly signal?: AbortSignal;
  /** Batches of one put that may be without an answer. @default 8 */
  readonly unacknowledged?: number;
  /** Of the calls that are short. @default 60_000 */
  readonly actionTimeoutMs?: number;
  /** Of the last call, in which the server builds the database. @default 43_200_000, twelve hours */
  readonly buildTimeoutMs?: number;
  /** Silence after which the server is told that the import lives; it aborts one after ten minutes. @default 240_000 */
  readonly keepAliveMs?: number;
}

/** Rows without the mark's node. */
export interface ImportedCount {
  /** Answered by the server, batch by batch. */
  readonly acknowledged: number;
  /** Told by the server at the end. */
  readonly counted: number;
}

export interface ImportCounts {
  readonly nodes: ImportedCount;
  readonly relationships: ImportedCount;
}

const ACTION_TIMEOUT_MS = 60_000;
const BUILD_TIMEOUT_MS = 12 * 3_600_000;
const KEEP_ALIVE_MS = 240_000;

type Phase = EntityType | 'building' | 'ended';

export class GdsImport {
  readonly #client: FlightClient;
  readonly #options: GdsImportOptions;
  readonly #acknowledged = { node: 0, relationship: 0 };
  #counted: { node: number } | undefined;
  #phase: Phase = 'node';
  #puts = 0;
  #lastCommandAt: number;
  #stopKeepingAlive: () => void = () => {};
  #failure: { readonly reason: unknown } | undefined;

  private constructor(client: FlightClient, options: GdsImportOptions) {
    this.#client = client;
    this.#options = options;
    this.#lastCommandAt = options.clock.now();
  }

  /**
   * Aborts what is there of an import of this name, creates this one, and puts the load mark as its first node.
   * @throws CONFLICT where the database is there, STORE_UNREACHABLE, STORE_UNFIT, LOAD_FAILED, what `mayGoOn` throws, the
   * signal's reason
   */
  static async begin(client: FlightClient, options: GdsImportOptions): Promise<GdsImport> {
    const { replace, database, settings = {} } = options;
    if (replace && replace.database !== database)
      throw new GraphshiftError('INTERNAL', `the proof is for ${replace.database}, not for ${database}`);
    const begun = new GdsImport(client, options);
    await begun.#abortThere();
    await begun.#act('CREATE_DATABASE', createBody(database, settings, replace !== undefined));
    try {
      await begun.#putMark();
    } catch (error) {
      await begun.abort();
      throw error;
    }
    begun.#keepAlive();
    return begun;
  }

  /** Rows of the snapshot that the server has acknowledged so far. */
  get acknowledged(): { readonly node: number; readonly relationship: number } {
    return { node: this.#acknowledged.node - 1, relationship: this.#acknowledged.relationship };
  }

  /**
   * Puts the messages of one file, or a part of it: the schema first. Where a put fails the import is of no use any more,
   * since nobody knows how many of its rows the server has: it can only be aborted.
   * @param onAcknowledged is told the rows of each batch that the server has
   * @returns once the server has all of them
   * @throws LOAD_FAILED and others as `begin`, what `messages` throws
   */
  async put(
    entity: EntityType,
    messages: AsyncIterable<IpcMessage> | Iterable<IpcMessage>,
    onAcknowledged?: (rows: number) => void,
  ): Promise<PutSummary> {
    this.#require(entity, `put a ${entity}`);
    const { signal, unacknowledged, mayGoOn } = this.#options;
    this.#puts += 1;
    try {
      await mayGoOn?.();
      return await this.#client.put(putCommand(this.#options.database, entity), messages, {
        ...(signal && { signal }),
        ...(unacknowledged !== undefined && { unacknowledged }),
        onAcknowledged: (rows) => {
          this.#acknowledged[entity] += rows;
          this.#lastCommandAt = this.#options.clock.now();
          onAcknowledged?.(rows);
        },
      });
    } catch (error) {
      const reason = this.#told(error);
      this.#failure ??= { reason };
      throw reason;
    } finally {
      this.#puts -= 1;
      this.#lastCommandAt = this.#options.clock.now();
    }
  }

  /** Counts what another process has put into this import, and the server has acknowledged to it. */
  addAcknowledged(entity: EntityType, rows: number): void {
    this.#acknowledged[entity] += rows;
  }

  /** Ends the nodes; no put may be under way. @throws as `put` */
  async nodesDone(): Promise<ImportedCount> {
    this.#require('node', 'end the nodes');
    this.#refusePuts();
    const answer = await this.#act('NODE_LOAD_DONE', { name: this.#options.database });
    this.#counted = { node: answer.node_count };
    this.#phase = 'relationship';
    return this.#nodes(answer.node_count);
  }

  /**
   * Ends the relationships: the server builds the database and starts it, and the import is over. Where this fails the
   * server may still be building; the next `begin` says so.
   * @returns what both sides have counted, for the certificate
   */
  async build(): Promise<ImportCounts> {
    this.#require('relationship', 'build');
    this.#refusePuts();
    this.#stopKeepingAlive();
    this.#phase = 'building';
    const { buildTimeoutMs = BUILD_TIMEOUT_MS, database } = this.#options;
    const answer = await this.#act('RELATIONSHIP_LOAD_DONE', { name: database }, buildTimeoutMs);
    this.#phase = 'ended';
    return {
      nodes: this.#nodes(this.#counted?.node ?? 0),
      relationships: { acknowledged: this.#acknowledged.relationship, counted: answer.relationship_count },
    };
  }

  /** Ends the import without a database. Idempotent; does nothing after `build`. Never throws: a server forgets it too. */
  async abort(): Promise<void> {
    this.#stopKeepingAlive();
    if (this.#phase === 'ended') return;
    this.#phase = 'ended';
    const { database, actionTimeoutMs = ACTION_TIMEOUT_MS } = this.#options;
    // Not with the signal: it is why there is something to abort.
    await callGds(this.#client, 'ABORT', { name: database }, { timeoutMs: actionTimeoutMs }).catch(() => {});
  }

  #nodes(counted: number): ImportedCount {
    return { acknowledged: this.#acknowledged.node - 1, counted: counted - 1 };
  }

  async #abortThere(): Promise<void> {
    try {
      await this.#act('ABORT', { name: this.#options.database });
    } catch (error) {
      const cause = error instanceof GraphshiftError ? error.cause : error;
      if (!isUnknownImport(cause)) throw error;
    }
  }

  async #putMark(): Promise<void> {
    const { mark, markId } = this.#options;
    await this.put('node', await markMessages(mark, markId));
  }

  async #act<A extends GdsAction>(
    action: A,
    body: object,
    timeoutMs = this.#options.actionTimeoutMs ?? ACTION_TIMEOUT_MS,
  ): Promise<GdsAnswer<A>> {
    const { signal, mayGoOn } = this.#options;
    signal?.throwIfAborted();
    await mayGoOn?.();
    try {
      const answer = await callGds(this.#client, action, body, { timeoutMs, ...(signal && { signal }) });
      this.#lastCommandAt = this.#options.clock.now();
      return answer;
    } catch (error) {
      throw this.#told(error);
    }
  }

  /** An empty put is a command like any other; it brings nothing. */
  #keepAlive(): void {
    const { clock, keepAliveMs = KEEP_ALIVE_MS } = this.#options;
    this.#stopKeepingAlive = clock.every(keepAliveMs / 4, async () => {
      const phase = this.#phase;
      if (phase !== 'node' && phase !== 'relationship') return;
      if (clock.now() - this.#lastCommandAt < keepAliveMs) return;
      await this.#sign(phase).catch((error: unknown) => this.#onSilence(error));
    });
  }

  async #sign(phase: EntityType): Promise<void> {
    const { settings, database, signal } = this.#options;
    const nothing = await emptyPut(settings?.idType ?? 'STRING', GDS_COLUMNS[phase]);
    await this.#client.put(putCommand(database, phase), nothing, { ...(signal && { signal }) });
    this.#lastCommandAt = this.#options.clock.now();
  }

  /** A server that cannot be asked just now may be there again at the next look; one without our import is lost. */
  #onSilence(error: unknown): void {
    if (!isUnknownImport(error)) return;
    this.#stopKeepingAlive();
    const message = `the server has no import of ${this.#options.database} any more: ${messageOf(error)}`;
    this.#failure ??= { reason: new GraphshiftError('LOAD_FAILED', message, { cause: error }) };
  }

  #refusePuts(): void {
    if (this.#puts === 0) return;
    throw new GraphshiftError('INTERNAL', `${this.#puts} puts into ${this.#options.database} are under way`);
  }

  #require(phase: Phase, what: string): void {
    if (this.#failure) throw this.#failure.reason;
    if (this.#phase === phase) return;
    throw new GraphshiftError(
      'INTERNAL',
      `the import of ${this.#options.database} is at ${this.#phase}: too early or too late to ${what}`,
    );
  }

  #told(error: unknown): unknown {
    return gdsError(error, this.#client.address, this.#options.database);
  }
}
