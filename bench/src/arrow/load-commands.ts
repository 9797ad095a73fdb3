export interface ArrowLoadInput {
  readonly url: string;
  /** `grpc://…` of the server's Arrow Flight. */
  readonly flight: string;
  readonly password: string;
  /** The snapshot's directory. */
  readonly path: string;
  readonly customer: string;
  readonly timestamp: number;
  /** Whether the ids get their constraints. */
  readonly indexId: boolean;
  /** Of Neo4j. */
  readonly serverPid: number;
}

export interface Imported {
  /** From the files to a database that is online. */
  readonly seconds: number;
  /** CPU of the client with all its processes meanwhile, in seconds. */
  readonly clientCpu: number;
  /** CPU of Neo4j meanwhile, in seconds. */
  readonly serverCpu: number;
  readonly rows: number;
  /** Of all processes of the client, each at its peak, in bytes. */
  readonly peakMemory: number;
  /** The seconds of each step, in their order. */
  readonly steps: Readonly<Record<string, number>>;
}

/** What the process that loads is asked. */
export type ArrowLoadCommands = {
  load: { input: ArrowLoadInput; output: Imported };
};
