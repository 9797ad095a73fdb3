/**
 * A graph store in memory, with the fencing of a real one and no rows: for tests that run thousands of histories. It
 * refuses what the port refuses, so a test can let a holder sleep between any two of its steps.
 */

import {
  type AliasChange,
  type AliasInfo,
  aliasName,
  type DatabaseInfo,
  databaseName,
  type GraphStore,
  GraphshiftError,
  type Load,
  type LoadCertificate,
  type LoadMark,
  type LoadRequest,
  type PreparedChange,
  parseDatabaseName,
  type SnapshotManifest,
} from '@graphshift/core';

export interface MemoryStoreOptions {
  /** What a snapshot's files hold, by the snapshot's directory: a text that stands for its content hash. */
  readonly contentOf: (path: string) => string;
  /** Called at the moment of each change, before it is made; a test's place to object. */
  readonly onMove?: (change: AliasChange, before: AliasInfo | undefined) => void;
  readonly onDrop?: (database: DatabaseInfo) => void;
  /** Whether higher epochs end what lower ones prepared, as they must. @default true */
  readonly fenced?: boolean;
  /** Called when a build is begun. */
  readonly onLoad?: (request: LoadRequest) => void;
}

interface Stored {
  readonly info: DatabaseInfo;
  readonly certificate: LoadCertificate;
}

/** A change that a higher epoch has not ended. */
interface Prepared {
  readonly customer: string;
  readonly epoch: number;
  ended: boolean;
}

export class MemoryStore implements GraphStore {
  readonly kind = 'memory';
  readonly drainMs = 0;
  readonly #options: MemoryStoreOptions;
  readonly #fenced: boolean;
  readonly #databases = new Map<string, Stored>();
  readonly #aliases = new Map<string, AliasInfo>();
  readonly #epochs = new Map<string, number>();
  readonly #prepared = new Set<Prepared>();

  constructor(options: MemoryStoreOptions) {
    this.#options = options;
    this.#fenced = options.fenced ?? true;
  }

  async start(): Promise<void> {}
  async stop(): Promise<void> {}

  async health() {
    return { reachable: true, writable: true, percent: {} };
  }

  async list({ customer }: { customer?: string } = {}) {
    const databases = [...this.#databases.values()].map(({ info }) => info);
    const aliases = [...this.#aliases.values()];
    if (customer === undefined) return { databases, aliases };
    return {
      databases: databases.filter(({ snapshot }) => snapshot?.customer === aliasName(customer)),
      aliases: aliases.filter((alias) => alias.customer === aliasName(customer)),
    };
  }

  async alias(customer: string): Promise<AliasInfo | undefined> {
    return this.#aliases.get(aliasName(customer));
  }

  async epochFloor(customer: string): Promise<number> {
    const marks = [...this.#databases.values()]
      .filter(({ info }) => info.snapshot?.customer === customer)
      .map(({ info }) => info.mark?.epoch ?? 0);
    const prepared = [...this.#prepared].filter((one) => one.customer === customer).map(({ epoch }) => epoch);
    const alias = this.#aliases.get(customer)?.properties.epoch ?? 0;
    return Math.max(0, this.#epochs.get(customer) ?? 0, alias, ...marks, ...prepared);
  }

  async openLoad(request: LoadRequest): Promise<Load> {
    const { customer, timestamp, run, epoch, path } = request;
    this.#check(customer, epoch);
    this.#options.onLoad?.(request);
    const mark: LoadMark = { customer, timestamp, run, epoch };
    const database = databaseName(request);
    const build = `${database}.r${run}.e${epoch}.building`;
    const snapshot = { customer, timestamp };
    const certificate = certificateOf(mark, this.#options.contentOf(path));
    this.#databases.set(build, { info: { name: build, snapshot, state: 'building', mark }, certificate });
    const manifest: SnapshotManifest = {
      nodes: [],
      relationships: [],
      rows: 1,
      bytes: 1,
      contentHash: certificate.contentHash,
    };
    return {
      check: async () => manifest,
      nodes: async () => {},
      relationships: async () => {},
      seal: async () => {
        if (!this.#databases.has(build)) throw fenced(customer, epoch);
        const there = this.#databases.get(database)?.info;
        if (there && !(there.state === 'marked' && (there.mark?.epoch ?? epoch) < epoch))
          throw new GraphshiftError('CONFLICT', `database ${database} is there already (${there.state})`);
        this.#databases.delete(build);
        this.#databases.set(database, {
          info: { name: database, snapshot, state: 'marked', mark },
          certificate,
        });
        return certificate;
      },
      abort: async () => void this.#databases.delete(build),
    };
  }

  async certificate(database: string): Promise<LoadCertificate | undefined> {
    return this.#databases.get(database)?.certificate;
  }

  async counts(database: string) {
    const { nodes = [] } = this.#databases.get(database)?.certificate ?? {};
    return { labels: Object.fromEntries(nodes.map(({ name, counted }) => [name, counted])), types: {} };
  }

  async carryOver() {
    return { indexes: 0, constraints: 0, privileges: 0, notes: [] };
  }

  async unmark(database: string, epoch: number): Promise<void> {
    const stored = this.#databases.get(database);
    if (!stored) throw new GraphshiftError('NOT_FOUND', `no database ${database}`);
    const { mark, ...info } = stored.info;
    if (!mark) return;
    if (mark.epoch > epoch) throw fenced(mark.customer, epoch);
    this.#databases.set(database, { ...stored, info: { ...info, state: 'complete' } });
  }

  async takeOver(
    customer: string,
    epoch: number,
    { isNew = false }: { isNew?: boolean } = {},
  ): Promise<AliasInfo | undefined> {
    if (isNew && this.#fenced && this.#epochs.get(customer) === epoch) throw fenced(customer, epoch);
    this.#raise(customer, epoch);
    return this.#aliases.get(customer);
  }

  async prepareAlias(change: AliasChange): Promise<PreparedChange> {
    const { customer, database, properties } = change;
    this.#requireComplete(customer, database);
    this.#raise(customer, properties.epoch);
    return this.#prepare(customer, properties.epoch, () => {
      this.#requireComplete(customer, database);
      this.#options.onMove?.(change, this.#aliases.get(customer));
      this.#aliases.set(customer, { customer, database, properties });
    });
  }

  async prepareDrop(customer: string, name: string, epoch: number): Promise<PreparedChange> {
    this.#raise(customer, epoch);
    this.#refuseTarget(customer, name);
    return this.#prepare(customer, epoch, () => {
      this.#refuseTarget(customer, name);
      const stored = this.#databases.get(name);
      if (!stored) return;
      this.#options.onDrop?.(stored.info);
      this.#databases.delete(name);
    });
  }

  async query(): Promise<never> {
    throw new GraphshiftError('QUERY_REFUSED', 'the store in memory has no rows to ask for');
  }

  #prepare(customer: string, epoch: number, act: () => void): PreparedChange {
    const prepared: Prepared = { customer, epoch, ended: false };
    this.#prepared.add(prepared);
    const end = () => {
      prepared.ended = true;
      this.#prepared.delete(prepared);
    };
    return {
      fire: async () => {
        if (prepared.ended && this.#fenced) throw fenced(customer, epoch);
        end();
        act();
      },
      cancel: async () => end(),
    };
  }

  #check(customer: string, epoch: number): void {
    if (this.#fenced && (this.#epochs.get(customer) ?? 0) > epoch) throw fenced(customer, epoch);
  }

  #raise(customer: string, epoch: number): void {
    this.#check(customer, epoch);
    this.#epochs.set(customer, epoch);
    for (const prepared of this.#prepared) {
      if (prepared.customer !== customer || prepared.epoch >= epoch) continue;
      prepared.ended = true;
      this.#prepared.delete(prepared);
    }
  }

  #requireComplete(customer: string, database: string): void {
    const state = this.#databases.get(database)?.info.state;
    if (state === undefined || parseDatabaseName(database)?.customer !== customer)
      throw new GraphshiftError('NOT_FOUND', `customer ${customer} has no database ${database}`);
    if (state !== 'complete') throw new GraphshiftError('CONFLICT', `database ${database} is ${state}`);
  }

  #refuseTarget(customer: string, name: string): void {
    if (this.#aliases.get(customer)?.database === name)
      throw new GraphshiftError('CONFLICT', `database ${name} is the target of alias ${customer}`);
  }
}

function certificateOf(mark: LoadMark, contentHash: string): LoadCertificate {
  const count = { footers: 1, read: 1, sent: 1, acknowledged: 1, counted: 1 };
  return {
    ...mark,
    database: databaseName(mark),
    contentHash,
    nodes: [{ name: 'Thing', ...count }],
    relationships: [],
    bytes: 1,
    peakMemory: 1,
  };
}

function fenced(customer: string, epoch: number): GraphshiftError {
  return new GraphshiftError('FENCED', `${customer}: epoch ${epoch} ended, a higher epoch took over`);
}
