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
} from '@graphshift/core';

const ROWS = 1000;
const BYTES = 10_000;

interface Database {
  readonly info: DatabaseInfo;
  readonly certificate: LoadCertificate;
}

/** It keeps nothing for readers under way, whatever the port says of that. */
export function createNothingStore(): GraphStore & { readonly drainMs: number } {
  const databases = new Map<string, Database>();
  const aliases = new Map<string, AliasInfo>();
  const epochs = new Map<string, number>();
  const seen = (customer: string) => epochs.get(customer) ?? 0;
  const raise = (customer: string, epoch: number) => {
    if (epoch < seen(customer))
      throw new GraphshiftError(
        'FENCED',
        `epoch ${epoch} of ${customer} is over; ${seen(customer)} is newer`,
      );
    epochs.set(customer, epoch);
  };
  const prepare = (customer: string, epoch: number, act: () => void): PreparedChange => {
    raise(customer, epoch);
    return {
      fire: async () => {
        raise(customer, epoch);
        act();
      },
      cancel: async () => {},
    };
  };
  return {
    kind: 'nothing',
    drainMs: 0,
    start: async () => {},
    stop: async () => {},
    health: async () => ({ reachable: true, writable: true, percent: { heap: 10, disk: 10 } }),
    list: async ({ customer }: { readonly customer?: string } = {}) => ({
      databases: [...databases.values()]
        .map(({ info }) => info)
        .filter(({ snapshot }) => customer === undefined || snapshot?.customer === customer),
      aliases: [...aliases.values()].filter((alias) => customer === undefined || alias.customer === customer),
    }),
    alias: async (customer) => aliases.get(customer),
    epochFloor: async (customer) => seen(customer),
    openLoad: async (request, { onProgress } = {}) => {
      raise(request.customer, request.epoch);
      return openLoad(request, (certificate) => {
        const { database: name } = certificate;
        databases.set(name, {
          info: { name, snapshot: request, state: 'marked', mark: request },
          certificate,
        });
        onProgress?.({ phase: 'sealing', rows: ROWS, rowsTotal: ROWS, bytes: BYTES, bytesTotal: BYTES });
      });
    },
    certificate: async (database) => databases.get(database)?.certificate,
    counts: async () => ({ labels: { Person: ROWS }, types: {} }),
    unmark: async (name) => {
      const found = databases.get(name);
      if (found?.info.snapshot === undefined) return;
      const { snapshot } = found.info;
      databases.set(name, { ...found, info: { name, snapshot, state: 'complete' } });
    },
    takeOver: async (customer, epoch) => {
      raise(customer, epoch);
      return aliases.get(customer);
    },
    prepareAlias: async (change) =>
      prepare(change.customer, change.properties.epoch, () => void aliases.set(change.customer, change)),
    prepareDrop: async (customer, name, epoch) => prepare(customer, epoch, () => void databases.delete(name)),
    query: async () => ({ columns: [], rows: [] }),
  };
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
