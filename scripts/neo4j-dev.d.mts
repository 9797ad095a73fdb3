/** What the testkit and the command use of neo4j-dev.mjs, for the compiler. */
export interface Neo4jDevBuild {
  readonly java: string;
  readonly classPath: string;
  /** Of classes; it need not exist. */
  readonly archive?: string;
}
export interface Neo4jDevServer {
  /** `bolt://127.0.0.1:PORT` */
  readonly url: string;
  /** `grpc://127.0.0.1:PORT` where it serves Arrow Flight. */
  readonly flight: string | undefined;
  readonly pid: number;
  /** Resolves to the signal or exit code, once it has ended. */
  readonly exited: Promise<string>;
  stop(): Promise<void>;
  kill(): Promise<void>;
}
export interface Neo4jDevOptions {
  readonly data: string;
  readonly port?: number;
  readonly password?: string;
  readonly maxDatabases?: number;
  readonly heapMb?: number;
  readonly pageCacheMb?: number;
  readonly flight?: number;
  readonly flightIdleSeconds?: number;
  readonly shortLived?: boolean;
  readonly say?: (line: string) => void;
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}
export declare class Neo4jDevError extends Error {
  readonly kind: 'unfit' | 'fetch' | 'failed';
}
export declare function neo4jDevProblem(
  env?: Readonly<Record<string, string | undefined>>,
): string | undefined;
export declare function buildNeo4jDev(options?: {
  readonly say?: (line: string) => void;
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}): Promise<Neo4jDevBuild>;
export declare function launchNeo4jDev(
  build: Neo4jDevBuild,
  options: Neo4jDevOptions,
): Promise<Neo4jDevServer>;
