/** What the testkit uses of redis-server.mjs, for the compiler. */
export interface RunningServer {
  readonly url: string;
  readonly port: number;
  readonly pid: number;
  /** Resolves to the signal or exit code, once it has ended. */
  readonly exited: Promise<string>;
  stop(): Promise<void>;
  kill(): Promise<void>;
}
export declare const OLDEST_REDIS: string;
export declare function findServerProgram(path?: string): { program: string; version: string } | undefined;
export declare function freePort(): Promise<number>;
export declare function launchServer(
  program: string,
  options: { directory: string; port?: number; timeoutMs?: number },
): Promise<RunningServer>;
