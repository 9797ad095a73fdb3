import { z } from 'zod';

/**
 * Every setting, with its default and unit. The section `orchestrator` keeps the documented names; a value may come
 * from a flag, the environment, `graphshift.config.yaml`, or the default, in this order.
 */

/** Numbers come as text from flags and the environment; nothing else becomes one, not even an empty value. */
const number = z.union(
  [
    z.number(),
    z
      .string()
      .regex(/^-?\d+(\.\d+)?$/, 'must be a number')
      .transform(Number),
  ],
  'must be a number',
);
const above = (least: number) => number.refine((value) => value >= least, `must be at least ${least}`);
const between = (least: number, most: number) =>
  number.refine((value) => value >= least && value <= most, `must be ${least} to ${most}`);
const whole = (least: number, most = Number.MAX_SAFE_INTEGER) =>
  number.refine(
    (value) => Number.isInteger(value) && value >= least && value <= most,
    `must be a whole number ${most === Number.MAX_SAFE_INTEGER ? `of at least ${least}` : `from ${least} to ${most}`}`,
  );
const percent = between(1, 100);
/** Text from flags and the environment counts too, spelled out. */
const yesOrNo = z.union(
  [z.boolean(), z.enum(['true', 'false']).transform((text) => text === 'true')],
  'must be true or false',
);

const orchestrator = z.strictObject({
  data_path: z
    .union([z.string().transform((path) => [path]), z.array(z.string()).min(1)])
    .default(['data'])
    .describe('root directory of the snapshots, or a list of them'),
  num_workers: whole(1, 64).default(1).describe('loads at once in one worker process'),
  chunk_min_bytes: whole(0)
    .default(268_435_456)
    .describe(
      "bytes of a snapshot's files from which other workers load parts of it, an eighth of this each (Neo4j over bolt; 0: never)",
    ),
  max_concurrent_loads: whole(1)
    .optional()
    .describe('loads at once in all processes together; unlimited unless set'),
  scan_interval: above(0.1).default(30).describe('seconds between two scans of a producer'),
  full_scan_interval: above(1)
    .default(600)
    .describe('seconds between two scans that look below customers whose own time has not moved'),
  settle_seconds: above(0).default(5).describe('a snapshot is ready when unchanged for this long'),
  readiness: z
    .enum(['settled', 'marker', 'manifest'])
    .default('settled')
    .describe(
      'when a snapshot is ready: settled, marker (a _SUCCESS file) or manifest (manifest.json holds)',
    ),
  policy: z
    .enum(['newest-first', 'in-order', 'latest-only'])
    .default('newest-first')
    .describe("order of a customer's snapshots: newest-first, in-order or latest-only"),
  supersede_running: yesOrNo
    .default(false)
    .describe('under newest-first: whether a newer snapshot stops the load of an older one'),
  skip_unchanged: yesOrNo
    .default(false)
    .describe('whether a snapshot with the content of the live one is skipped'),
  max_databases: whole(1).default(50).describe('databases in the store at which the gate closes'),
  heap_threshold_percent: percent
    .default(85)
    .describe("percent of the store's heap at which the gate closes (100: never)"),
  pagecache_threshold_percent: percent
    .default(90)
    .describe('percent of the page cache at which the gate closes (100: never)'),
  disk_threshold_percent: percent
    .default(95)
    .describe('percent of the disk at which the gate closes (100: never)'),
  capacity_check: yesOrNo
    .default(true)
    .describe('whether a load waits at the gate while its estimate does not fit into disk or memory'),
  disk_reserve_percent: between(0, 90)
    .default(5)
    .describe("percent of the store's disk that no load may take by its estimate"),
  health_check_retry_delay: above(0)
    .default(60)
    .describe('seconds until a deployment looks at a closed gate again'),
  max_retries: whole(0, 50).default(3).describe('retries after the first attempt'),
  retry_backoff_base: between(1, 60).default(2).describe('base of the backoff: base ** attempt seconds'),
  max_crashes: whole(1).default(3).describe('lost workers after which a deployment is a dead letter'),
  shutdown_timeout: above(0)
    .default(300)
    .describe('seconds that running loads get to end when a process is told to stop'),
  retention: whole(1).default(2).describe('complete databases kept for a customer'),
  bake_seconds: above(0)
    .default(0)
    .describe('seconds after a cutover in which failing smoke queries roll it back'),
  drain_seconds: above(0)
    .optional()
    .describe(
      'seconds that a replaced database stays for readers under way (300 on Neo4j, 0 on the embedded store)',
    ),
  drain_deadline_seconds: above(0)
    .default(3600)
    .describe('seconds after which it goes, though transactions still run on it (Neo4j)'),
  id_property: z
    .string()
    .regex(/^[A-Za-z][A-Za-z0-9_]*$/, 'must be a plain property name')
    .default('id')
    .describe('property that holds the node id'),
  loader_memory_mb: whole(256).default(1024).describe('memory limit of one loading process in MB'),
  status_file: z
    .string()
    .min(1)
    .default('orchestrator_status.json')
    .describe('where the producer writes the status'),
});

const redis = z.strictObject({
  url: z
    .string()
    .regex(/^rediss?:\/\//, 'must begin with redis:// or rediss://')
    .default('redis://127.0.0.1:6379')
    .describe('where Redis is: redis:// or rediss:// URL'),
  prefix: z
    .string()
    .regex(/^[A-Za-z0-9_.-]+$/, 'must be letters, digits, dots, dashes or underscores')
    .default('graphshift')
    .describe('name that tells installations on one Redis apart'),
});

const store = z.strictObject({
  url: z
    .string()
    .default('embedded:.graphshift/store')
    .describe('embedded:DIR, or neo4j://HOST or bolt://HOST, with +s for TLS'),
  username: z.string().min(1).default('neo4j').describe('Neo4j: user name'),
  password: z.string().min(1).optional().describe('Neo4j: password'),
  password_file: z
    .string()
    .min(1)
    .optional()
    .describe('Neo4j: file that holds the password, read again when the server refuses it'),
  ca_file: z
    .string()
    .min(1)
    .optional()
    .describe("Neo4j over TLS: PEM file of the authorities that the server's certificate may come from"),
  pool_size: whole(4).default(50).describe('Neo4j: connections of one process to one server at most'),
  acquisition_timeout: above(0.1)
    .default(60)
    .describe('Neo4j: seconds that a caller waits for a free connection'),
  connection_timeout: above(0.1).default(30).describe('Neo4j: seconds that a connection may take to open'),
  bookkeeping_database: z
    .string()
    .regex(/^[a-z][a-z0-9.-]{1,61}[a-z0-9]$/, 'must be a name for a database, in lower case')
    .default('graphshift')
    .describe("Neo4j: database in which epochs and certificates are kept; one of the server's databases"),
  index_timeout: above(1)
    .default(3600)
    .describe('Neo4j: seconds that the indexes of a new database may take to come online'),
  carry_privileges: yesOrNo
    .default(true)
    .describe('Neo4j: whether privileges granted on the live database come along to the new one'),
  loader: z
    .enum(['auto', 'bolt', 'arrow'])
    .default('auto')
    .describe('Neo4j: how rows go in: auto (what the server offers), bolt or arrow'),
  arrow_url: z
    .string()
    .optional()
    .describe(
      'Neo4j, arrow: where Arrow Flight is, as grpc://HOST:PORT, or grpc+tls://HOST:PORT for TLS; default: as the server says',
    ),
  sessions: whole(1, 64).default(4).describe('Neo4j, bolt: transactions of one load at a time'),
  batch_rows: whole(100, 1_000_000).default(10_000).describe('Neo4j, bolt: rows of one transaction at most'),
  keep_id: yesOrNo.default(true).describe('Neo4j: whether the id stays as a property of the nodes'),
  index_id: yesOrNo
    .default(true)
    .describe('Neo4j: whether each label has a uniqueness constraint on an id that stays'),
  decimals: z
    .enum(['float', 'text', 'refuse'])
    .default('float')
    .describe('Neo4j, which has no decimals: float (up to 15 digits, wider ones text), text or refuse'),
  unsigned: z
    .enum(['refuse', 'text'])
    .default('refuse')
    .describe('Neo4j: what becomes of integers beyond 2^63 - 1: refuse or text'),
});

const dashboard = z.strictObject({
  host: z
    .string()
    .default('127.0.0.1')
    .describe('address to listen on; anything but loopback needs a token or password'),
  port: whole(0, 65535).default(8001).describe('port; 0 takes a free one'),
  token: z.string().min(1).optional().describe('bearer token'),
  username: z.string().min(1).default('graphshift').describe('user name that goes with the password'),
  password: z.string().min(1).optional().describe('password for basic authentication'),
});

const log = z.strictObject({
  level: z
    .enum(['debug', 'info', 'warn', 'error', 'silent'])
    .default('info')
    .describe('least level that is written'),
  files: yesOrNo.default(true).describe('whether long-lived processes write log files too'),
  directory: z.string().min(1).default('logs').describe('directory of the log files'),
  max_files: whole(1).default(20).describe('log files kept; older ones are removed'),
});

const audit = z.strictObject({
  directory: z.string().min(1).default('audit').describe('directory of the audit files'),
  max_days: whole(1).default(90).describe('days that audit files are kept'),
});

const health = z.strictObject({
  host: z.string().default('127.0.0.1').describe('address on which producer and worker answer /healthz'),
  port: whole(0, 65535)
    .optional()
    .describe('port on which producer and worker answer /healthz; unset answers nowhere'),
});

const resilience = z.strictObject({
  heartbeat_interval: above(0.1).default(10).describe('seconds between two beats of a process'),
  heartbeat_warning_threshold: above(0.1)
    .default(120)
    .describe('seconds without a beat after which an instance is a warning'),
  heartbeat_timeout: above(0.1)
    .default(300)
    .describe('seconds without a beat after which what an instance holds is taken from it'),
  heartbeat_check_interval: above(0.1)
    .default(30)
    .describe('seconds between two looks of a worker at the beats of the others'),
  emergency_threshold: above(0.1)
    .default(600)
    .describe('seconds without a beat after which an instance gets the whole emergency recovery'),
  emergency_recovery_enabled: yesOrNo
    .default(true)
    .describe('whether workers begin an emergency recovery by themselves'),
  max_retry_attempts: whole(1, 20)
    .default(3)
    .describe('attempts at each step of a recovery; after the last one the system is in EMERGENCY'),
  retry_delay_seconds: above(0).default(5).describe('seconds between two attempts at a step of a recovery'),
  exponential_backoff: yesOrNo
    .default(true)
    .describe('whether each further attempt at a step waits twice as long as the one before'),
  circuit_breaker_threshold: whole(1).default(5).describe('failures in a row that open a circuit breaker'),
  circuit_breaker_timeout: above(0.1)
    .default(60)
    .describe('seconds after which an open circuit breaker lets one call through as a probe'),
  watchdog_seconds: above(1)
    .default(60)
    .describe(
      'seconds in which jobs wait and a worker with a free slot takes none, after which it restarts its consumer, and after as long again ends',
    ),
  worker_memory_limit_mb: whole(128)
    .optional()
    .describe(
      'memory of a worker process and its loaders in MB at which it takes no more work; no limit unless set',
    ),
});

export const settingsSchema = z.strictObject({
  orchestrator: orchestrator.prefault({}),
  redis: redis.prefault({}),
  store: store.prefault({}),
  dashboard: dashboard.prefault({}),
  log: log.prefault({}),
  audit: audit.prefault({}),
  health: health.prefault({}),
  resilience: resilience.prefault({}),
});

export type Settings = z.infer<typeof settingsSchema>;
export type SectionName = keyof Settings;

/** Each section's schema, for samples, suggestions and the names of environment variables. */
export const SECTIONS = { orchestrator, redis, store, dashboard, log, audit, health, resilience } as const;

/** Paths that are never printed. */
export const SECRET_SETTINGS: ReadonlySet<string> = new Set([
  'dashboard.token',
  'dashboard.password',
  'store.password',
]);
