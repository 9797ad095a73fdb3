/** The graph store on a Neo4j server with several databases and aliases. */

import { tmpdir } from 'node:os';
import { systemClock } from '../../platform/clock.ts';
import { GraphshiftError } from '../../platform/errors.ts';
import { silentLogger } from '../../platform/log.ts';
import { databaseName } from '../../snapshot/names.ts';
import { readSchemaFile } from '../../verify/schema-file.ts';
import type {
  AliasChange,
  AliasInfo,
  CarryOverRequest,
  Counts,
  GraphStore,
  Load,
  LoadCertificate,
  LoadOptions,
  LoadRequest,
  ParityReport,
  PreparedChange,
  QueryOptions,
  QueryResult,
  QueryTarget,
  StoreHealth,
  StoreListing,
  TakeOverOptions,
} from '../graph-store.ts';
import type { ChunkLoader } from '../sharing.ts';
import { EitherLoad } from './arrow/either-load.ts';
import { askFlight, type ChosenLoader, findLoader, parseArrowUrl } from './arrow/flight-access.ts';
import { dropImport } from './arrow/import-drop.ts';
import { openArrowLoad } from './arrow/load.ts';
import type { FlightAccess } from './arrow/load-commands.ts';
import { chooseLoader } from './arrow/loader-choice.ts';
import { openBoltLoad } from './bolt/load.ts';
import { PieceLoader } from './bolt/piece-loader.ts';
import { BOLT_DEFAULTS, type BoltLoadContext, type BoltSettings } from './bolt/settings.ts';
import { Bookkeeping } from './bookkeeping.ts';
import { examineServer } from './capabilities.ts';
import { Certificates } from './certificates.ts';
import { Changes } from './changes.ts';
import { Neo4jConnection } from './connection.ts';
import { Databases } from './databases.ts';
import { Fence } from './fence.ts';
import { forgetGone } from './gone.ts';
import { readHealth } from './health.ts';
import { readMark, removeMark } from './load-mark.ts';
import { ownerName, requireOwn, snapshotOf } from './names.ts';
import { accessOf, type Neo4jStoreOptions } from './options.ts';
import { carryOver } from './parity/carry-over.ts';
import { parseSchemaFile } from './parity/schema.ts';
import { countRows, runQuery } from './query.ts';
import { storeError } from './server-errors.ts';

const CHANGE_TIMEOUT_MS = 10_000;
/** The drivers' routing tables live this long (`dbms.routing_ttl`). */
const DRAIN_MS = 300_000;
const INDEX_TIMEOUT_MS = 3_600_000;

/** @throws CONFIG_INVALID for URLs or a password that cannot be used */
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
  readonly #certificates: Certificates;
  /** As the settings say. */
  readonly #flight: FlightAccess | undefined;
  #loader: ChosenLoader = { loader: 'bolt', says: '' };

  constructor(options: Neo4jStoreOptions) {
    const { clock = systemClock, bookkeepingDatabase: installation = 'graphshift' } = options;
    this.#options = options;
    if (options.arrowUrl !== undefined) this.#flight = parseArrowUrl(options.arrowUrl);
    this.#connection = new Neo4jConnection(accessOf(options));
    this.#bookkeeping = new Bookkeeping(this.#connection, installation);
    this.#databases = new Databases(this.#connection, this.#bookkeeping, clock);
    this.#fence = new Fence(this.#connection, this.#bookkeeping, clock);
    this.#certificates = new Certificates(this.#connection.driver, installation);
    this.#changes = new Changes({
      connection: this.#connection,
      fence: this.#fence,
      databases: this.#databases,
      certificates: this.#certificates,
      installation,
      changeTimeoutMs: options.changeTimeoutMs ?? CHANGE_TIMEOUT_MS,
      log: options.log,
    });
  }

  /** An import over Arrow Flight is begun again. */
  get resumesBuilds(): boolean {
    return this.#loader.loader === 'bolt';
  }

  async start(): Promise<void> {
    const { log = silentLogger } = this.#options;
    await examineServer(this.#connection, this.#databases, this.#bookkeeping, log);
    await doing('prepare the bookkeeping database', () => this.#certificates.prepare());
    this.#loader = await doing('ask how rows may go in', () => this.#findLoader());
    log.info({ loader: this.#loader.loader }, this.#loader.says);
  }

  stop(): Promise<void> {
    return this.#connection.close();
  }

  /** By the server's own database: the one for bookkeeping may be made anew. */
  id(): Promise<string> {
    return doing('ask which server it is', async () => {
      const [system] = await this.#databases.onServer('system');
      return `${system?.id ?? ''}/${this.#bookkeeping.database}`;
    });
  }

  health(): Promise<StoreHealth> {
    return readHealth(this.#connection, this.#databases, this.#bookkeeping);
  }

  readers(database: string): Promise<number | undefined> {
    return doing(`ask who reads ${database}`, () => this.#databases.transactions(database));
  }

  list({ customer }: { readonly customer?: string } = {}): Promise<StoreListing> {
    return doing('list databases and aliases', async () => {
      const owner = customer === undefined ? undefined : ownerName(customer);
      return { databases: await this.#databases.list(owner), aliases: await this.#changes.aliases(owner) };
    });
  }

  tidy({ databases }: StoreListing): Promise<readonly string[]> {
    const parts = {
      bookkeeping: this.#bookkeeping,
      certificates: this.#certificates,
      databases: this.#databases,
    };
    const listed = new Set(databases.map(({ name }) => name));
    return doing('forget databases that are gone', () => forgetGone(parts, listed));
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

  openLoad(request: LoadRequest, options?: LoadOptions): Promise<Load> {
    return doing(`load ${databaseName(request)}`, async () => {
      const customer = ownerName(request.customer);
      await this.#refuseTaken(customer);
      await this.#fence.check(customer, request.epoch);
      // What is wrong there is said before a row is loaded.
      parseSchemaFile((await readSchemaFile(request.path)) ?? []);
      return this.#openLoad({ ...request, customer }, options);
    });
  }

  chunkLoader(): ChunkLoader {
    return new PieceLoader(this.#connection.access, this.#loadSettings());
  }

  certificate(database: string): Promise<LoadCertificate | undefined> {
    return doing(`read the certificate of ${database}`, async () => {
      const [found] = await this.#databases.named(database);
      if (found?.away) throw new GraphshiftError('STORE_BUSY', `database ${database} is not online`);
      if (found?.state === 'marked') return (await readMark(this.#connection.driver, database))?.certificate;
      return found?.state === 'complete' ? this.#certificates.find(database) : undefined;
    });
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
      const readable = await this.#readable(database);
      // A complete one has no mark that tells.
      await this.#fence.check(snapshotOf(database)?.customer ?? '', request.epoch);
      const { indexTimeoutMs = INDEX_TIMEOUT_MS, carryPrivileges: privileges = true } = this.#options;
      const settings = { indexTimeoutMs, privileges };
      return carryOver(this.#connection.driver, readable, request, settings);
    });
  }

  unmark(database: string, epoch: number): Promise<void> {
    return doing(`unmark ${database}`, async () => {
      const { state, mark } = await this.#databases.judge(database);
      if (state === 'complete') return;
      if (!mark)
        throw new GraphshiftError('CONFLICT', `database ${database} is ${state}: it has no mark to remove`);
      const certificate = (await readMark(this.#connection.driver, database))?.certificate;
      if (certificate) await this.#certificates.keep(certificate);
      await removeMark(this.#connection.driver, database, epoch);
    });
  }

  takeOver(customer: string, epoch: number, { isNew }: TakeOverOptions = {}): Promise<AliasInfo | undefined> {
    return doing(`take ${customer} over`, async () => {
      await this.#fence.raise(ownerName(customer), epoch, isNew);
      return this.#changes.alias(customer);
    });
  }

  prepareAlias(change: AliasChange): Promise<PreparedChange> {
    return doing(`move alias ${change.customer} to ${change.database}`, () =>
      this.#changes.prepareAlias(change),
    );
  }

  prepareDrop(customer: string, name: string, epoch: number): Promise<PreparedChange> {
    return doing(`drop ${name}`, () => this.#prepareDrop(customer, name, epoch));
  }

  async query(target: QueryTarget, cypher: string, options?: QueryOptions): Promise<QueryResult> {
    const database = await doing('resolve the target of a query', () => this.#resolve(target));
    return runQuery(this.#connection, database, cypher, options);
  }

  #findLoader(): Promise<ChosenLoader> {
    return findLoader({
      setting: this.#options.loader ?? 'auto',
      access: this.#connection.access,
      ...(this.#flight && { flight: this.#flight }),
      ask: (statement) => this.#connection.read(this.#bookkeeping.database, statement),
    });
  }

  async #openLoad(request: LoadRequest, options: LoadOptions | undefined): Promise<Load> {
    const { flight } = this.#loader;
    const context = this.#loadContext(request.customer, request.epoch);
    const openBolt = () => openBoltLoad(context, request, options);
    if (!flight) return openBolt();
    const openArrow = () =>
      openArrowLoad({ ...context, flight, bookkeeping: this.#bookkeeping.database }, request, options);
    if (this.#options.loader === 'arrow') return openArrow();
    const { log = silentLogger } = this.#options;
    const offer = await askFlight(flight, context.access);
    if (offer.offered) return new EitherLoad(await openArrow(), openBolt, log);
    log.warn({ loader: 'bolt' }, chooseLoader('auto', offer).says);
    return openBolt();
  }

  /** What the server still has of an import of that name goes first: nobody of a lower epoch can begin it again. */
  async #prepareDrop(customer: string, name: string, epoch: number): Promise<PreparedChange> {
    const { flight } = this.#loader;
    if (flight) {
      const owner = ownerName(customer);
      requireOwn(owner, name);
      await this.#fence.raise(owner, epoch);
      const { access, driver } = this.#connection;
      const { clock = systemClock } = this.#options;
      const server = { access, driver, flight, bookkeeping: this.#bookkeeping.database, clock };
      await dropImport(server, name, epoch);
    }
    return this.#changes.prepareDrop(customer, name, epoch);
  }

  /** What the loader needs; what it drops, it drops as the holder that it loads for. */
  #loadContext(customer: string, epoch: number): BoltLoadContext {
    const { driver, access } = this.#connection;
    const databases = this.#databases;
    const drop = async (name: string) => {
      const change = await this.#prepareDrop(customer, name, epoch);
      await change.fire().finally(() => change.cancel());
    };
    return {
      driver,
      access,
      databases: {
        exists: (name) => databases.exists(name),
        create: (name) => databases.create(name),
        drop,
      },
      certificates: this.#certificates,
      settings: this.#loadSettings(),
    };
  }

  #loadSettings(): BoltSettings {
    const { idProperty, keepId, indexId, sessions, batchRows, threads } = this.#options;
    const { decimals, unsigned, requireManifest, scratchDirectory = tmpdir() } = this.#options;
    const chosen = { idProperty, keepId, indexId, sessions, batchRows, threads, decimals, unsigned };
    return { ...BOLT_DEFAULTS, ...defined({ ...chosen, requireManifest }), scratchDirectory };
  }

  /** An alias cannot have the name of a database: better said before the load than at the cutover. */
  async #refuseTaken(customer: string): Promise<void> {
    if (!(await this.#databases.exists(customer))) return;
    const message = `customer ${customer} can have no alias: the server has a database of that name`;
    throw new GraphshiftError('CUSTOMER_NAME', message);
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

/** Without the keys whose value is undefined. */
function defined<Value extends object>(
  value: Value,
): { [Key in keyof Value]?: Exclude<Value[Key], undefined> } {
  return Object.fromEntries(
    Object.entries(value).filter(([, one]) => one !== undefined),
  ) as typeof value & {};
}

/** The driver's errors in the words of the catalogue. @param what what is done */
async function doing<Result>(what: string, work: () => Promise<Result>): Promise<Result> {
  try {
    return await work();
  } catch (error) {
    throw storeError(error, what);
  }
}
