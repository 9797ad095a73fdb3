/**
 * What the gate measures of a Neo4j server. The heap and the page cache come through JMX, of the one server that
 * answers: in a cluster that is one member, and the next reading may be another's. The server tells no disk.
 */

import type { Driver, Session } from 'neo4j-driver';
import type { StoreHealth } from '../graph-store.ts';

/** The measures of a server; one that it does not tell is left out, and `missing` says why. */
export type ServerMeasures = Required<Pick<StoreHealth, 'percent' | 'meaning' | 'missing'>> &
  Pick<StoreHealth, 'databases'>;

export interface MeasureOptions {
  /** After which the server ends a statement. @default 5000 */
  readonly timeoutMs?: number;
  /** All databases of the server by name, where the caller has just listed them; else it is asked. */
  readonly databases?: readonly string[];
}

const TIMEOUT_MS = 5000;
const MEMORY_BEANS = 'java.lang:type=Memory*,*';
/** Of Enterprise; what comes before is the server's own prefix for its metrics. */
const PAGE_CACHE_BEAN = 'neo4j.metrics:name=*.page_cache.usage_ratio';
const LIMIT_SETTING = 'dbms.max_databases';

const NOT_THERE = 'Neo.ClientError.Procedure.ProcedureNotFound';
const FORBIDDEN = 'Neo.ClientError.Security.Forbidden';

/**
 * @throws what the driver throws when the server does not answer, so that the gate closes; a question that this server
 * cannot answer, or not to this user, is no such error
 */
export async function readMeasures(driver: Driver, options: MeasureOptions = {}): Promise<ServerMeasures> {
  const session = driver.session({ database: 'system' });
  try {
    const ask = asker(session, options.timeoutMs ?? TIMEOUT_MS);
    const heap = await readHeap(ask);
    const pagecache = await readPageCache(ask);
    const limit = await readLimit(ask);
    const existing = options.databases?.length ?? (await countDatabases(ask));
    return {
      percent: {
        ...('percent' in heap && { heap: heap.percent }),
        ...('percent' in pagecache && { pagecache: pagecache.percent }),
      },
      meaning: 'percent' in heap ? { heap: heap.meaning } : {},
      missing: {
        ...('missing' in heap && { heap: heap.missing }),
        ...('missing' in pagecache && { pagecache: pagecache.missing }),
        ...(typeof limit === 'string' && { databases: limit }),
        disk: 'Neo4j does not tell the room on its disk',
      },
      ...(typeof limit === 'number' && { databases: { existing, limit } }),
    };
  } finally {
    await session.close();
  }
}

type Row = Readonly<Record<string, unknown>>;
type Ask = (statement: string, parameters?: Record<string, unknown>) => Promise<Row[]>;
interface Missing {
  readonly missing: string;
}

function asker(session: Session, timeout: number): Ask {
  return async (statement, parameters = {}) => {
    const { records } = await session.run(statement, parameters, { timeout });
    return records.map((record) => record.toObject());
  };
}

/** Beans by name, or why there are none. */
async function queryBeans(ask: Ask, query: string, columns: string): Promise<Row[] | Missing> {
  try {
    return await ask(`CALL dbms.queryJmx($query) YIELD name, attributes RETURN name, ${columns}`, { query });
  } catch (error) {
    const { code } = error as { code?: unknown };
    if (code === NOT_THERE) return { missing: 'the server has no procedure dbms.queryJmx' };
    if (code !== FORBIDDEN) throw error;
    return {
      missing:
        'the user may not run dbms.queryJmx; GRANT EXECUTE PROCEDURE dbms.queryJmx ON DBMS lets its role do so',
    };
  }
}

async function readHeap(ask: Ask): Promise<{ readonly percent: number; readonly meaning: string } | Missing> {
  const beans = await queryBeans(
    ask,
    MEMORY_BEANS,
    `attributes.HeapMemoryUsage.value.properties AS heap,
     attributes.Usage.value.properties AS usage,
     attributes.CollectionUsage.value.properties AS kept`,
  );
  return Array.isArray(beans) ? heapOf(beans) : beans;
}

/**
 * What has outlived collections, of its limit. The whole heap says little: a healthy JVM fills it with garbage before it
 * collects. Where there is no such generation, the whole heap is all there is to go by.
 * @param beans `name`, and for pools `usage` and `kept` (after the last collection), for the heap itself `heap`
 */
export function heapOf(beans: readonly Row[]): { percent: number; meaning: string } | Missing {
  for (const { name, usage, kept } of beans) {
    const pool = /[:,]name=([^,]+)/.exec(String(name))?.[1] ?? '';
    if (!/\b(Old Gen|Old Generation|Tenured Gen)$/.test(pool)) continue;
    // G1 and ZGC collect all the time; the others let garbage lie until this generation is full.
    const steady = /^(G1|ZGC)\b/.test(pool);
    const share = steady ? shareOf(usage) : (shareOf(kept, 'collected') ?? shareOf(usage));
    if (share !== undefined)
      return { percent: share, meaning: `what outlives collections in the server's heap (${pool})` };
  }
  const whole = beans.map(({ heap }) => shareOf(heap)).find((share) => share !== undefined);
  if (whole !== undefined) return { percent: whole, meaning: "the server's heap" };
  return { missing: "the server's JVM does not tell the limit of its heap" };
}

/** Percent that is used of a `java.lang.management.MemoryUsage`, or undefined where it names no limit. */
function shareOf(usage: unknown, needs?: 'collected'): number | undefined {
  const { used, max } = (usage ?? {}) as Row;
  if (used === undefined || !(Number(max) > 0)) return undefined;
  // Nothing at all after a collection: there was none yet.
  if (needs === 'collected' && Number(used) === 0) return undefined;
  return percent(Number(used) / Number(max));
}

async function readPageCache(ask: Ask): Promise<{ readonly percent: number } | Missing> {
  const beans = await queryBeans(ask, PAGE_CACHE_BEAN, 'attributes.Value.value AS ratio');
  return Array.isArray(beans) ? pageCacheOf(beans) : beans;
}

/** @param beans `ratio`: used pages of all pages, 0 to 1 */
export function pageCacheOf(beans: readonly Row[]): { readonly percent: number } | Missing {
  const ratio = beans.map(({ ratio }) => Number(ratio ?? Number.NaN)).find((one) => one >= 0);
  if (ratio !== undefined) return { percent: percent(ratio) };
  return { missing: 'the server has no bean page_cache.usage_ratio (Enterprise has, with its metrics on)' };
}

/** The server's limit on its databases, or why it is not known. */
async function readLimit(ask: Ask): Promise<number | string> {
  const [row] = await ask('SHOW SETTINGS YIELD name, value WHERE name = $name RETURN value', {
    name: LIMIT_SETTING,
  });
  const limit = Number(row?.value ?? Number.NaN);
  if (Number.isSafeInteger(limit)) return limit;
  return `the server does not tell ${LIMIT_SETTING}; GRANT SHOW SETTING ${LIMIT_SETTING} ON DBMS lets the role see it`;
}

/** All of them count, whoever made them; a cluster lists one several times. */
async function countDatabases(ask: Ask): Promise<number> {
  const [row] = await ask('SHOW DATABASES YIELD name RETURN count(DISTINCT name) AS databases');
  return Number(row?.databases);
}

function percent(share: number): number {
  return Math.round(share * 1000) / 10;
}
