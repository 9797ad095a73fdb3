import { hostname } from 'node:os';
import type { Clock } from '../platform/clock.ts';
import { within } from '../platform/deadline.ts';
import { messageOf } from '../platform/errors.ts';
import type { Logger } from '../platform/log.ts';
import type { Service } from '../platform/service.ts';
import { VERSION } from '../platform/version.ts';
import type { Vitals } from '../platform/vitals.ts';
import type { BusyMeter } from '../queue/busy-meter.ts';
import { parseJobId } from '../queue/catalogue.ts';
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
  /** @default 10_000 */
  readonly everyMs?: number;
  readonly vitals?: Vitals;
  /** Called once, when this instance was recovered: what it held is others' by now, and the process must end. */
  readonly onOusted?: (reason: string) => void;
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
  /** When Redis last took a beat, by this process's clock. */
  #heardAt: number | undefined;
  /** When the next beat is due at the latest, by this process's clock. */
  #dueAt = 0;
  #ousted = false;

  constructor(options: PresenceOptions) {
    this.#options = options;
  }

  get #everyMs(): number {
    return this.#options.everyMs ?? BEAT_EVERY_MS;
  }

  async start(): Promise<void> {
    if (this.#cancel) return;
    const { clock, meter, vitals } = this.#options;
    vitals?.start();
    this.#dueAt = clock.now();
    const lookEveryMs = Math.min(LOOK_EVERY_MS, this.#everyMs);
    const looksABeat = Math.max(1, Math.round(this.#everyMs / lookEveryMs));
    let looks = 0;
    // Counted, and not by the clock's time: one that was set back must not silence a process.
    this.#cancel = clock.every(lookEveryMs, async () => {
      const due = ++looks % looksABeat === 0;
      if (due || meter.active !== this.#told) await this.#attempt(() => this.#beat());
    });
    try {
      await this.#beat();
    } catch (error) {
      this.#cancel?.();
      this.#cancel = undefined;
      throw error;
    }
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
    const { clock, instances, id, vitals } = this.#options;
    vitals?.stop();
    const leave = async () => {
      await this.#beating.catch(() => {});
      await instances.leave(id);
    };
    await within(clock, GOODBYE_MS, this.#attempt(leave));
  }

  #beat(): Promise<void> {
    this.#beating = this.#send();
    return this.#beating;
  }

  async #send(): Promise<void> {
    const { instances, id, kind, capacity, meter, scan, clock, vitals } = this.#options;
    const at = clock.now();
    const lateMs = Math.max(0, at - this.#dueAt);
    this.#dueAt = at + this.#everyMs;
    this.#told = meter.active;
    const beat: Beat = {
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
      everyMs: this.#everyMs,
      deployments: meter.jobs.flatMap((job) => parseJobId(job)?.deployment ?? []),
      chunks: meter.chunks,
      lateMs: Math.round(lateMs),
      // A goodbye does not wait for them: the status that says `stopping` is made at the same moment.
      ...(this.#state === 'running' && (await vitals?.read())),
      paused: meter.paused,
      restarts: meter.restarts,
      ...(scan && { scan }),
    };
    const answer = await instances.beat(beat, at - (this.#heardAt ?? at));
    if (answer.kind !== 'ok') return this.#oust(answer.kind);
    this.#heardAt = at;
    if (answer.before)
      this.#options.log.info({ instance: id }, `heartbeat: back; it was marked ${answer.before}`);
  }

  #oust(why: 'recovered' | 'forgotten'): void {
    if (this.#ousted) return;
    this.#ousted = true;
    this.#options.onOusted?.(
      why === 'recovered'
        ? 'it was recovered: what it held is taken up elsewhere'
        : 'it was silent for a day, and has been forgotten',
    );
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
