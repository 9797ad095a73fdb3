/**
 * Looks at the beats of the others, and does something about those that stay out: past the warning threshold it tells,
 * past the timeout it takes from an instance what it holds, past the emergency threshold it begins the whole procedure.
 * Every worker runs one; what two of them do twice does no harm.
 *
 * Silence is judged by Redis's clock, and only by a monitor that has itself been heard for two looks: after an outage of
 * Redis, or a sleep of the machine, everybody is late, and gets the time between two looks to beat again.
 */

import type { Clock } from '../platform/clock.ts';
import { GraphshiftError, messageOf } from '../platform/errors.ts';
import type { Logger } from '../platform/log.ts';
import type { Service } from '../platform/service.ts';
import type { HeartbeatTimes, Mark } from '../queue/condition.ts';
import type { DeploymentStore } from '../queue/deployment-store.ts';
import type { Instance, Instances } from '../queue/instances.ts';
import type { RecoveryLog } from '../queue/recovery-log.ts';
import type { Recovery } from './recovery/recovery.ts';

export interface MonitorOptions {
  /** The instance that this monitor runs in; it never judges itself. */
  readonly self: string;
  readonly instances: Instances;
  readonly deployments: DeploymentStore;
  readonly recovery: Pick<Recovery, 'recover'>;
  readonly recoveries: RecoveryLog;
  readonly times: HeartbeatTimes;
  /** Time between two looks. */
  readonly everyMs: number;
  /** Whether it begins emergency recoveries. */
  readonly emergencies: boolean;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Looks in a row that must have gone well, this one counted, before anybody is judged. */
const STEADY_LOOKS = 2;
/** A look this many times later than it was due comes after a sleep. */
const SLEPT = 2;

export class Monitor implements Service {
  readonly #options: MonitorOptions;
  #cancel: (() => void) | undefined;
  #pass: Promise<void> = Promise.resolve();
  #lookedAt: number | undefined;
  #steady = 0;

  constructor(options: MonitorOptions) {
    this.#options = options;
  }

  async start(): Promise<void> {
    if (this.#cancel) return;
    this.#cancel = this.#options.clock.every(this.#options.everyMs, () => {
      this.#pass = this.pass();
      return this.#pass;
    });
  }

  async stop(): Promise<void> {
    this.#cancel?.();
    this.#cancel = undefined;
    this.#lookedAt = undefined;
    this.#steady = 0;
    await this.#pass;
  }

  /** One look; never throws. */
  async pass(): Promise<void> {
    const { instances, times, self, log } = this.#options;
    try {
      this.#steady = (await this.#isHeard()) ? this.#steady + 1 : 0;
      if (this.#steady < STEADY_LOOKS) return;
      for (const instance of await instances.silentFor(times.warningMs))
        if (instance.id !== self && instance.condition !== 'recovered') await this.#attend(instance);
    } catch (error) {
      this.#steady = 0;
      log.debug({ err: error }, `monitor: ${messageOf(error)}`);
    }
  }

  /** Whether this process is awake and its own beats arrive. */
  async #isHeard(): Promise<boolean> {
    const { clock, everyMs, instances, self, times } = this.#options;
    const before = this.#lookedAt;
    this.#lookedAt = clock.now();
    const own = await instances.find(self);
    const answeredMs = clock.now() - this.#lookedAt;
    const slept = before !== undefined && this.#lookedAt - before > SLEPT * everyMs;
    return !slept && answeredMs < everyMs && (own === undefined || own.silentMs < times.warningMs);
  }

  async #attend(instance: Instance): Promise<void> {
    const { log, recovery, times, self, emergencies } = this.#options;
    const seconds = Math.round(instance.silentMs / 1000);
    const reason = `silent for ${seconds} s`;
    try {
      if (instance.condition === 'warning') return await this.#alert(instance, 'warning', times.warningMs);
      if (instance.condition === 'emergency') {
        await this.#alert(instance, 'emergency', times.emergencyMs);
        if (emergencies && (await this.#failedLately(instance.id))) return;
      }
      const whole = emergencies && instance.condition === 'emergency';
      const silentMs = whole ? times.emergencyMs : times.timeoutMs;
      await recovery.recover(instance.id, {
        kind: whole ? 'emergency' : 'recovery',
        by: self,
        reason,
        silentMs,
      });
    } catch (error) {
      // Somebody was quicker, or the instance beats again.
      const quiet = error instanceof GraphshiftError && ['CONFLICT', 'NOT_FOUND'].includes(error.code);
      log[quiet ? 'debug' : 'warn']({ instance: instance.id, err: error }, `monitor: ${messageOf(error)}`);
    }
  }

  /** Tells of it once, whichever monitor is the first. */
  async #alert({ id, kind, host }: Instance, mark: Mark, leastMs: number): Promise<void> {
    const { instances, deployments, log, self } = this.#options;
    const { kind: news, silentMs } = await instances.mark({ id, mark, silentMs: leastMs });
    if (news !== 'marked') return;
    const action = `${mark}: silent for ${Math.round(silentMs / 1000)} s`;
    log[mark === 'warning' ? 'warn' : 'error']({ instance: id, host, silentMs }, `${kind} ${id}: ${action}`);
    await deployments.recordAction({ by: self, action, target: id });
  }

  /** One that could not be recovered is tried again, but not all the time. */
  async #failedLately(id: string): Promise<boolean> {
    const { recoveries, clock, times } = this.#options;
    const [last] = await recoveries.reports({ instance: id, limit: 1 });
    return last?.outcome === 'failed' && clock.now() - last.startedAt < times.timeoutMs;
  }
}
