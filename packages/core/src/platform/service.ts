/** The life cycle that every long-lived thing shares: both calls idempotent, `stop` waits for what runs. */
export interface Service {
  start(): Promise<void>;
  stop(): Promise<void>;
  /** The first half of a stop, for those that have one: takes nothing new; what runs goes on. */
  quiesce?(): Promise<void>;
}

/**
 * Services that live and die together: started in order, stopped last in, first out. A failed start stops what
 * was started; every stop is tried and the first error is thrown at the end.
 */
export class ServiceStack implements Service {
  readonly #services: Service[];
  readonly #started: Service[] = [];
  #starting: Promise<void> | undefined;
  #stopping: Promise<void> | undefined;

  constructor(services: Service[]) {
    this.#services = services;
  }

  start(): Promise<void> {
    this.#starting ??= this.#startAll();
    return this.#starting;
  }

  /** All at once; every one is tried, and the first error thrown at the end. */
  async quiesce(): Promise<void> {
    const results = await Promise.allSettled(this.#started.map((service) => service.quiesce?.()));
    const failed = results.find((result) => result.status === 'rejected');
    if (failed) throw failed.reason;
  }

  stop(): Promise<void> {
    this.#stopping ??= this.#stopAll();
    return this.#stopping;
  }

  async #startAll(): Promise<void> {
    try {
      for (const service of this.#services) {
        if (this.#stopping) return;
        await service.start();
        this.#started.push(service);
      }
    } catch (error) {
      await this.stop().catch(() => {});
      throw error;
    }
  }

  async #stopAll(): Promise<void> {
    let first: { error: unknown } | undefined;
    for (let service = this.#started.pop(); service; service = this.#started.pop()) {
      try {
        await service.stop();
      } catch (error) {
        first ??= { error };
      }
    }
    if (first) throw first.error;
  }
}
