export interface ScalingInput {
  readonly redisUrl: string;
  readonly workers: number;
  readonly chunksAWorker: number;
  readonly batchesAChunk: number;
  readonly batchMs: number;
}

export interface WorkInput {
  readonly redisUrl: string;
  /** Of Redis's keys: one for each measurement. */
  readonly prefix: string;
  /** Of Neo4j. */
  readonly url: string;
  readonly password: string;
  readonly root: string;
  readonly leastBytes: number;
}

export interface DeployInput extends WorkInput {
  readonly customer: string;
  readonly timestamp: number;
}

/** What the processes of the benchmark are asked. */
export type ChunkCommands = {
  /** Runs one load by so many workers, all in this process, on the slow store. @returns seconds of both rounds */
  scale: { input: ScalingInput; output: number };
  /** Starts a worker that stays. */
  work: { input: WorkInput; output: undefined };
  /** Stops it. @returns CPU seconds of the process and its loaders */
  rest: { input: undefined; output: number };
  /** Records a snapshot and waits until it is live. */
  deploy: { input: DeployInput; output: { readonly seconds: number; readonly rows: number } };
};
