/**
 * Every Redis key is made here. All of them carry the prefix as a hash tag, so that a script's keys lie in one slot
 * of a Redis Cluster; BullMQ gets the same prefix.
 */
export interface Keys {
  /** For BullMQ's `prefix` option. */
  readonly prefix: string;
  /** Hash: one deployment. */
  deployment(id: string): string;
  /**
   * Hash: what is done of a shared load. Beside it, with more in their names: `:todo` and `:taken`, sorted sets of chunk
   * numbers by server time in ms (when it may be taken, until when its holder has it); `:work`, `:rows`, `:base`, `:holders`,
   * `:tries` and `:offers`, hashes by number; `:offered`, the set of numbers that have a job.
   */
  ledger(id: string): string;
  /** The set of chunk numbers that have a job which nobody has taken. */
  ledgerOffers(id: string): string;
  /** Sorted set of deployment ids in a state, by time of arrival there. */
  state(state: string): string;
  /** Sorted set of one customer's deployment ids, by snapshot timestamp. */
  history(customer: string): string;
  /** Sorted set of one customer's `discovered` deployment ids, by snapshot timestamp. */
  backlog(customer: string): string;
  /** Hash: `head`, `epoch`, `live` of one customer. */
  customer(customer: string): string;
  /** Sorted set of all customers by name, scores 0. */
  readonly customers: string;
  /** Hash: database name → `held`, or the server time in ms at which it was released. */
  readonly reservations: string;
  /** Hash that expires: what loads have shown about the first values of estimates. */
  readonly capacity: string;
  /** Hash: the reading of the store that all processes share for a few seconds. */
  readonly reading: string;
  /** Text: who takes the next reading. */
  readonly readingLease: string;
  /** JSON: the newest reading in short, and what the gate makes of it. */
  readonly gate: string;
  /** Stream: every transition. */
  readonly audit: string;
  /** Text that expires: who exports the audit stream to files. */
  readonly auditLease: string;
  /** Hash: `incarnation` and `id` of the last exported audit entry. */
  readonly auditExported: string;
  /** Hash of counts since the installation began: `discovered`, `completed`, `failed`, `retried`. */
  readonly stats: string;
  /** List: milliseconds from first claim to live of the newest thousand, newest first. */
  readonly durations: string;
  /** Text that is made when the installation begins: another one means that Redis was emptied. */
  readonly incarnation: string;
  /** JSON: the graph store that the records are about. */
  readonly store: string;
  /** Text: the content hash of a snapshot whose files have these sizes and times. */
  contentHash(fingerprint: string): string;
  /** Sorted set of instance ids, by server time in ms of their last beat. */
  readonly instances: string;
  /** Hash: one running process. */
  instance(id: string): string;
  /** Text that expires: states of one instance's breakers, as JSON. */
  breakers(id: string): string;
  /** List that expires: newest samples of one instance's vital signs, as JSON, newest first. */
  vitals(id: string): string;
  /** Hash that expires: failures of one hour or day by kind; a bucket is hours or days since 1970. */
  failures(span: 'hour' | 'day', bucket: number): string;
  /** Text that expires: who recovers an instance. */
  recoveryLease(id: string): string;
  /** List of reports of recoveries as JSON, newest first. */
  readonly recoveries: string;
  /** Hash of counts since the installation began: `recovered`, `failed`. */
  readonly recoveryCounts: string;
  /** Hash: instance → JSON of why the system is in EMERGENCY because of it. */
  readonly emergencies: string;
  /** BullMQ's sorted set of delayed jobs, by due time in ms × 4096. */
  delayedJobs(queue: string): string;
  /** BullMQ's lock of one job. */
  jobLock(queue: string, job: string): string;
  /** Text: the instance that writes the status file; expires unless it is renewed. */
  readonly statusWriter: string;
  /** Set of the roots that have refusals. */
  readonly refusedRoots: string;
  /** Hash: path → error, for what below a root cannot be a deployment. */
  refusals(root: string): string;
}

export const DEFAULT_PREFIX = 'graphshift';

/** @param name text without braces that tells installations on one Redis apart */
export function makeKeys(name: string = DEFAULT_PREFIX): Keys {
  const prefix = `{${name}}`;
  return {
    prefix,
    deployment: (id) => `${prefix}:deployment:${id}`,
    ledger: (id) => `${prefix}:ledger:${id}`,
    ledgerOffers: (id) => `${prefix}:ledger:${id}:offered`,
    state: (state) => `${prefix}:state:${state}`,
    history: (customer) => `${prefix}:history:${customer}`,
    backlog: (customer) => `${prefix}:backlog:${customer}`,
    customer: (customer) => `${prefix}:customer:${customer}`,
    customers: `${prefix}:customers`,
    reservations: `${prefix}:reservations`,
    capacity: `${prefix}:capacity`,
    reading: `${prefix}:reading`,
    readingLease: `${prefix}:reading-lease`,
    gate: `${prefix}:gate`,
    audit: `${prefix}:audit`,
    auditLease: `${prefix}:audit-lease`,
    auditExported: `${prefix}:audit-exported`,
    stats: `${prefix}:stats`,
    durations: `${prefix}:durations`,
    incarnation: `${prefix}:incarnation`,
    store: `${prefix}:store`,
    contentHash: (fingerprint) => `${prefix}:content-hash:${fingerprint}`,
    instances: `${prefix}:instances`,
    instance: (id) => `${prefix}:instance:${id}`,
    breakers: (id) => `${prefix}:breakers:${id}`,
    vitals: (id) => `${prefix}:vitals:${id}`,
    failures: (span, bucket) => `${prefix}:failures:${span}:${bucket}`,
    recoveryLease: (id) => `${prefix}:recovery-lease:${id}`,
    recoveries: `${prefix}:recoveries`,
    recoveryCounts: `${prefix}:recovery-counts`,
    emergencies: `${prefix}:emergencies`,
    delayedJobs: (queue) => `${prefix}:${queue}:delayed`,
    jobLock: (queue, job) => `${prefix}:${queue}:${job}:lock`,
    statusWriter: `${prefix}:status-writer`,
    refusedRoots: `${prefix}:refused-roots`,
    refusals: (root) => `${prefix}:refusals:${root}`,
  };
}
