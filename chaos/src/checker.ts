/**
 * Judges the system at rest, from the store, the disk and the audit stream alone: it asks no code of the product and
 * none of its records.
 */

import { Redis } from 'ioredis';
import { isOrdinary, type Judge, RETENTION } from './judge.ts';
import type { Snapshots } from './snapshots.ts';
import type { Seen, Target } from './target.ts';
import { HELD, PINNED } from './times.ts';

/** As docs/lifecycle.md names them. */
const ENDS = new Set([
  'live',
  'replaced',
  'retired',
  'dead',
  'quarantined',
  'skipped',
  'superseded',
  'cancelled',
  'rolled-back',
]);

export interface AuditLine {
  readonly id: string;
  readonly deployment: string;
  readonly from: string;
  readonly to: string;
  readonly holder: string;
  readonly detail: string;
}

export interface CheckedSystem {
  readonly target: Target;
  readonly snapshots: Snapshots;
  readonly customers: readonly string[];
  readonly redisUrl: string;
}

/** The last state of each deployment; what a person does to one is told without a state. */
export function lastStates(audit: readonly AuditLine[]): Map<string, string> {
  return new Map(audit.filter(({ to }) => to !== '').map(({ deployment, to }) => [deployment, to]));
}

/** Every entry that the stream has, oldest first. */
export async function readAudit(url: string): Promise<AuditLine[]> {
  const redis = new Redis(url, { maxRetriesPerRequest: 3, enableReadyCheck: true });
  redis.on('error', () => {});
  try {
    const entries = await redis.xrange('{graphshift}:audit', '-', '+');
    return entries.map(([id, fields]) => {
      const entry = { id, deployment: '', from: '', to: '', holder: '', detail: '' };
      const pairs = Array.from({ length: fields.length / 2 }, (_, index) =>
        fields.slice(index * 2, index * 2 + 2),
      );
      return { ...entry, ...Object.fromEntries(pairs) };
    });
  } finally {
    redis.disconnect();
  }
}

/** What is not at rest yet, one line each; nothing when the system has come to rest. */
export async function unrest({ target, snapshots, customers, redisUrl }: CheckedSystem): Promise<string[]> {
  const seen = await target.look();
  const states = lastStates(await readAudit(redisUrl));
  const restless: string[] = [...seen.problems];
  for (const { customer, timestamp } of snapshots.all) {
    const state = states.get(`${customer}@${timestamp}`) ?? 'unknown';
    // Behind a pin nothing has to end.
    if (!ENDS.has(state) && customer !== PINNED) restless.push(`${customer}@${timestamp} is ${state}`);
  }
  for (const { name, complete } of seen.databases) if (!complete) restless.push(`${name} is half-loaded`);
  for (const customer of customers.filter(isOrdinary)) {
    const newest = Math.max(...snapshots.of(customer).map(({ timestamp }) => timestamp));
    const alias = seen.aliases.find((one) => one.customer === customer);
    if (alias?.timestamp !== newest)
      restless.push(`${customer} is at ${alias?.timestamp}, its newest snapshot is ${newest}`);
  }
  return [...restless, ...crowded(seen, customers)];
}

function crowded({ databases }: Seen, customers: readonly string[]): string[] {
  return customers
    .filter((customer) => customer !== PINNED)
    .flatMap((customer) => {
      const own = databases.filter((database) => database.customer === customer && database.complete);
      return own.length > RETENTION ? [`${customer} has ${own.length} complete databases`] : [];
    });
}

/** Judges the invariants once more where everything has come to rest. */
export async function checkAtRest(system: CheckedSystem, judge: Judge): Promise<void> {
  const seen = await system.target.look();
  const audit = await readAudit(system.redisUrl);
  judge.see(seen);
  for (const customer of system.customers) {
    const alias = seen.aliases.find((one) => one.customer === customer);
    if (!alias) judge.fail(1, `${customer} has no alias in the end`);
    const complete = seen.databases.filter((database) => database.customer === customer && database.complete);
    const kept = Math.min(RETENTION, system.snapshots.of(customer).length);
    if (isOrdinary(customer) && complete.length < Math.min(kept, wentLive(audit, customer)))
      judge.fail(5, `${customer} has ${complete.length} complete databases; ${RETENTION} are kept`);
  }
  const has = (customer: string) => system.customers.includes(customer);
  if (has(PINNED) && !seen.aliases.find(({ customer }) => customer === PINNED)?.pinned)
    judge.fail(6, `${PINNED} is not pinned`);
  if (has(HELD) && seen.aliases.find(({ customer }) => customer === HELD)?.holds.length === 0)
    judge.fail(6, `${HELD} holds nothing any more`);
  await checkContents(system, seen, judge);
  checkEnds(audit, system, judge);
  checkRecovered(audit, judge);
}

/** An instance whose recovery has ended takes up nothing any more, however late it wakes. */
export function checkRecovered(audit: readonly AuditLine[], judge: Pick<Judge, 'fail'>): void {
  const recovered = new Set<string>();
  for (const { deployment, holder, detail } of audit) {
    if (/^(recovery|emergency) done: /.test(detail)) recovered.add(deployment);
    else if (recovered.has(holder) && detail.startsWith('claimed '))
      judge.fail(7, `${holder} was recovered, and then took ${deployment} up`);
  }
}

/** How many of a customer's snapshots are live or were, by the stream. */
function wentLive(audit: readonly AuditLine[], customer: string): number {
  const own = audit.filter(({ deployment, to }) => to === 'live' && deployment.startsWith(`${customer}@`));
  return new Set(own.map(({ deployment }) => deployment)).size;
}

/** Every database has the rows that its snapshot's files have. */
async function checkContents({ target, snapshots }: CheckedSystem, seen: Seen, judge: Judge): Promise<void> {
  for (const { name, complete } of seen.databases) {
    const published = snapshots.get(name);
    if (!complete || !published) continue;
    const [stored, files] = [await target.content(name), await snapshots.content(published)];
    const [found, wanted] = [JSON.stringify(stored), JSON.stringify(files)];
    if (found !== wanted) judge.fail(1, `${name} holds ${found}, its snapshot ${wanted}`);
  }
}

/** One live deployment a customer, and nothing lost on the way. */
function checkEnds(audit: readonly AuditLine[], { snapshots, customers }: CheckedSystem, judge: Judge): void {
  const states = lastStates(audit);
  for (const customer of customers) {
    const own = snapshots.of(customer).map(({ timestamp }) => `${customer}@${timestamp}`);
    const live = own.filter((id) => states.get(id) === 'live');
    if (live.length !== 1)
      judge.fail(3, `${customer} has ${live.length} live deployments: ${live.join(', ')}`);
    for (const id of own)
      if (states.get(id) === 'dead' || states.get(id) === 'quarantined')
        judge.fail(3, `${id} is ${states.get(id)}, and nothing was wrong with it`);
  }
}
