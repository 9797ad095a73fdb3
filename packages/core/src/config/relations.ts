/** What settings must be to one another. */

import { environmentName } from './setting-paths.ts';
import type { Settings } from './settings.ts';

/** One line for each pair of settings that cannot work together. */
export function relationProblems(settings: Settings): string[] {
  return [...databaseProblems(settings), ...storeProblems(settings.store), ...heartbeatProblems(settings)];
}

function databaseProblems({ orchestrator }: Settings): string[] {
  const { retention, max_databases, bake_seconds, drain_seconds } = orchestrator;
  const problems: string[] = [];
  if (max_databases <= retention)
    problems.push(
      `orchestrator.max_databases is ${max_databases} with retention ${retention}: one customer keeps ${retention}, and its next load needs one more; max_databases must be at least ${retention + 1}`,
    );
  if (bake_seconds > 0 && retention < 2 && (drain_seconds ?? 0) < bake_seconds)
    problems.push(
      `orchestrator.bake_seconds is ${bake_seconds} with retention ${retention} and drain_seconds ${drain_seconds ?? 'at its default'}: the database that a rollback would go to is dropped before the bake is over; retention must be at least 2, or drain_seconds at least ${bake_seconds}`,
    );
  return problems;
}

function storeProblems({ url, password, password_file, bookkeeping_database }: Settings['store']): string[] {
  const problems: string[] = [];
  // Never printed: what stands before the @ may be a password.
  if (/^(?!embedded:).*\/\/.*@/.test(url))
    problems.push(
      'store.url carries a user name or password; they go into store.username and store.password or store.password_file',
    );
  if (password !== undefined && password_file !== undefined)
    problems.push('store.password and store.password_file are both set; one of them must go');
  if (/^system|-\d+$/.test(bookkeeping_database) || bookkeeping_database === 'neo4j')
    problems.push(
      `store.bookkeeping_database is "${bookkeeping_database}", which is the server's own name or one for a snapshot; it must be another`,
    );
  return problems;
}

/** Each time has to leave room for the one before it. */
const RISING = [
  ['heartbeat_interval', 'a beat that comes in time must be no warning'],
  ['heartbeat_warning_threshold', 'a warning comes before anything is taken from an instance'],
  ['heartbeat_timeout', 'an instance gets its recovery before the whole procedure'],
  ['emergency_threshold', ''],
] as const;

function heartbeatProblems({ resilience }: Settings): string[] {
  return RISING.slice(1).flatMap(([key], index) => {
    const [before, why] = RISING[index] ?? ['heartbeat_interval', ''];
    if (resilience[before] < resilience[key]) return [];
    return `resilience.${before} is ${resilience[before]} and resilience.${key} ${resilience[key]}: ${why}; ${key} must be more than ${resilience[before]} (${environmentName(`resilience.${key}`)})`;
  });
}

/** One line for each setting that is right, but does nothing beside the others. */
export function relationNotes({ orchestrator, resilience }: Settings): string[] {
  const { policy, supersede_running, scan_interval, full_scan_interval } = orchestrator;
  const { max_concurrent_loads, num_workers } = orchestrator;
  const notes: string[] = [];
  if (supersede_running && policy !== 'newest-first')
    notes.push(
      `orchestrator.supersede_running is ignored: it belongs to the policy newest-first, and this is ${policy}`,
    );
  if (full_scan_interval < scan_interval)
    notes.push(
      `orchestrator.full_scan_interval is ${full_scan_interval}, less than scan_interval ${scan_interval}: every scan is a full one`,
    );
  if (max_concurrent_loads !== undefined && max_concurrent_loads < num_workers)
    notes.push(
      `orchestrator.max_concurrent_loads is ${max_concurrent_loads}: of the num_workers ${num_workers} of one process no more run at once, the others wait at the gate`,
    );
  const { heartbeat_check_interval: check, heartbeat_timeout: timeout } = resilience;
  if (check >= timeout)
    notes.push(
      `resilience.heartbeat_check_interval is ${check} with heartbeat_timeout ${timeout}: a silent instance is seen up to ${check} s late`,
    );
  const { worker_memory_limit_mb: limit } = resilience;
  if (limit !== undefined && limit <= orchestrator.loader_memory_mb)
    notes.push(
      `resilience.worker_memory_limit_mb is ${limit} with loader_memory_mb ${orchestrator.loader_memory_mb}: a worker takes nothing more while one load uses its memory`,
    );
  return notes;
}
