/** What settings must be to one another. */

import type { Settings } from './settings.ts';

/** One line for each pair of settings that cannot work together. */
export function relationProblems({ orchestrator }: Settings): string[] {
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

/** One line for each setting that is right, but does nothing beside the others. */
export function relationNotes({ orchestrator }: Settings): string[] {
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
  return notes;
}
