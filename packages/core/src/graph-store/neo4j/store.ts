/** The graph store on a Neo4j server with several databases and aliases. */

import { systemClock } from '../../platform/clock.ts';
import { GraphshiftError } from '../../platform/errors.ts';
import { silentLogger } from '../../platform/log.ts';
import type {
  AliasChange,
  AliasInfo,
  CarryOverRequest,
  Counts,
  GraphStore,
  Load,
  LoadCertificate,
  ParityReport,
  PreparedChange,
  QueryOptions,
  QueryResult,
  QueryTarget,
  StoreHealth,
  StoreListing,
} from '../graph-store.ts';
import { Bookkeeping } from './bookkeeping.ts';
import { examineServer } from './capabilities.ts';
import { Changes } from './changes.ts';
import { Neo4jConnection } from './connection.ts';
import { Databases } from './databases.ts';
import { Fence } from './fence.ts';
import { readHealth } from './health.ts';
import { removeMark } from './load-mark.ts';
import { ownerName, snapshotOf } from './names.ts';
import { accessOf, type Neo4jStoreOptions } from './options.ts';
import { carryOver } from './parity/carry-over.ts';
import { countRows, runQuery } from './query.ts';
import { storeError } from './server-errors.ts';

const CHANGE_TIMEOUT_MS = 10_000;
/** The drivers' routing tables live this long (`dbms.routing_ttl`). */
const DRAIN_MS = 300_000;
const INDEX_TIMEOUT_MS = 3_600_000;

/** @throws CONFIG_INVALID for a URL or password that cannot be used */
export function createNeo4jStore(options: Neo4jStoreOptions): GraphStore {
  return new Neo4jStore(options);
}

class Neo4jStore implements GraphStore {
  readonly kind = 'neo4j';
  readonly drainMs = DRAIN_MS;
  readonly #options: Neo4jStoreOptions;
  readonly #connection: Neo4jConnection;
  readonly #bookkeeping: Bookkeeping;
  readonly #databases: Databases;
  readonly #fence: Fence;
  readonly #changes: Changes;

  constructor(options: Neo4jStoreOptions) {
    const { clock = systemClock, bookkeepingDatabase: installation = 'graphshift' } = options;
    this.#options = options;
    this.#connection = new Neo4jConnection(accessOf(options));
    this.#bookkeeping = new Bookkeeping(this.#connection, installation);
    this.#databases = new Databases(this.#connection, this.#bookkeeping, clock);
    this.#fence = new Fence(this.#connection, this.#bookkeeping, clock);
    this.#changes = new Changes({
      connection: this.#connection,
      fence: this.#fence,
      databases: this.#databases,
      installation,
      changeTimeoutMs: options.changeTimeoutMs ?? CHANGE_TIMEOUT_MS,
    });
  }

  async start(): Promise<void> {
    const { log = silentLogger } = this.#options;
    await examineServer(this.#connection, this.#databases, this.#bookkeeping, log);
  }

  stop(): Promise<void> {
    return this.#connection.close();
  }

  health(): Promise<StoreHealth> {
    return readHealth(this.#connection, this.#databases, this.#bookkeeping);
  }

  list({ customer }: { readonly customer?: string } = {}): Promise<StoreListing> {
    return doing('list databases and aliases', async () => {
      const owner = customer === undefined ? undefined : ownerName(customer);
      return { databases: await this.#databases.list(owner), aliases: await this.#changes.aliases(owner) };
    });
  }

  alias(customer: string): Promise<AliasInfo | undefined> {
    return doing(`read alias ${customer}`, () => this.#changes.alias(customer));
  }

  epochFloor(customer: string): Promise<number> {
    return doing(`read the epoch of ${customer}`, async () => {
      const owner = ownerName(customer);
      const prepared = await this.#fence.prepared(owner);
      return Math.max(
        await this.#fence.highest(owner),
        await this.#databases.highestMark(owner),
        (await this.#changes.alias(owner))?.properties.epoch ?? 0,
        ...prepared.map(({ epoch }) => epoch),
      );
    });
  }

  async openLoad(): Promise<Load> {
    throw new GraphshiftError('STORE_UNFIT', 'there is no loader for Neo4j yet');
  }

  async certificate(_database: string): Promise<LoadCertificate | undefined> {
    return undefined;
  }

  counts(database: string): Promise<Counts> {
    return doing(`count ${database}`, async () => {
      const readable = await this.#readable(database);
      const certificate = await this.certificate(database);
      return countRows(this.#connection, readable, {
        labels: (certificate?.nodes ?? []).map(({ name }) => name),
        types: (certificate?.relationships ?? []).map(({ name }) => name),
      });
    });
  }

  carryOver(database: string, request: CarryOverRequest): Promise<ParityReport> {
    return doing(`carry over to ${database}`, async () => {
      const settings = { indexTimeoutMs: INDEX_TIMEOUT_MS };
      return carryOver(this.#connection.driver, await this.#readable(database), request, settings);
    });
  }

  unmark(database: string, epoch: number): Promise<void> {
    return doing(`unmark ${database}`, async () => {
      if (!snapshotOf(database) || !(await this.#databases.exists(database)))
        throw new GraphshiftError('NOT_FOUND', `no database ${JSON.stringify(database)}`);
      await removeMark(this.#connection.driver, database, epoch);
    });
  }

  takeOver(customer: string, epoch: number): Promise<AliasInfo | undefined> {
    return doing(`take ${customer} over`, async () => {
      await this.#fence.raise(ownerName(customer), epoch);
      return this.#changes.alias(customer);
    });
  }

  prepareAlias(change: AliasChange): Promise<PreparedChange> {
    return doing(`move alias ${change.customer} to ${change.database}`, () =>
      this.#changes.prepareAlias(change),
    );
  }

  prepareDrop(customer: string, name: string, epoch: number): Promise<PreparedChange> {
    return doing(`drop ${name}`, () => this.#changes.prepareDrop(customer, name, epoch));
  }

  async query(target: QueryTarget, cypher: string, options?: QueryOptions): Promise<QueryResult> {
    const database = await doing('resolve the target of a query', () => this.#resolve(target));
    return runQuery(this.#connection, database, cypher, options);
  }

  async #resolve(target: QueryTarget): Promise<string> {
    if ('database' in target) return this.#readable(target.database);
    const alias = await this.#changes.alias(target.alias);
    if (alias) return alias.database;
    throw new GraphshiftError('NOT_FOUND', `no alias ${target.alias}`);
  }

  async #readable(name: string): Promise<string> {
    const { state } = await this.#databases.judge(name);
    if (state === 'marked' || state === 'complete') return name;
    throw new GraphshiftError('CONFLICT', `database ${name} is ${state} and cannot be read`);
  }
}

/** The driver's errors in the words of the catalogue. @param what what is done */
async function doing<Result>(what: string, work: () => Promise<Result>): Promise<Result> {
  try {
    return await work();
  } catch (error) {
    throw storeError(error, what);
  }
}
