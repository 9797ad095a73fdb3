/**
 * Recovers an instance: takes what it holds from it, hands that on, proves that all is consistent, and closes the instance
 * off. Every act is idempotent under the customers' epochs: it may be done twice, by two processes at once, and to an
 * instance that still runs, whose process then notices and ends.
 */

import type { GraphStore } from '../../graph-store/graph-store.ts';
import type { Clock } from '../../platform/clock.ts';
import { GraphshiftError, messageOf } from '../../platform/errors.ts';
import type { Logger } from '../../platform/log.ts';
import type { DeploymentStore } from '../../queue/deployment-store.ts';
import type { Instance, Instances } from '../../queue/instances.ts';
import {
  type Emergency,
  RECOVERY_STEPS,
  type RecoveryKind,
  type RecoveryLog,
  type RecoveryReport,
  type RecoveryStep,
  type StepReport,
} from '../../queue/recovery-log.ts';
import type { WakeUps } from '../../queue/wake-ups.ts';
import { type Acts, redistribute, release, reset, type StepResult, verify } from './steps.ts';

export interface RecoveryRequest {
  readonly kind: RecoveryKind;
  /** A person, or the instance whose monitor asks. */
  readonly by: string;
  readonly reason: string;
  /** It is left alone where it has beaten within this time. @default 0: a person decides */
  readonly silentMs?: number;
}

export interface RecoveryDependencies {
  readonly store: GraphStore;
  readonly deployments: DeploymentStore;
  readonly wakeUps: WakeUps;
  readonly instances: Instances;
  readonly log: Logger;
  readonly clock: Clock;
  readonly recoveries: RecoveryLog;
  /** The doctor: what is broken, by customer where it is one's. */
  readonly examine: Acts['examine'];
  readonly freeLeases: Acts['freeLeases'];
  readonly attempts: number;
  readonly delayMs: number;
  /** Each further attempt waits twice as long. */
  readonly exponential: boolean;
}

/** `recovery` leaves the store alone, since whoever takes a deployment up ends what was prepared there, and checks nothing. */
const STEPS: Readonly<Record<RecoveryKind, readonly RecoveryStep[]>> = {
  recovery: ['release', 'redistribute'],
  emergency: RECOVERY_STEPS,
};

const DO: Readonly<Record<RecoveryStep, (acts: Acts) => Promise<StepResult>>> = {
  release,
  redistribute,
  verify,
  reset,
};

export class Recovery {
  readonly #options: RecoveryDependencies;

  constructor(options: RecoveryDependencies) {
    this.#options = options;
  }

  /**
   * Recovers an instance, whatever state it is in.
   * @returns the report, which is kept; `failed` where a step failed as often as it may, and the system is in EMERGENCY
   * @throws NOT_FOUND for an instance that is not known, CONFLICT while another process recovers it, or when it has
   * beaten within `silentMs`
   */
  async recover(id: string, request: RecoveryRequest): Promise<RecoveryReport> {
    const { instances, recoveries, clock, log, deployments } = this.#options;
    if (!(await instances.find(id))) throw await this.#notThere(id);
    const lease = recoveries.lease(id, `${request.by} ${crypto.randomUUID()}`);
    if (!(await lease.take()))
      throw new GraphshiftError('CONFLICT', `instance ${id} is being recovered by another process`);
    const stopRenewing = clock.every(
      lease.ttlMs / 3,
      async () => void (await lease.take().catch(() => false)),
    );
    try {
      const instance = await this.#due(id, request);
      // Before anything is taken from it: from here on it can claim nothing and beat no more.
      const { silentMs = 0, kind, by, reason } = request;
      const fenced = await instances.mark({ id, mark: 'failed', silentMs, fence: true });
      if (fenced.kind === 'alive')
        throw new GraphshiftError('CONFLICT', `instance ${id} beat ${fenced.silentMs / 1000} s ago`);
      await deployments.recordAction({ by, action: `${kind} begins: ${reason}`, target: id });
      log.warn({ instance: id, by }, `${kind} of ${id} begins: ${reason}`);
      return await this.#run(instance, request);
    } finally {
      stopRenewing();
      await lease.release().catch(() => {});
    }
  }

  /** Whoever recovers an instance that lives may ask again when it has ended by that. */
  async #notThere(id: string): Promise<GraphshiftError> {
    const { recoveries } = this.#options;
    const [last] = await recoveries.reports({ instance: id, limit: 1 });
    const raised = (await recoveries.emergencies()).some(({ instance }) => instance === id);
    const gone = last
      ? `there is no instance ${id} any more: it has left, or was forgotten, since its ${last.kind} at ${new Date(last.startedAt).toISOString()}`
      : `there is no instance ${id}`;
    const end = raised ? `; \`graphshift recover ${id} --dismiss\` ends its emergency` : '';
    return new GraphshiftError('NOT_FOUND', `${gone}${end}`);
  }

  /**
   * The instance, unless a monitor asks for what was done before.
   * @throws NOT_FOUND, CONFLICT
   */
  async #due(id: string, { kind, silentMs = 0 }: RecoveryRequest): Promise<Instance> {
    const instance = await this.#options.instances.find(id);
    if (!instance) throw await this.#notThere(id);
    if (silentMs === 0) return instance;
    const reports = await this.#options.recoveries.reports({ instance: id });
    const done = reports.some(
      (report) => report.outcome === 'recovered' && (kind === 'recovery' || report.kind === kind),
    );
    if (!done) return instance;
    throw new GraphshiftError('CONFLICT', `instance ${id} has been recovered`);
  }

  async #run(instance: Instance, request: RecoveryRequest): Promise<RecoveryReport> {
    const { clock, recoveries } = this.#options;
    const startedAt = clock.now();
    const before = await recoveries.reports({ instance: instance.id });
    const acts: Acts = {
      ...this.#options,
      instance,
      kind: request.kind,
      lost: !instance.living || (request.silentMs ?? 0) > 0,
      reason: `${request.kind} of ${instance.id}: ${request.reason}`,
      released: new Map(),
      concerned: new Set(before.flatMap(({ deployments: ids }) => ids.map(customerOf))),
    };
    const steps: StepReport[] = [];
    let failed: StepReport | undefined;
    for (const step of STEPS[request.kind]) {
      const report = failed ? skipped(step) : await this.#attempt(step, acts);
      steps.push(report);
      if (report.outcome === 'failed') failed = report;
    }
    const report: RecoveryReport = {
      instance: instance.id,
      kind: request.kind,
      by: request.by,
      reason: request.reason,
      startedAt,
      durationMs: Math.max(0, clock.now() - startedAt),
      outcome: failed ? 'failed' : 'recovered',
      deployments: [...acts.released.keys()],
      steps,
    };
    await this.#finish(report, failed);
    return report;
  }

  async #attempt(step: RecoveryStep, acts: Acts): Promise<StepReport> {
    const { clock, attempts, delayMs, exponential, log } = this.#options;
    const startedAt = clock.now();
    let error = '';
    for (let attempt = 1; attempt <= attempts; attempt++) {
      try {
        const { found, did } = await DO[step](acts);
        log.info(
          { instance: acts.instance.id, step, attempt },
          `${step} of ${acts.instance.id}: found ${found}; ${did}`,
        );
        const durationMs = Math.max(0, clock.now() - startedAt);
        return { step, found, did, attempts: attempt, durationMs, outcome: 'done', ...(error && { error }) };
      } catch (failure) {
        error = messageOf(failure);
        log.warn(
          { instance: acts.instance.id, step, attempt, err: failure },
          `${step} of ${acts.instance.id}: ${error}`,
        );
        if (attempt < attempts) await clock.sleep(delayMs * (exponential ? 2 ** (attempt - 1) : 1));
      }
    }
    const durationMs = Math.max(0, clock.now() - startedAt);
    return { step, found: '', did: 'gave up', attempts, durationMs, outcome: 'failed', error };
  }

  async #finish(report: RecoveryReport, failed: StepReport | undefined): Promise<void> {
    const { recoveries, deployments, log } = this.#options;
    const { instance, kind, by, deployments: ids } = report;
    const raised: Emergency | undefined = failed && {
      instance,
      since: report.startedAt + report.durationMs,
      step: failed.step,
      reason: `${kind} of ${instance}: ${failed.step} failed ${failed.attempts} times: ${failed.error}`,
    };
    const ended = await recoveries.keep(report, raised);
    const what = raised
      ? `${kind} failed: EMERGENCY: ${raised.reason}`
      : `${kind} done: ${ids.length === 1 ? '1 deployment' : `${ids.length} deployments`} handed on${ended ? '; its emergency is over' : ''}`;
    await deployments.recordAction({ by, action: what, target: instance });
    if (raised) log.error({ instance, step: raised.step }, `EMERGENCY: ${raised.reason}`);
    else log.info({ instance, deployments: ids }, `${instance}: ${what}`);
  }

  /** Ends an emergency by a person's word. @throws NOT_FOUND when the instance has raised none */
  async dismiss(instance: string, by: string): Promise<void> {
    const { recoveries, deployments } = this.#options;
    if (!(await recoveries.dismiss(instance)))
      throw new GraphshiftError('NOT_FOUND', `there is no emergency of instance ${instance}`);
    await deployments.recordAction({ by, action: 'emergency dismissed', target: instance });
  }
}

function skipped(step: RecoveryStep): StepReport {
  return { step, found: '', did: 'not begun', attempts: 0, durationMs: 0, outcome: 'skipped' };
}

function customerOf(id: string): string {
  return id.slice(0, id.lastIndexOf('@'));
}
