export interface DeployInput {
  readonly redisUrl: string;
  readonly url: string;
  /** Where rows go over Arrow Flight, if they do. */
  readonly flight?: string;
  readonly password: string;
  /** The root in which the snapshot stands. */
  readonly root: string;
  readonly customer: string;
  readonly timestamp: number;
  /** Of Neo4j. */
  readonly serverPid: number;
}

export interface Deployed {
  /** From the record of the snapshot to the alias at its database. */
  readonly seconds: number;
  /** CPU of the worker process and of its loading process meanwhile, in seconds. */
  readonly clientCpu: number;
  /** CPU of Neo4j meanwhile, in seconds. */
  readonly serverCpu: number;
  readonly rows: number;
  /** Of the worker process and of its loading process together, each at its peak, in bytes. */
  readonly peakMemory: number;
}

/** What the worker's process is asked. */
export type WorkerCommands = {
  deploy: { input: DeployInput; output: Deployed };
};
