/**
 * The bake: for `bake_seconds` after a cutover, smoke queries that fail move the alias back to the database before, and
 * hold the content that they failed on. It holds no slot and no job: it is upkeep of what is live.
 */

import {
  type AliasInfo,
  type Backend,
  deploymentId,
  GraphshiftError,
  messageOf,
  readSmokeQueries,
  runSmokeQueries,
  type Service,
} from '@graphshift/core';

/** Asks at its own pace, since a slow answer must not keep the upkeep from anything else. */
export class Bake implements Service {
  readonly #backend: Backend;
  readonly #intervalMs: number;
  readonly #stopping = new AbortController();
  #cancel: (() => void) | undefined;
  #pass: Promise<void> = Promise.resolve();

  constructor(backend: Backend, intervalMs = 10_000) {
    this.#backend = backend;
    this.#intervalMs = intervalMs;
  }

  async start(): Promise<void> {
    const { clock, log, readings, settings } = this.#backend;
    if (this.#cancel || settings.orchestrator.bake_seconds === 0) return;
    this.#cancel = clock.every(this.#intervalMs, () => {
      this.#pass = readings
        .listing()
        .then(({ aliases }) => bake(this.#backend, aliases, this.#stopping.signal))
        .catch((error: unknown) => log.warn({ err: error }, `bake: ${messageOf(error)}`));
      return this.#pass;
    });
  }

  async stop(): Promise<void> {
    this.#cancel?.();
    this.#stopping.abort();
    await this.#pass;
  }
}

/** Asks the smoke queries of every alias that is still baking. What a store cannot answer now is asked again. */
async function bake(backend: Backend, aliases: readonly AliasInfo[], signal: AbortSignal): Promise<void> {
  const bakeMs = backend.settings.orchestrator.bake_seconds * 1000;
  for (const alias of aliases) {
    if (signal.aborted) return;
    const ageMs = backend.clock.now() - Date.parse(alias.properties.since);
    // A pin lets nothing pass, not even a way back.
    if (ageMs < bakeMs && !alias.properties.pin && !isRolledBackTo(alias)) await bakeOne(backend, alias);
  }
}

/** What a rollback went back to has baked before. */
function isRolledBackTo({ properties: { since, holds = [] } }: AliasInfo): boolean {
  return holds.some((hold) => hold.since === since);
}

async function bakeOne(backend: Backend, alias: AliasInfo): Promise<void> {
  const { customer, database } = alias;
  const { deployments, log, operations, store } = backend;
  const id = deploymentId({ customer, timestamp: alias.properties.snapshot });
  const record = await deployments.get(id);
  if (!record) return;
  try {
    await runSmokeQueries(store, database, await readSmokeQueries(record.path));
  } catch (error) {
    if (!(error instanceof GraphshiftError) || error.code !== 'VERIFY_FAILED') {
      log.warn({ deploymentId: id, err: error }, `bake of ${database}: ${messageOf(error)}`);
      return;
    }
    log.error({ deploymentId: id, code: error.code }, `bake of ${database}: ${error.message}`);
    await operations
      .rollback({ customer, from: database, by: 'the bake', reason: error.message })
      .catch((failure: unknown) =>
        log.error({ deploymentId: id, err: failure }, `${id} stays live: ${messageOf(failure)}`),
      );
  }
}
