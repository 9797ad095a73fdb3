/** A graph store behind its two breakers. */

import type { GraphStore, Load, PreparedChange } from '../../graph-store/graph-store.ts';
import type { Breaker } from '../../platform/breaker.ts';

export interface StoreBreakers {
  readonly administration: Breaker;
  readonly load: Breaker;
}

/**
 * The same store, with its short calls behind breakers: administration, and the opening of a load. The phases of a load
 * are long, so they are not called through a breaker; that they failed or succeeded is told to it. What ends work
 * (`abort`, `cancel`) is never refused; `health` and queries of people are left as they are.
 */
export function guardStore(store: GraphStore, { administration, load }: StoreBreakers): GraphStore {
  const guarded: Partial<GraphStore> = {
    list: (filter) => administration.run(() => store.list(filter)),
    alias: (customer) => administration.run(() => store.alias(customer)),
    // Asked before every claim, and answered by a store that can do little else: that must not end a row of failures.
    epochFloor: (customer) => administration.run(() => store.epochFloor(customer), { proves: false }),
    certificate: (database) => administration.run(() => store.certificate(database)),
    counts: (database) => administration.run(() => store.counts(database)),
    unmark: (database, epoch) => administration.run(() => store.unmark(database, epoch)),
    takeOver: (customer, epoch, options) =>
      administration.run(() => store.takeOver(customer, epoch, options)),
    prepareAlias: async (change) =>
      guardChange(await administration.run(() => store.prepareAlias(change)), administration),
    prepareDrop: async (customer, name, epoch) =>
      guardChange(await administration.run(() => store.prepareDrop(customer, name, epoch)), administration),
    // That a load could be opened proves little: the embedded store only makes a directory.
    openLoad: async (request, options) =>
      guardLoad(await load.run(() => store.openLoad(request, options), { proves: false }), load),
  };
  return overlay(store, guarded);
}

function guardChange(change: PreparedChange, breaker: Breaker): PreparedChange {
  return { fire: () => breaker.run(() => change.fire()), cancel: () => change.cancel() };
}

/**
 * What is wrong in `check` is wrong with the files, so that says nothing about the store. A phase that fails costs an attempt
 * even where its load was a probe: else a load that can never succeed, and keeps the breaker open by that, would never end.
 */
function guardLoad(work: Load, breaker: Breaker): Load {
  const told = async <Result>(phase: Promise<Result>): Promise<Result> => {
    try {
      const result = await phase;
      breaker.succeeded();
      return result;
    } catch (error) {
      breaker.failed(error);
      throw error;
    }
  };
  return overlay(work, {
    nodes: () => told(work.nodes()),
    relationships: () => told(work.relationships()),
    seal: () => told(work.seal()),
  });
}

/** The same object with some of its methods replaced; what an adapter has beside them stays reachable. */
function overlay<Target extends object>(target: Target, changes: Partial<Target>): Target {
  return new Proxy(target, {
    get: (_target, name) => {
      if (Reflect.has(changes, name)) return Reflect.get(changes, name);
      const value: unknown = Reflect.get(target, name);
      return typeof value === 'function' ? value.bind(target) : value;
    },
    set: (_target, name, value) => Reflect.set(changes, name, value),
  });
}
