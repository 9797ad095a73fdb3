/** What the doctor says, and what a rule is. */

import type { Picture } from './picture.ts';

/**
 * - `broken`: a promise does not hold now.
 * - `warning`: something is off that a worker mends by itself or that hurts nobody yet, or that cannot be judged.
 */
export type Severity = 'broken' | 'warning';

/** One thing that is off, as a rule sees it. */
export interface Observation {
  readonly severity: Severity;
  readonly customer?: string;
  /** What it is about, by its name in Redis or the store: a deployment, a job, a letter or a database. */
  readonly subject?: string;
  /**
   * One line that names things. It says since when and never how long, so that the same finding reads the same in two
   * looks.
   */
  readonly what: string;
  /** One line: what a person does about it. */
  readonly action: string;
}

export interface Finding extends Observation {
  /** Name of the rule, as in docs/doctor.md. */
  readonly rule: string;
  /** Number of the invariant that it belongs to, where it belongs to one. */
  readonly invariant?: number;
}

/** One promise, judged by rules of the doctor's own on one picture; pure. */
export interface Rule {
  readonly name: string;
  readonly invariant?: number;
  readonly check: (picture: Picture) => readonly Observation[];
}

export function at(milliseconds: number): string {
  return new Date(milliseconds).toISOString();
}
