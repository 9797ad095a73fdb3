/** Another process that uses the same graph store: to be killed in the middle of a load, or to read beside one. */

import { asGraphshiftError, type GraphStore, type LoadRequest, serveParent } from '@graphshift/core';

/** How another process opens the store under test. */
export interface StoreRecipe {
  /** URL of the module that exports the factory. */
  readonly module: string;
  readonly factory: string;
  readonly options: unknown;
}

export interface WatchResult {
  /** Answers in JSON, each once, with how often it came. */
  readonly answers: Readonly<Record<string, number>>;
  readonly errors: readonly string[];
}

export type StoreProcessCommands = {
  open: { input: StoreRecipe; output: undefined };
  /** Runs a load to the end; progress is the name of the phase that begins. */
  load: { input: { request: LoadRequest }; output: undefined };
  /** Asks the alias again and again until `stop` or an error; progress is sent once, after the first answer. */
  watch: { input: { alias: string; cypher: string }; output: WatchResult };
  stop: { input: undefined; output: undefined };
};

let store: GraphStore | undefined;
let stopping = false;

serveParent<StoreProcessCommands>({
  open: async (recipe) => {
    const module = (await import(recipe.module)) as Record<string, (options: unknown) => GraphStore>;
    store = module[recipe.factory]?.(recipe.options);
    await opened().start();
    return undefined;
  },
  load: async ({ request }, report) => {
    const load = await opened().openLoad(request);
    report('checking');
    await load.check();
    report('nodes');
    await load.nodes();
    report('relationships');
    await load.relationships();
    report('sealing');
    await load.seal();
    return undefined;
  },
  watch: async ({ alias, cypher }, report) => {
    const answers: Record<string, number> = {};
    const errors: string[] = [];
    while (!stopping && errors.length === 0) {
      try {
        const { rows } = await opened().query({ alias }, cypher);
        const answer = JSON.stringify(rows);
        answers[answer] = (answers[answer] ?? 0) + 1;
        if (Object.keys(answers).length === 1 && answers[answer] === 1) report('answered');
      } catch (error) {
        errors.push(asGraphshiftError(error).message);
      }
    }
    await opened().stop();
    return { answers, errors };
  },
  stop: async () => {
    stopping = true;
    return undefined;
  },
});

function opened(): GraphStore {
  if (!store) throw new Error('the store is not open');
  return store;
}
