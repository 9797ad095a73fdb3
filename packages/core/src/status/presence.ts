import { hostname } from 'node:os';
import type { Clock } from '../platform/clock.ts';
import { within } from '../platform/deadline.ts';
import { messageOf } from '../platform/errors.ts';
import type { Logger } from '../platform/log.ts';
import type { Service } from '../platform/service.ts';
import { VERSION } from '../platform/version.ts';
import type { BusyMeter } from '../queue/busy-meter.ts';
import { BEAT_EVERY_MS, type Beat, type InstanceKind, type Instances } from '../queue/instances.ts';

export interface PresenceOptions {
  readonly id: string;
  readonly kind: InstanceKind;
  /** Loads that this process can run at once. */
  readonly capacity: number;
  readonly meter: BusyMeter;
  /** What it scans, where it is a producer. */
  readonly scan?: Beat['scan'];
  readonly instances: Instances;
  readonly clock: Clock;
  readonly log: Logger;
}

/** How often it looks whether what it does has changed; that is told at once, all else by the beat. */
const LOOK_EVERY_MS = 1000;

/** A stopping process waits no longer than this for Redis to hear its goodbye; silence says the same later. */
const GOODBYE_MS = 2000;

/** Tells the others that this process lives, until it stops. */
export class Presence implements Service {
  readonly #options: PresenceOptions;
  #state: 'running' | 'stopping' = 'running';
  #cancel: (() => void) | undefined;
  /** Deployments in hand by the last beat. */
  #told = 0;
  /** The beat under way: a goodbye must not be overtaken by it. */
  #beating: Promise<void> = Promise.resolve();

  constructor(options: PresenceOptions) {
    this.#options = options;
  }

  async start(): Promise<void> {
    if (this.#cancel) return;
    await this.#beat();
    let looks = 0;
    this.#cancel = this.#options.clock.every(LOOK_EVERY_MS, async () => {
      const due = ++looks % (BEAT_EVERY_MS / LOOK_EVERY_MS) === 0;
      if (due || this.#options.meter.active !== this.#told) await this.#attempt(() => this.#beat());
    });
  }

  /** Others see at once that it takes nothing new. */
  async quiesce(): Promise<void> {
    this.#state = 'stopping';
    await within(
      this.#options.clock,
      GOODBYE_MS,
      this.#attempt(() => this.#beat()),
    );
  }

  async stop(): Promise<void> {
    if (!this.#cancel) return;
    this.#cancel();
    this.#cancel = undefined;
    const { clock, instances, id } = this.#options;
    const leave = async () => {
      await this.#beating.catch(() => {});
      await instances.leave(id);
    };
    await within(clock, GOODBYE_MS, this.#attempt(leave));
  }

  #beat(): Promise<void> {
    const { instances, id, kind, capacity, meter, scan } = this.#options;
    this.#told = meter.active;
    this.#beating = instances.beat({
      id,
      kind,
      host: hostname(),
      pid: process.pid,
      version: VERSION,
      state: this.#state,
      capacity,
      active: meter.active,
      busyMs: meter.busyMs,
      uptimeMs: meter.uptimeMs,
      ...(scan && { scan }),
    });
    return this.#beating;
  }

  /** A beat that Redis does not hear is made up for by the next. */
  async #attempt(act: () => Promise<void>): Promise<void> {
    try {
      await act();
    } catch (error) {
      this.#options.log.debug({ err: error }, `heartbeat: ${messageOf(error)}`);
    }
  }
}
