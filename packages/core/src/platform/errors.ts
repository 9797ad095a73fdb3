/**
 * The catalogue of errors: one code for each thing that can go wrong, with what the pipeline does about it
 * and what a person can do. Messages name the file, key or value; the catalogue names the remedy.
 */

/**
 * What the pipeline does with an error: `retryable` is tried again with backoff, `permanent` is a dead letter
 * at once, `capacity` waits without using an attempt.
 */
export type ErrorClass = 'retryable' | 'permanent' | 'capacity';

interface CatalogueEntry {
  readonly class: ErrorClass;
  /** HTTP status where the error reaches an API caller. */
  readonly status: number;
  /** One sentence: what a person does about it. */
  readonly action: string;
}

export const ERRORS = {
  CONFIG_INVALID: { class: 'permanent', status: 400, action: 'Correct the named key.' },
  USAGE: { class: 'permanent', status: 400, action: 'See --help for what the command takes.' },
  UNAUTHORIZED: { class: 'permanent', status: 401, action: 'Send the token or password that is set.' },
  FORBIDDEN: { class: 'permanent', status: 403, action: 'Use a route that the board allows.' },
  ORIGIN_REFUSED: {
    class: 'permanent',
    status: 403,
    action: 'Open the dashboard by its own address and try again from there.',
  },
  REQUEST_INVALID: { class: 'permanent', status: 400, action: 'Correct what the message names.' },
  ROUTE_UNKNOWN: { class: 'permanent', status: 404, action: 'Check the address; the page at / has links.' },
  NOT_FOUND: {
    class: 'permanent',
    status: 404,
    action: 'Check the name; `graphshift deployments ls`, `aliases ls` and `status` list what there is.',
  },
  CONFLICT: {
    class: 'permanent',
    status: 409,
    action: 'Look at the current state first: `graphshift deployments show ID`.',
  },

  REDIS_UNREACHABLE: {
    class: 'retryable',
    status: 503,
    action: 'Start Redis or correct redis.url (REDIS_URL).',
  },
  REDIS_UNFIT: {
    class: 'permanent',
    status: 503,
    action: 'Set maxmemory-policy noeviction and turn on append-only persistence.',
  },
  STORE_UNREACHABLE: {
    class: 'retryable',
    status: 503,
    action: 'Check that the graph store runs and store.url is right.',
  },
  STORE_UNFIT: { class: 'permanent', status: 503, action: 'Use a store that has what the message names.' },
  STORE_OTHER: {
    class: 'permanent',
    status: 503,
    action:
      'Correct store.url, or give this installation a redis.prefix of its own; docs/operations.md says how one moves to another store.',
  },
  STORE_LOGIN: {
    class: 'capacity',
    status: 503,
    action:
      'Write the password into store.password_file, or correct store.password and start the process again.',
  },
  STORE_DENIED: {
    class: 'permanent',
    status: 503,
    action: 'Grant what the message names: docs/neo4j.md.',
  },
  STORE_BUSY: {
    class: 'retryable',
    status: 503,
    action: 'Nothing: it is tried again; look at the graph store if it stays.',
  },
  STORE_FULL: {
    class: 'capacity',
    status: 507,
    action: 'Give the graph store what the message says it ran out of: databases, memory or disk.',
  },
  STORE_FAILED: {
    class: 'retryable',
    status: 500,
    action: "It is tried again; look at the graph store's own log if it keeps failing.",
  },
  BREAKER_OPEN: {
    class: 'capacity',
    status: 503,
    action: 'Wait: it is asked again within a minute; mend what the message names if it stays.',
  },
  DISK_FULL: {
    class: 'capacity',
    status: 507,
    action: 'Free disk space below the path that the message names.',
  },

  ROOT_UNREADABLE: {
    class: 'retryable',
    status: 503,
    action: 'Create or mount the snapshot root that the message names, or correct its path.',
  },
  CUSTOMER_NAME: { class: 'permanent', status: 422, action: 'Rename the customer directory.' },
  SNAPSHOT_TIMESTAMP: {
    class: 'permanent',
    status: 422,
    action: 'Name the snapshot directory by its unix time in seconds.',
  },
  SNAPSHOT_EMPTY: {
    class: 'permanent',
    status: 422,
    action: 'Drop a snapshot with at least one file under nodes/<Label>/.',
  },
  SNAPSHOT_LAYOUT: {
    class: 'permanent',
    status: 422,
    action: 'Lay files out as nodes/<Label>/* and relationships/<TYPE>/*.',
  },
  SNAPSHOT_LINK: {
    class: 'permanent',
    status: 422,
    action: 'Copy the files in; links must not lead out of the root.',
  },
  SNAPSHOT_HELD: {
    class: 'permanent',
    status: 409,
    action: 'Nothing, or `graphshift deployments retry ID` to let it go live in spite of the rollback.',
  },
  SNAPSHOT_GONE: {
    class: 'permanent',
    status: 410,
    action: 'Nothing, if it was removed on purpose; else drop it again.',
  },
  SNAPSHOT_CHANGED: {
    class: 'permanent',
    status: 409,
    action: 'Drop the finished snapshot under a new timestamp.',
  },
  MANIFEST_INVALID: {
    class: 'permanent',
    status: 422,
    action: 'Write manifest.json as docs/snapshots.md says, after the files that it lists.',
  },
  MANIFEST_MISMATCH: {
    class: 'permanent',
    status: 422,
    action: 'Drop the snapshot again: its files are not the ones that its manifest lists.',
  },
  FILE_TRUNCATED: {
    class: 'permanent',
    status: 422,
    action: 'Write the file again and drop it as a new snapshot.',
  },
  FILE_FORMAT: { class: 'permanent', status: 422, action: 'Write the file as Parquet or Arrow IPC.' },
  FILE_UNREADABLE: {
    class: 'permanent',
    status: 422,
    action: 'Let the worker read the file, or write it again.',
  },
  COLUMN_MISSING: {
    class: 'permanent',
    status: 422,
    action: 'Node files begin with id and labels, relationship files with source id, target id and type.',
  },
  COLUMN_TYPE: {
    class: 'permanent',
    status: 422,
    action: 'Write the column as a type that the message names.',
  },
  COLUMN_NAME: { class: 'permanent', status: 422, action: 'Rename the column.' },
  SCHEMA_MIXED: {
    class: 'permanent',
    status: 422,
    action: 'Write all files of one label or type with the same columns.',
  },
  NODE_ID_MISSING: { class: 'permanent', status: 422, action: 'Give every node an id.' },
  NODE_ID_DUPLICATE: {
    class: 'permanent',
    status: 422,
    action: 'Make node ids unique over the whole snapshot.',
  },
  NODE_LABEL: { class: 'permanent', status: 422, action: "Put the folder's label among each node's labels." },
  RELATIONSHIP_TYPE: { class: 'permanent', status: 422, action: "Give each row its folder's type." },
  RELATIONSHIP_END: {
    class: 'permanent',
    status: 422,
    action: 'Put every node that relationships name into the snapshot.',
  },
  NAME_INVALID: { class: 'permanent', status: 422, action: 'Rename the label, type or property.' },

  LOAD_FAILED: {
    class: 'retryable',
    status: 500,
    action: 'It is tried again; look at the cause if it keeps failing.',
  },
  LOADER_DIED: {
    class: 'retryable',
    status: 500,
    action: 'It is tried again; give the loader more memory if it keeps dying.',
  },
  CERTIFICATE: {
    class: 'permanent',
    status: 500,
    action: 'Keep the snapshot and report it: rows read and rows counted differ.',
  },
  VERIFY_FAILED: {
    class: 'permanent',
    status: 422,
    action: 'Mend the snapshot or its verify.cypher, and drop it under a new timestamp.',
  },
  SCHEMA_INVALID: {
    class: 'permanent',
    status: 422,
    action:
      'Let schema.cypher have nothing but CREATE INDEX and CREATE CONSTRAINT, and drop the snapshot again.',
  },
  PARITY: {
    class: 'permanent',
    status: 422,
    action: 'Mend what the message names, in the data, schema.cypher or the live database; then redrive.',
  },
  POISON: {
    class: 'permanent',
    status: 500,
    action: "Look at the workers' logs: the deployment ended its worker several times.",
  },
  ABORTED: {
    class: 'retryable',
    status: 499,
    action: 'Nothing: the work was given back and goes on elsewhere.',
  },
  TOO_LATE: {
    class: 'permanent',
    status: 409,
    action: 'Use `graphshift rollback CUSTOMER` when it is live.',
  },
  FENCED: { class: 'retryable', status: 409, action: 'Nothing: a newer holder goes on with the work.' },
  QUERY_REFUSED: {
    class: 'permanent',
    status: 400,
    action: 'Ask with one reading statement: MATCH, UNWIND, WITH or RETURN.',
  },
  QUERY_FAILED: { class: 'permanent', status: 400, action: 'Correct the statement.' },
  QUERY_LIMIT: { class: 'permanent', status: 413, action: 'Ask for less: add LIMIT or a narrower pattern.' },
  DEV_SERVER_UNFIT: {
    class: 'permanent',
    status: 500,
    action: 'Mend what the message names; tools/neo4j-dev/README.md says what the development Neo4j needs.',
  },
  DEV_SERVER_FETCH: {
    class: 'retryable',
    status: 500,
    action: 'Check the network, or the mirror in the Maven settings, and try again.',
  },
  DEV_SERVER_FAILED: {
    class: 'retryable',
    status: 500,
    action: 'Look at logs/ in its data directory.',
  },
  INTERNAL: { class: 'retryable', status: 500, action: 'It is tried again; report it if it stays.' },
} as const satisfies Record<string, CatalogueEntry>;

export type ErrorCode = keyof typeof ERRORS;

/** An error as it crosses a process or lands in a record. */
export interface ErrorRecord {
  readonly code: ErrorCode;
  readonly class: ErrorClass;
  readonly message: string;
  readonly details?: Record<string, unknown>;
  readonly stack?: string;
  /** Messages of the errors behind it, the nearest first, where there are any. */
  readonly cause?: string;
}

/** Characters of a stack that are kept in records. */
const LONGEST_STACK = 20_000;

/** The only error class of the project: fields tell what happened, the catalogue what to do. */
export class GraphshiftError extends Error {
  override readonly name = 'GraphshiftError';
  readonly code: ErrorCode;
  readonly details: Record<string, unknown>;

  /**
   * @param code what happened, by the catalogue
   * @param message one line: what, where (file, key, value), what it may be
   * @param options `details` are fields for machines; `cause` the error behind it
   */
  constructor(
    code: ErrorCode,
    message: string,
    options: { details?: Record<string, unknown>; cause?: unknown } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.details = options.details ?? {};
  }

  get class(): ErrorClass {
    return ERRORS[this.code].class;
  }

  /** What a person does about it, from the catalogue. */
  get action(): string {
    return ERRORS[this.code].action;
  }

  toRecord(): ErrorRecord {
    return {
      code: this.code,
      class: this.class,
      message: this.message,
      ...(Object.keys(this.details).length > 0 && { details: this.details }),
      ...(this.stack !== undefined && { stack: stackOf(this) }),
      ...(this.cause !== undefined && { cause: causesOf(this).map(messageOf).join(': ') }),
    };
  }

  /** The error again, on the other side of a process boundary; code, details and stack are kept. */
  static fromRecord(record: ErrorRecord): GraphshiftError {
    const cause = record.cause === undefined ? undefined : new Error(record.cause);
    // Where the cause came from is in the stack already.
    if (cause) delete cause.stack;
    const error = new GraphshiftError(record.code, record.message, {
      ...(record.details && { details: record.details }),
      ...(cause && { cause }),
    });
    if (record.stack !== undefined) error.stack = record.stack;
    return error;
  }
}

/** Any thrown value as a catalogued error: what is not ours becomes `fallback`, with the original as its cause. */
export function asGraphshiftError(thrown: unknown, fallback: ErrorCode = 'INTERNAL'): GraphshiftError {
  if (thrown instanceof GraphshiftError) return thrown;
  return new GraphshiftError(isRedisAway(thrown) ? 'REDIS_UNREACHABLE' : fallback, messageOf(thrown), {
    cause: thrown,
  });
}

/** Its client gave a command up; its own message names an option that nobody outside the code can set. */
function isRedisAway(thrown: unknown): boolean {
  return thrown instanceof Error && thrown.name === 'MaxRetriesPerRequestError';
}

/** The errors behind an error, the nearest first; a chain that bites its tail ends there. */
function causesOf(error: Error): unknown[] {
  const causes: unknown[] = [];
  let cause = error.cause;
  while (cause !== undefined && !causes.includes(cause)) {
    causes.push(cause);
    cause = cause instanceof Error ? cause.cause : undefined;
  }
  return causes;
}

/** Its stack and those of the errors behind it. */
function stackOf(error: Error): string {
  const behind = causesOf(error).flatMap((cause) =>
    cause instanceof Error && cause.stack ? [cause.stack] : [],
  );
  return [error.stack ?? '', ...behind].join('\nCaused by: ').slice(0, LONGEST_STACK);
}

export function messageOf(thrown: unknown): string {
  if (isRedisAway(thrown)) return 'Redis does not answer';
  return thrown instanceof Error ? thrown.message : String(thrown);
}

/** For the end of a `switch` over a union: a new member does not compile until it has a case. */
export function assertNever(value: never): never {
  throw new GraphshiftError('INTERNAL', `unexpected value ${JSON.stringify(value)}`);
}
