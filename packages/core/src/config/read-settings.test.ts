import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { GraphshiftError } from '../platform/errors.ts';
import { profileNames } from './profiles.ts';
import { type ReadSettings, readSettings, type SettingsInput } from './read-settings.ts';
import { environmentName } from './setting-paths.ts';

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'graphshift-config-'));
});
afterAll(() => rm(directory, { recursive: true, force: true }));

const read = (input: Partial<SettingsInput> = {}): ReadSettings =>
  readSettings({ environment: {}, directory, ...input });

async function written(name: string, ...lines: string[]): Promise<string> {
  const file = join(directory, name);
  await writeFile(file, `${lines.join('\n')}\n`);
  return file;
}

/** The lines of complaint. */
function refused(input: Partial<SettingsInput>): string[] {
  try {
    read(input);
  } catch (error) {
    expect((error as GraphshiftError).code).toBe('CONFIG_INVALID');
    return (error as GraphshiftError).message.split('\n').map((line) => line.trim());
  }
  throw new Error('it was taken');
}

describe('the section orchestrator', () => {
  it('has the documented names and defaults', () => {
    expect(read().settings.orchestrator).toMatchObject({
      num_workers: 1,
      scan_interval: 30,
      data_path: ['data'],
      max_databases: 50,
      heap_threshold_percent: 85,
      pagecache_threshold_percent: 90,
      disk_threshold_percent: 95,
      health_check_retry_delay: 60,
      max_retries: 3,
      retry_backoff_base: 2,
      shutdown_timeout: 300,
      settle_seconds: 5,
      retention: 2,
      bake_seconds: 0,
    });
    // Unlimited, and the store's own.
    expect(read().settings.orchestrator.max_concurrent_loads).toBeUndefined();
    expect(read().settings.orchestrator.drain_seconds).toBeUndefined();
  });
});

describe('a value of the wrong kind', () => {
  it.each([
    ['log.directory', '', 'must not be empty'],
    ['log.directory', 7, 'must be text'],
    ['log.level', 'loud', 'must be one of debug, info, warn, error, silent'],
    ['orchestrator.policy', 3, 'must be one of newest-first, in-order, latest-only'],
    ['orchestrator.data_path', [], 'must have at least one entry'],
    ['orchestrator.data_path', 7, 'must be text or a list'],
    ['orchestrator.num_workers', 'many', 'must be a number'],
    ['orchestrator.skip_unchanged', 'perhaps', 'must be true or false'],
  ])('%s %j: %s', (path, value, says) => {
    const [line = ''] = refused({ flags: { [path]: value } });
    expect(line.startsWith(`${path} is ${JSON.stringify(value)} (flag): ${says} (`)).toBe(true);
  });

  it('in a file where a section belongs is told in the same words', async () => {
    const file = await written('section.yaml', 'log: loud');
    expect(refused({ file }).join()).not.toMatch(/Invalid|Too |expected/);
  });
});

describe('profiles', () => {
  it.each([
    ['production', { num_workers: 2, scan_interval: 30, max_retries: 3, shutdown_timeout: 600 }],
    ['high-volume', { num_workers: 4, scan_interval: 15, max_retries: 5 }],
    ['conservative', { num_workers: 1, scan_interval: 60, max_retries: 2 }],
  ])('%s sets what it says, and nothing else', (profile, values) => {
    const { settings, sources } = read({ profile });
    expect(settings.orchestrator).toEqual({ ...read().settings.orchestrator, ...values });
    const from = [...sources].filter(([, source]) => source === 'profile').map(([path]) => path);
    expect(from.sort()).toEqual(
      Object.keys(values)
        .map((key) => `orchestrator.${key}`)
        .sort(),
    );
  });

  it('are these three', () => {
    expect(profileNames()).toEqual(['conservative', 'high-volume', 'production']);
  });

  it('stand between the file and the defaults: flag, environment, file, profile, default', async () => {
    const keys = ['num_workers', 'scan_interval', 'max_retries', 'shutdown_timeout', 'retention'] as const;
    const [flag, variable, inFile, inProfile, left] = keys;
    const lines = (value: number, ...of: string[]) => [
      'orchestrator:',
      ...of.map((key) => `  ${key}: ${value}`),
    ];
    const profile = await written('mine.yaml', ...lines(7, flag, variable, inFile, inProfile));
    const file = await written('own.yaml', ...lines(8, flag, variable, inFile));
    const { settings, sources } = read({
      profile,
      file,
      environment: {
        [environmentName(`orchestrator.${flag}`)]: '9',
        [environmentName(`orchestrator.${variable}`)]: '9',
      },
      flags: { [`orchestrator.${flag}`]: 10 },
    });
    expect(keys.map((key) => settings.orchestrator[key])).toEqual([10, 9, 8, 7, 2]);
    expect(keys.map((key) => sources.get(`orchestrator.${key}`))).toEqual([
      'flag',
      'environment',
      'file',
      'profile',
      'default',
    ]);
    expect(left).toBe('retention');
  });

  it('are chosen by flag, else by GRAPHSHIFT_PROFILE, else by the file', async () => {
    const file = await written('chooses.yaml', 'profile: conservative');
    const environment = { GRAPHSHIFT_PROFILE: 'high-volume' };
    expect(read({ file, environment, profile: 'production' }).profile?.name).toBe('production');
    expect(read({ file, environment }).profile?.name).toBe('high-volume');
    expect(read({ file, environment: { GRAPHSHIFT_PROFILE: '' } }).profile?.name).toBe('conservative');
    expect(read().profile).toBeUndefined();
  });

  it('that are not there are refused with what was meant', async () => {
    expect(refused({ profile: 'prodution' })).toEqual([
      '--profile is "prodution", an unknown profile; did you mean production?',
    ]);
    expect(refused({ profile: 'prod' })[0]).toMatch(/did you mean production\?$/);
    expect(refused({ environment: { GRAPHSHIFT_PROFILE: 'sprinting' } })).toEqual([
      'GRAPHSHIFT_PROFILE is "sprinting", an unknown profile; known are conservative, high-volume, production',
    ]);
    expect(refused({ profile: './nowhere.yaml' })[0]).toMatch(/nowhere\.yaml does not exist$/);
    expect(refused({ file: await written('number.yaml', 'profile: 3') })[0]).toMatch(
      /^the key profile of the configuration file is 3; it must be conservative/,
    );
    const nested = await written('nested.yaml', 'profile: production', 'orchestrator:', '  num_worker: 2');
    expect(refused({ profile: nested })).toEqual([
      `${nested}: unknown key orchestrator.num_worker; did you mean num_workers?`,
      `${nested}: a profile cannot name another one; remove the key profile`,
    ]);
  });
});

describe('what is wrong', () => {
  it('is told all at once, each in one line: where, what, what it may be', async () => {
    const file = await written(
      'wrong.yaml',
      'orchestrator:',
      '  scan_intervall: 5',
      '  retention: none',
      'redi:',
      '  url: redis://127.0.0.1',
      'log: loud',
    );
    const lines = refused({
      file,
      profile: 'fast',
      environment: {
        GRAPHSHIFT_ORCHESTRATOR_MAX_RETRIES: '-1',
        GRAPHSHIFT_DASHBOARD_PORT: 'tcp://10.0.0.1:80',
      },
      flags: { 'redis.url': 'http://127.0.0.1' },
    });
    expect(lines).toHaveLength(8);
    for (const part of [
      '--profile is "fast", an unknown profile',
      `${file}: unknown key orchestrator.scan_intervall; did you mean scan_interval?`,
      `${file}: unknown section redi; did you mean redis?`,
      `${file}: section log is "loud"; it must hold keys`,
      'orchestrator.retention is "none" (file): must be a number (complete databases kept for a customer)',
      'orchestrator.max_retries is "-1" (environment variable GRAPHSHIFT_ORCHESTRATOR_MAX_RETRIES): must be a whole number from 0 to 50',
      'dashboard.port is "tcp://10.0.0.1:80" (environment variable GRAPHSHIFT_DASHBOARD_PORT): must be',
      'redis.url is "http://127.0.0.1" (flag): must begin with redis://',
    ])
      expect(lines.join('\n')).toContain(part);
  });

  it.each([
    [
      { max_databases: 2 },
      'orchestrator.max_databases is 2 with retention 2: one customer keeps 2, and its next load needs one more; max_databases must be at least 3',
    ],
    [
      { retention: 1, bake_seconds: 60 },
      'orchestrator.bake_seconds is 60 with retention 1 and drain_seconds at its default: the database that a rollback would go to is dropped before the bake is over; retention must be at least 2, or drain_seconds at least 60',
    ],
  ])('between settings is told too: %j', (values, line) => {
    const flags = Object.fromEntries(
      Object.entries(values).map(([key, value]) => [`orchestrator.${key}`, value]),
    );
    expect(refused({ flags })).toEqual([line]);
  });

  it.each([
    [{ url: 'neo4j://neo4j:hunter2@db.example:7687' }, 'store.url carries a user name or password'],
    [{ url: 'neo4j://neo4j:a/hunter2@db.example:7687' }, 'store.url carries a user name or password'],
    [
      { password: 'hunter2', password_file: 'secret.txt' },
      'store.password and store.password_file are both set',
    ],
    [{ bookkeeping_database: 'acme-1700000000' }, 'store.bookkeeping_database is "acme-1700000000"'],
    [{ bookkeeping_database: 'system' }, 'store.bookkeeping_database is "system"'],
  ])('of the store is told without a secret: %j', (values, line) => {
    const flags = Object.fromEntries(Object.entries(values).map(([key, value]) => [`store.${key}`, value]));
    const lines = refused({ flags }).join('\n');
    expect(lines).toContain(line);
    expect(lines).not.toContain('hunter2');
  });

  it('is not a bake that the drain outlasts', () => {
    const flags = {
      'orchestrator.retention': 1,
      'orchestrator.bake_seconds': 60,
      'orchestrator.drain_seconds': 60,
    };
    expect(read({ flags }).notes).toEqual([]);
  });
});

describe('notes', () => {
  it('name what does nothing beside the others, and variables that set nothing', () => {
    const { notes } = read({
      environment: {
        GRAPHSHIFT_ORCHESTRATOR_POLICY: 'in-order',
        GRAPHSHIFT_ORCHESTRATOR_SUPERSEDE_RUNNING: 'true',
        GRAPHSHIFT_ORCHESTRATOR_FULL_SCAN_INTERVAL: '10',
        GRAPHSHIFT_ORCHESTRATOR_NUM_WORKERS: '4',
        GRAPHSHIFT_ORCHESTRATOR_MAX_CONCURRENT_LOADS: '3',
        GRAPHSHIFT_ORCHESTRATOR_MAX_RETRY: '3',
        GRAPHSHIFT_SCAN_INTERVAL: '15',
        GRAPHSHIFT_REDIS_SERVICE_HOST: '10.0.0.1',
      },
    });
    expect(notes).toEqual([
      'orchestrator.supersede_running is ignored: it belongs to the policy newest-first, and this is in-order',
      'orchestrator.full_scan_interval is 10, less than scan_interval 30: every scan is a full one',
      'orchestrator.max_concurrent_loads is 3: of the num_workers 4 of one process no more run at once, the others wait at the gate',
      'environment variable GRAPHSHIFT_ORCHESTRATOR_MAX_RETRY sets nothing; did you mean GRAPHSHIFT_ORCHESTRATOR_MAX_RETRIES?',
      'environment variable GRAPHSHIFT_SCAN_INTERVAL sets nothing; did you mean GRAPHSHIFT_ORCHESTRATOR_SCAN_INTERVAL?',
    ]);
  });
});
