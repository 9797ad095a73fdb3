export interface LoadInput {
  /** Directory of the snapshot. */
  readonly snapshot: string;
  /** Where the database goes; made by the process. */
  readonly directory: string;
  readonly memoryBytes: number;
  readonly threads: number;
}

export interface Loaded {
  readonly rows: number;
  /** Of the process that fills the database, in bytes. */
  readonly peakMemory: number;
}

/** What the process of either side is asked. */
export type LoadCommands = {
  load: { input: LoadInput; output: Loaded };
};
