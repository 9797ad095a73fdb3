export interface PutInput {
  readonly port: number;
  /** An Arrow IPC file; its batches go in turns until there are enough. */
  readonly file: string;
  readonly batches: number;
  /** Puts side by side, each over a connection of its own, which share the batches. */
  readonly streams: number;
}

/** What a client needed from the start of its puts to their last answers. */
export interface PutCost {
  readonly seconds: number;
  /** User and system time of the client. */
  readonly cpuSeconds: number;
}

/** What the process of our client is asked. */
export type PutCommands = {
  put: { input: PutInput; output: PutCost };
};
