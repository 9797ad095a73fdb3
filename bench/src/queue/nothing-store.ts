/**
 * A graph store that keeps what it is told in memory and stores no row: what is left of a deployment is the pipeline.
 * It is honest about what it was told: it lists every database and alias, counts what its certificates say, and
 * refuses lower epochs.
 */

import {
  type AliasInfo,
  type DatabaseInfo,
  databaseName,
  type GraphStore,
  GraphshiftError,
  type Load,
  type LoadCertificate,
  type LoadMark,
  type PreparedChange,
  parseDatabaseName,
  type StoreListing,
} from '@graphshift/core';

const ROWS = 1000;
const BYTES = 10_000;

interface Database {
  readonly info: DatabaseInfo;
  readonly certificate: LoadCertificate;
}

/** By customer, so that what is asked of one does not cost more with the others. */
interface Shelf {
  readonly databases: Map<string, Database>;
  alias: AliasInfo | undefined;
  epoch: number;
}

/** It keeps nothing for readers under way, whatever the port says of that. */
export function createNothingStore(): GraphStore & { readonly drainMs: number } {
  const shelves = new Map<string, Shelf>();
  const shelfOf = (customer: string): Shelf => {
    const shelf = shelves.get(customer) ?? { databases: new Map(), alias: undefined, epoch: 0 };
    shelves.set(customer, shelf);
    return shelf;
  };
  const find = (database: string) => {
    const customer = parseDatabaseName(database)?.customer;
    return customer === undefined ? undefined : shelves.get(customer)?.databases.get(database);
  };
  return {
    kind: 'nothing',
    drainMs: 0,
    start: async () => {},
    stop: async () => {},
    health: async () => ({ reachable: true, writable: true, percent: { heap: 10, disk: 10 } }),
    list: async ({ customer }: { readonly customer?: string } = {}) =>
      listingOf(customer === undefined ? [...shelves.values()] : [shelfOf(customer)]),
    alias: async (customer) => shelfOf(customer).alias,
    epochFloor: async (customer) => shelfOf(customer).epoch,
    openLoad: async (request, { onProgress } = {}) => {
      const shelf = raise(shelfOf(request.customer), request.epoch);
      return openLoad(request, (certificate) => {
        const name = certificate.database;
        const info: DatabaseInfo = { name, snapshot: request, state: 'marked', mark: request };
        shelf.databases.set(name, { info, certificate });
        onProgress?.({ phase: 'sealing', rows: ROWS, rowsTotal: ROWS, bytes: BYTES, bytesTotal: BYTES });
      });
    },
    certificate: async (database) => find(database)?.certificate,
    counts: async (database) => ({ labels: find(database) ? { Person: ROWS } : {}, types: {} }),
    carryOver: async () => ({ indexes: 0, constraints: 0, privileges: 0, notes: [] }),
    unmark: async (name) => {
      const found = find(name);
      if (!found?.info.snapshot) return;
      const { snapshot } = found.info;
      const info: DatabaseInfo = { name, snapshot, state: 'complete' };
      shelfOf(snapshot.customer).databases.set(name, { ...found, info });
    },
    takeOver: async (customer, epoch) => raise(shelfOf(customer), epoch).alias,
    prepareAlias: async (change) =>
      prepare(shelfOf(change.customer), change.properties.epoch, (shelf) => {
        shelf.alias = change;
      }),
    prepareDrop: async (customer, name, epoch) =>
      prepare(shelfOf(customer), epoch, (shelf) => void shelf.databases.delete(name)),
    query: async () => ({ columns: [], rows: [] }),
  };
}

function listingOf(shelves: readonly Shelf[]): StoreListing {
  return {
    databases: shelves.flatMap(({ databases }) => [...databases.values()].map(({ info }) => info)),
    aliases: shelves.flatMap(({ alias }) => alias ?? []),
  };
}

function raise(shelf: Shelf, epoch: number): Shelf {
  if (epoch < shelf.epoch)
    throw new GraphshiftError('FENCED', `epoch ${epoch} is over; ${shelf.epoch} is newer`);
  shelf.epoch = epoch;
  return shelf;
}

function prepare(shelf: Shelf, epoch: number, act: (shelf: Shelf) => void): PreparedChange {
  raise(shelf, epoch);
  return { fire: async () => act(raise(shelf, epoch)), cancel: async () => {} };
}

/** A load of one label whose rows all arrive at once. */
function openLoad(request: LoadMark, keep: (certificate: LoadCertificate) => void): Load {
  const { customer, timestamp, run, epoch } = request;
  const count = { footers: ROWS, read: ROWS, sent: ROWS, acknowledged: ROWS, counted: ROWS };
  const group = { name: 'Person', columns: [], files: [], rows: ROWS };
  const contentHash = '0'.repeat(64);
  return {
    check: async () => ({ nodes: [group], relationships: [], rows: ROWS, bytes: BYTES, contentHash }),
    nodes: async () => {},
    relationships: async () => {},
    seal: async () => {
      const certificate: LoadCertificate = {
        customer,
        timestamp,
        run,
        epoch,
        database: databaseName(request),
        contentHash,
        nodes: [{ name: 'Person', ...count }],
        relationships: [],
        bytes: BYTES,
        peakMemory: 0,
      };
      keep(certificate);
      return certificate;
    },
    abort: async () => {},
  };
}
