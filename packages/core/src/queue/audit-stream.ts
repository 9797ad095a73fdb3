/**
 * The audit stream in Redis: every transition and every action of a person, the newest 100,000 or so. Who exports it
 * to files holds a lease, under which alone the mark of what is exported moves.
 */

import type { Redis } from 'ioredis';
import type { Keys } from './keys.ts';
import { defineScripts, type RunScript } from './scripts.ts';

export interface AuditEntry {
  /** Of the stream: `<ms since 1970 by Redis's clock>-<number>`. */
  readonly id: string;
  /** Milliseconds since 1970, by the clock of who did it. */
  readonly at: number;
  /** What it was done to: a deployment, or such as a queue. */
  readonly deployment: string;
  readonly from: string;
  readonly to: string;
  readonly run: number;
  readonly holder: string;
  readonly detail: string;
}

export interface AuditFilter {
  readonly customer?: string | undefined;
  readonly deployment?: string | undefined;
  /** Milliseconds since 1970. */
  readonly since?: number | undefined;
  /** Entries at most, the newest. @default 1000 */
  readonly limit?: number | undefined;
}

/** What was exported last, and from which filling of Redis. */
export interface ExportMark {
  readonly incarnation: string;
  readonly id: string;
}

/** Before every entry. */
export const STREAM_START = '0-0';
const PAGE = 1000;
/** The last one that a date can tell. */
const LAST_INSTANT = 8_640_000_000_000_000;

export class AuditStream {
  readonly #redis: Redis;
  readonly #keys: Keys;
  readonly #script: RunScript;

  constructor(redis: Redis, keys: Keys) {
    this.#redis = redis;
    this.#keys = keys;
    this.#script = defineScripts(redis);
  }

  /** The newest entries that match, oldest first; reads as far back as it takes to find `limit` of them. */
  async read(filter: AuditFilter = {}): Promise<AuditEntry[]> {
    const { since, limit = 1000 } = filter;
    const found: AuditEntry[] = [];
    let end = '+';
    for (;;) {
      const page = await this.#redis.xrevrange(this.#keys.audit, end, since ?? '-', 'COUNT', PAGE);
      for (const [id, fields] of page) {
        const entry = auditEntry(id, fields);
        if (matchesAudit(entry, filter)) found.push(entry);
        if (found.length >= limit || isFirstOf(entry, filter.deployment)) return found.reverse();
      }
      const last = page.at(-1)?.[0];
      if (last === undefined || page.length < PAGE) return found.reverse();
      end = `(${last}`;
    }
  }

  /** The next entries after an id, oldest first. */
  async after(id: string, count: number): Promise<AuditEntry[]> {
    const page = await this.#redis.xrange(this.#keys.audit, `(${id}`, '+', 'COUNT', count);
    return page.map(([own, fields]) => auditEntry(own, fields));
  }

  /** Ids of the oldest and the newest entry; undefined when there is none. */
  async bounds(): Promise<{ first: string; last: string } | undefined> {
    const [first] = await this.#redis.xrange(this.#keys.audit, '-', '+', 'COUNT', 1);
    const [last] = await this.#redis.xrevrange(this.#keys.audit, '+', '-', 'COUNT', 1);
    return first && last && { first: first[0], last: last[0] };
  }

  /** Takes the export's lease, or keeps it. @returns false while somebody else holds it */
  async holdExport(holder: string, leaseMs: number): Promise<boolean> {
    return (await this.#exportLease('hold', holder, leaseMs)) === 1;
  }

  /** Moves the mark, if the caller still holds the lease. */
  async markExported(holder: string, leaseMs: number, mark: ExportMark): Promise<boolean> {
    return (await this.#exportLease('mark', holder, leaseMs, mark)) === 1;
  }

  /** Gives the lease back, so that another need not wait for its end. */
  async releaseExport(holder: string): Promise<void> {
    await this.#exportLease('release', holder, 0);
  }

  async exported(): Promise<ExportMark | undefined> {
    const [incarnation, id] = await this.#redis.hmget(this.#keys.auditExported, 'incarnation', 'id');
    return incarnation && id ? { incarnation, id } : undefined;
  }

  async #exportLease(act: string, holder: string, leaseMs: number, mark?: ExportMark): Promise<unknown> {
    const { auditLease, auditExported } = this.#keys;
    const values = [act, holder, leaseMs, mark?.incarnation ?? '', mark?.id ?? ''];
    return this.#script('export-audit-2', [auditLease, auditExported], values);
  }
}

/** Orders stream ids: negative when `a` is older. */
export function compareStreamIds(a: string, b: string): number {
  const [aMs = 0, aNumber = 0] = a.split('-').map(Number);
  const [bMs = 0, bNumber = 0] = b.split('-').map(Number);
  return aMs - bMs || aNumber - bNumber;
}

/** When an entry was added, by Redis's clock; milliseconds since 1970. */
export function addedAt(id: string): number {
  return Number(id.split('-')[0]);
}

/** Whether an entry is one of the customer or deployment that a filter names. */
export function matchesAudit(entry: AuditEntry, { customer, deployment }: AuditFilter): boolean {
  if (deployment !== undefined && entry.deployment !== deployment) return false;
  return customer === undefined || entry.deployment.startsWith(`${customer}@`);
}

/** Nothing of a deployment is older than its discovery: there a search for it may end. */
function isFirstOf(entry: AuditEntry, deployment: string | undefined): boolean {
  return entry.deployment === deployment && entry.from === '' && entry.to === 'discovered';
}

function auditEntry(id: string, fields: string[]): AuditEntry {
  const entry: Record<string, string> = {};
  for (let index = 0; index < fields.length; index += 2) entry[fields[index] ?? ''] = fields[index + 1] ?? '';
  const { at, deployment = '', from = '', to = '', run, holder = '', detail = '' } = entry;
  return { id, at: instant(at) ?? addedAt(id), deployment, from, to, run: Number(run) || 0, holder, detail };
}

/** What is no instant must not keep its entry, and all after it, from being written down. */
function instant(text: string | undefined): number | undefined {
  const at = Number(text ?? '');
  return at > 0 && at <= LAST_INSTANT ? at : undefined;
}
