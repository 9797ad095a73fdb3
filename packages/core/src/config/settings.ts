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

const orchestrator = z.strictObject({
  data_path: z
    .union([z.string().transform((path) => [path]), z.array(z.string()).min(1)])
    .default(['data'])
    .describe('root directory of the snapshots, or a list of them'),
  num_workers: whole(1, 64).default(1).describe('loads at once in one worker process'),
  scan_interval: above(0.1).default(30).describe('seconds between two scans of a producer'),
  settle_seconds: above(0).default(5).describe('a snapshot is ready when unchanged for this long'),
  max_databases: whole(1).default(50).describe('databases in the store at which the gate closes'),
  heap_threshold_percent: percent
    .default(85)
    .describe("percent of the store's heap at which the gate closes"),
  pagecache_threshold_percent: percent
    .default(90)
    .describe('percent of the page cache at which the gate closes'),
  disk_threshold_percent: percent.default(95).describe('percent of the disk at which the gate closes'),
  health_check_retry_delay: above(0)
    .default(60)
    .describe('seconds until a deployment looks at a closed gate again'),
  max_retries: whole(0, 50).default(3).describe('retries after the first attempt'),
  retry_backoff_base: between(1, 60).default(2).describe('base of the backoff: base ** attempt seconds'),
  max_crashes: whole(1).default(3).describe('lost workers after which a deployment is a dead letter'),
  retention: whole(1).default(2).describe('complete databases kept for a customer'),
  id_property: z
    .string()
    .regex(/^[A-Za-z][A-Za-z0-9_]*$/, 'must be a plain property name')
    .default('id')
    .describe('property that holds the node id'),
  loader_memory_mb: whole(256).default(1024).describe('memory limit of one loading process in MB'),
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
  url: z.string().default('embedded:.graphshift/store').describe('embedded:DIR'),
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
});

export const settingsSchema = z.strictObject({
  orchestrator: orchestrator.prefault({}),
  redis: redis.prefault({}),
  store: store.prefault({}),
  dashboard: dashboard.prefault({}),
  log: log.prefault({}),
});

export type Settings = z.infer<typeof settingsSchema>;
export type SectionName = keyof Settings;

/** Each section's schema, for samples, suggestions and the names of environment variables. */
export const SECTIONS = { orchestrator, redis, store, dashboard, log } as const;

/** Paths that are never printed. */
export const SECRET_SETTINGS: ReadonlySet<string> = new Set(['dashboard.token', 'dashboard.password']);
