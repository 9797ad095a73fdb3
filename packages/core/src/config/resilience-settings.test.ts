import { describe, expect, it } from 'vitest';
import type { GraphshiftError } from '../platform/errors.ts';
import { readSettings } from './read-settings.ts';
import { sampleConfig, sampleEnvironment } from './samples.ts';
import { settingsSchema } from './settings.ts';

const NAMES = {
  HEARTBEAT_INTERVAL: ['heartbeat_interval', 10, 7],
  HEARTBEAT_TIMEOUT: ['heartbeat_timeout', 300, 301],
  HEARTBEAT_WARNING_THRESHOLD: ['heartbeat_warning_threshold', 120, 121],
  HEARTBEAT_CHECK_INTERVAL: ['heartbeat_check_interval', 30, 31],
  EMERGENCY_THRESHOLD: ['emergency_threshold', 600, 601],
  MAX_RETRY_ATTEMPTS: ['max_retry_attempts', 3, 4],
  RETRY_DELAY_SECONDS: ['retry_delay_seconds', 5, 6],
  EXPONENTIAL_BACKOFF: ['exponential_backoff', true, false],
  CIRCUIT_BREAKER_THRESHOLD: ['circuit_breaker_threshold', 5, 8],
  CIRCUIT_BREAKER_TIMEOUT: ['circuit_breaker_timeout', 60, 61],
  EMERGENCY_RECOVERY_ENABLED: ['emergency_recovery_enabled', true, false],
} as const;

const read = (environment: Record<string, string>) => readSettings({ environment, directory: '/nowhere' });

function refused(environment: Record<string, string>): string[] {
  try {
    read(environment);
  } catch (error) {
    return (error as GraphshiftError).message.split('\n').map((line) => line.trim());
  }
  throw new Error('it was taken');
}

describe('the section resilience', () => {
  it.each(Object.entries(NAMES))(
    '%s has its default, and both of its names work',
    (name, [key, value, other]) => {
      expect(read({}).settings.resilience[key]).toBe(value);
      const bare = read({ [name]: String(other) });
      expect(bare.settings.resilience[key]).toBe(other);
      expect(bare.sources.get(`resilience.${key}`)).toBe('environment');
      const long = `GRAPHSHIFT_RESILIENCE_${key.toUpperCase()}`;
      expect(read({ [long]: String(other) }).settings.resilience[key]).toBe(other);
      expect(read({ [long]: String(other) }).notes).toEqual([]);
      // The bare one is the documented one.
      expect(read({ [name]: String(other), [long]: String(value) }).settings.resilience[key]).toBe(other);
    },
  );

  it('checks its times together, one line for each pair', () => {
    expect(refused({ HEARTBEAT_WARNING_THRESHOLD: '400', EMERGENCY_THRESHOLD: '300' })).toEqual([
      'resilience.heartbeat_warning_threshold is 400 and resilience.heartbeat_timeout 300: a warning comes before anything is taken from an instance; heartbeat_timeout must be more than 400 (HEARTBEAT_TIMEOUT)',
      'resilience.heartbeat_timeout is 300 and resilience.emergency_threshold 300: an instance gets its recovery before the whole procedure; emergency_threshold must be more than 300 (EMERGENCY_THRESHOLD)',
    ]);
    expect(refused({ HEARTBEAT_INTERVAL: '120' })).toEqual([
      'resilience.heartbeat_interval is 120 and resilience.heartbeat_warning_threshold 120: a beat that comes in time must be no warning; heartbeat_warning_threshold must be more than 120 (HEARTBEAT_WARNING_THRESHOLD)',
    ]);
  });

  it('names the variable that a wrong value came from', () => {
    expect(refused({ MAX_RETRY_ATTEMPTS: 'often' })[0]).toContain(
      'resilience.max_retry_attempts is "often" (environment variable MAX_RETRY_ATTEMPTS): must be a number',
    );
    expect(refused({ GRAPHSHIFT_RESILIENCE_MAX_RETRY_ATTEMPTS: '0' })[0]).toContain(
      'environment variable GRAPHSHIFT_RESILIENCE_MAX_RETRY_ATTEMPTS',
    );
  });

  it('notes what is allowed and hardly meant', () => {
    const { notes } = read({
      HEARTBEAT_CHECK_INTERVAL: '500',
      GRAPHSHIFT_RESILIENCE_WORKER_MEMORY_LIMIT_MB: '1024',
    });
    expect(notes).toEqual([
      'resilience.heartbeat_check_interval is 500 with heartbeat_timeout 300: a silent instance is seen up to 500 s late',
      'resilience.worker_memory_limit_mb is 1024 with loader_memory_mb 1024: a worker takes nothing more while one load uses its memory',
    ]);
  });
});

describe('samples', () => {
  it('the one for the environment sets every variable to its default', () => {
    const text = sampleEnvironment();
    const pairs = text.split('\n').filter((line) => /^[A-Z]/.test(line));
    const { settings } = read(Object.fromEntries(pairs.map((line) => line.split(/=(.*)/s).slice(0, 2))));
    expect(settings).toEqual(settingsSchema.parse({}));
    for (const name of Object.keys(NAMES)) expect(text).toMatch(new RegExp(`^${name}=`, 'm'));
  });

  it('the file has the section', () => {
    expect(sampleConfig()).toMatch(/^resilience:\n(.*\n)* {2}heartbeat_interval: 10$/m);
  });
});
