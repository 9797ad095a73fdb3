import type {
  Backend,
  Capacity,
  Checkpoint,
  ChunkLedger,
  Cutover,
  DeploymentRecord,
  Gate,
  LoadCertificate,
  Logger,
  Pickup,
  Retention,
  State,
  TransitionResult,
} from '@graphshift/core';
import { GraphshiftError, refuseUnlessOk, SHORTAGES } from '@graphshift/core';

/** What the steps of every deployment share. */
export interface DeployContext {
  readonly backend: Backend;
  readonly cutover: Cutover;
  readonly retention: Retention;
  readonly gate: Gate;
  readonly capacity: Capacity;
  /** Who has which chunk of a shared load. */
  readonly ledger: ChunkLedger;
  /** Name of this process in records and the audit stream. */
  readonly holder: string;
  readonly checkpoint: Checkpoint;
}

/** A cancel or a take-over reaches a running load within this time. */
const WATCH_EVERY_MS = 1000;

type Fields = Parameters<Backend['deployments']['note']>[1];

/** One deployment in a worker's hands, from its claim to the outcome of this pickup. */
export class HeldDeployment {
  record: DeploymentRecord;
  readonly context: DeployContext;
  readonly pickup: Pickup;
  readonly log: Logger;
  /** Aborts when this worker must let go: its lock is lost, it stops, or somebody ended or took over the deployment. */
  readonly signal: AbortSignal;
  readonly #lost = new AbortController();
  /** Set by the load, or read from the store when another holder did the load. */
  certificate: LoadCertificate | undefined;

  constructor(record: DeploymentRecord, context: DeployContext, pickup: Pickup) {
    this.record = record;
    this.context = context;
    this.pickup = pickup;
    this.log = context.backend.log.child({ deploymentId: record.id });
    this.signal = AbortSignal.any([pickup.signal, this.#lost.signal]);
  }

  /** Looks every second whether the record is still this holder's, until the returned function is called. */
  watch(): () => void {
    const { clock, deployments } = this.context.backend;
    return clock.every(WATCH_EVERY_MS, async () => {
      // What cannot be asked is not lost: the job's lock decides while Redis is away.
      const mine = await deployments.note(this.record, {}).catch(() => true);
      if (!mine) this.#lost.abort(new GraphshiftError('FENCED', `${this.record.id} was ended or taken over`));
    });
  }

  /** @throws the reason why this worker must let go of the deployment */
  throwIfAborted(): void {
    this.signal.throwIfAborted();
  }

  /**
   * Moves on to another state under this holder's run and epoch.
   * @throws FENCED when somebody else holds the deployment by now
   */
  async advance(to: State, fields: Fields = {}): Promise<void> {
    await this.#move(to, fields);
  }

  /**
   * Moves on where there is room.
   * @returns how it went: `ok`, or what there is not enough of, with nothing changed
   * @throws FENCED when somebody else holds the deployment by now
   */
  async enter(to: State, fields: Fields, room: TransitionRoom): Promise<TransitionResult> {
    return this.#move(to, fields, room);
  }

  async #move(to: State, fields: Fields, room?: TransitionRoom): Promise<TransitionResult> {
    const result = await this.context.backend.deployments.transition({
      id: this.record.id,
      from: [this.record.state],
      to,
      run: this.record.run,
      epoch: this.record.epoch,
      fields,
      // A person who reads the audit wants to know why it waits.
      ...(to === 'waiting' && fields.reason !== undefined && { detail: fields.reason }),
      ...(room && { room }),
    });
    if (room && isShortOf(result)) return result;
    refuseUnlessOk(result, this.record.id);
    this.record = { ...this.record, ...fields, state: to } as DeploymentRecord;
    await this.context.checkpoint(to);
    return result;
  }

  /** One line for the log and the job's own log in Bull Board. */
  async say(line: string, fields: Record<string, unknown> = {}): Promise<void> {
    this.log.info(fields, `${this.record.id}: ${line}`);
    this.pickup.note(`${new Date(this.context.backend.clock.now()).toISOString()} ${line}`);
  }
}

function isShortOf({ kind }: TransitionResult): boolean {
  return kind === 'full' || kind === 'busy' || (SHORTAGES as readonly string[]).includes(kind);
}

export type TransitionRoom = NonNullable<Parameters<Backend['deployments']['transition']>[0]['room']>;

/** Thrown by a step that must wait without using an attempt. */
export class Hold extends Error {
  readonly delayMs: number;

  constructor(reason: string, delayMs: number) {
    super(reason);
    this.delayMs = delayMs;
  }
}

/** The certificate that verify and cutover go by. @throws LOAD_FAILED when the database has none */
export async function certificateOf(held: HeldDeployment, database: string): Promise<LoadCertificate> {
  held.certificate ??= await held.context.backend.store.certificate(database);
  if (!held.certificate) {
    throw new GraphshiftError(
      'LOAD_FAILED',
      `database ${database} has no load certificate; it is loaded again`,
    );
  }
  return held.certificate;
}
