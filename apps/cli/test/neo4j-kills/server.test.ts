/**
 * Neo4j itself is killed while workers stand in each step, and started again: the worker that goes on living, or the one
 * that comes after it, brings everything live, with every row once, and no restart of the store uses up the attempts.
 */

import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { databaseName } from '@graphshift/core';
import { type Point, type Program, simulateSnapshot, useNeo4j } from '@graphshift/testkit';
import { afterAll, afterEach, beforeAll, expect, it, vi } from 'vitest';
import type { DeploymentPlan, Plan } from '../kills/plan.ts';
import { FIRST, NEWER, plansOf, pointScenario, SUBJECT } from '../kills/scenarios.ts';
import { HELD_LOCK_MS, PATIENCE, type Stage } from '../kills/stage.ts';
import { type BoltLink, openBoltLink } from './bolt-link.ts';
import { bringLive, expectWhole, openStage, rowsFor, rowsOf } from './ground.ts';
import { type Reader, startReader } from './reader.ts';

/** Where a deployment stands when the server goes, by customer; those whose alias has moved before stand over it. */
type Standing = Readonly<Record<string, Point>>;
/** In a worker that goes on living. */
const SURVIVING: Standing = {
  opened: 'opened',
  'in-nodes': 'in nodes',
  nodes: 'nodes',
  'in-relationships': 'in relationships',
  'in-seal': 'in seal',
  sealed: 'sealed',
  proven: 'proven',
  unmarked: 'unmarked',
  prepared: 'prepared',
  fired: 'fired',
  'drop-prepared': 'drop prepared',
};
/** In one that is killed with the server. */
const SUCCEEDED: Standing = {
  relationships: 'relationships',
  'at-verifying': 'after loading>verifying',
  'at-switching': 'after verifying>switching',
  'prepared-too': 'prepared',
  'at-live': 'before switching>live',
  dropped: 'dropped',
};
/** The commit of their cutover does not come to the server, or its answer not to the worker. */
const LOST = { 'request-lost': 'request', 'answer-lost': 'answer' } as const;
const OVER_ALIAS = [
  'sealed',
  'unmarked',
  'prepared',
  'fired',
  'prepared-too',
  'at-live',
  ...Object.keys(LOST),
];
const DROPPING = ['drop-prepared', 'dropped'];

/** Of people; one company for fifty, three who are known and one place of work for each. */
const LARGE = { customer: 'large', timestamp: SUBJECT, nodes: 2000 } as const;
const LARGE_DATABASE = databaseName(LARGE);
const BATCH_ROWS = 100;
const LARGE_ROWS = 2000 + 40 + 6000 + 2000;
/** Transactions that one loader has under way; a killed one may have sent as many whose answer nobody saw. */
const SESSIONS = 2;

const server = useNeo4j({ own: true, maxDatabases: 120 });
let stage: Stage;
let link: BoltLink;
let reader: Reader;
/** Where the workers have their temporary files. */
let temporary: string;
const workers: Program[] = [];

beforeAll(async () => {
  if (server.problem) return;
  link = await openBoltLink(server.url);
  temporary = await mkdtemp(join(tmpdir(), 'gs-kills-'));
  stage = await openStage(server, {
    GRAPHSHIFT_STORE_BATCH_ROWS: String(BATCH_ROWS),
    GRAPHSHIFT_STORE_SESSIONS: String(SESSIONS),
    TMPDIR: temporary,
  });
  const standing = new Map<string, 1 | 2>(OVER_ALIAS.map((customer) => [customer, 1]));
  for (const customer of DROPPING) standing.set(customer, 2);
  await bringLive(stage, standing);
  reader = startReader({ server, customers: [...standing.keys()], people: (name) => stage.people(name) });
}, 900_000);
// Whoever is left of a test would take up what the next one records.
afterEach(async () => {
  for (const worker of workers.splice(0)) await stage.kill(worker);
});
afterAll(async () => {
  await stage?.close();
  await link?.close();
  if (temporary) await rm(temporary, { recursive: true, force: true });
});

function planOf(standing: Standing): Record<string, DeploymentPlan> {
  const plans: Record<string, DeploymentPlan> = {};
  for (const [customer, point] of Object.entries(standing)) {
    const scenario = DROPPING.includes(customer) ? pointScenario('dropped') : { end: 'live' as const };
    for (const [id, plan] of Object.entries(plansOf(customer, scenario, point)))
      plans[id] = { ...plan, goesOn: true };
  }
  return plans;
}

async function work(plan: Plan, slots: number, over?: BoltLink): Promise<Program> {
  const worker = await stage.victim(plan, slots, over && { GRAPHSHIFT_STORE: over.url });
  workers.push(worker);
  return worker;
}

function newestOf(customer: string): number {
  return DROPPING.includes(customer) ? NEWER : SUBJECT;
}

async function discover(customers: readonly string[]): Promise<void> {
  for (const customer of customers) {
    const timestamp = newestOf(customer);
    await stage.write(customer, timestamp);
    await stage.arrange(customer, { discover: timestamp });
  }
}

async function restartServer(): Promise<void> {
  await server.restart();
  reader.up();
}

async function killServer(): Promise<void> {
  reader.down();
  await server.kill();
}

/** What a worker says of attempts that failed, by the error's code. */
function failures({ lines }: Program): string[] {
  return lines.flatMap((line) => {
    if (!line.startsWith('{') || !/attempt \d+ failed|dead/.test(line)) return [];
    const { code } = JSON.parse(line) as { code?: string };
    return code === undefined ? [] : [code];
  });
}

it('comes to rest after the server was killed in every step, with the worker or without it', async () => {
  const [stays, goes] = [planOf(SURVIVING), planOf(SUCCEEDED)];
  const deployments = { ...stays, ...goes };
  const { store } = stage.backend;
  const target = async (customer: string) => (await store.alias(customer))?.properties.snapshot;
  const lost = Object.entries(LOST).map(async ([customer, what]) => {
    await link.lose(`ALTER ALIAS \`${customer}\``, what);
    // Now, and not later: once the transaction's time is over, its worker asks the store and does it again.
    if (what === 'request') expect(await target(customer)).toBe(FIRST);
  });
  const surviving = [...Object.keys(SURVIVING), ...Object.keys(LOST)];
  // As many at a time as it is to hold, so that the others are left to the second.
  const plan = { deployments, lockMs: HELD_LOCK_MS };
  const survivor = await work(plan, surviving.length, link);
  await discover(surviving);
  await stage.arrived(stays, [survivor]);
  const other = await work(plan, 64);
  await discover(Object.keys(SUCCEEDED));
  await stage.arrived(deployments, [survivor, other]);
  await Promise.all(lost);
  await vi.waitFor(async () => expect(await target('answer-lost')).toBe(SUBJECT), PATIENCE);

  await killServer();
  await stage.kill(other);
  survivor.process.kill('SIGUSR2');
  await stage.expireLocks(new Set(Object.keys(goes)));
  await restartServer();

  const customers = [...surviving, ...Object.keys(SUCCEEDED)];
  const ids = customers.map((customer) => `${customer}@${newestOf(customer)}`);
  await stage.reach(new Map(ids.map((id) => [id, 'live'])));
  await stage.reach(new Map(DROPPING.map((customer) => [`${customer}@${FIRST}`, 'retired'])));
  // What the server's end cost is one attempt each; while it starts, nothing is tried.
  const records = await stage.backend.deployments.getMany(ids);
  expect(records.filter(({ attempts }) => attempts > 1).map(({ id }) => id)).toEqual([]);
  expect(failures(survivor).filter((code) => !/^STORE_(UNREACHABLE|BUSY)$/.test(code))).toEqual([]);
  await expectWhole(stage, server);
}, 900_000);

it('waits without an attempt while the server is back and the database of a deployment is not', async () => {
  const standing: Standing = { 'away-nodes': 'nodes', 'away-sealed': 'sealed', 'away-unmarked': 'unmarked' };
  const plans = planOf(standing);
  const worker = await work({ deployments: plans }, 3);
  const customers = Object.keys(standing);
  await discover(customers);
  await stage.arrived(plans, [worker]);
  const name = (customer: string) => databaseName({ customer, timestamp: SUBJECT });
  for (const customer of customers) await server.run('system', `STOP DATABASE \`${name(customer)}\` WAIT`);
  worker.process.kill('SIGUSR2');
  const records = () => stage.backend.deployments.getMany(Object.keys(plans));
  const reason = (customer: string) => `database ${name(customer)} is there and not online; it waits for it`;
  await vi.waitFor(async () => {
    const found = await records();
    // Each pickup has an epoch of its own: more of them than there are attempts.
    expect(found.every(({ epoch }) => epoch > 8)).toBe(true);
    expect(found.map((record) => [record.state, record.reason])).toEqual(
      customers.map((customer) => ['waiting', reason(customer)]),
    );
  }, PATIENCE);
  for (const customer of customers) await server.run('system', `START DATABASE \`${name(customer)}\` WAIT`);
  await stage.reach(new Map(Object.keys(plans).map((id) => [id, 'live'])));
  for (const { id, attempts } of await records()) expect([id, attempts <= 1]).toEqual([id, true]);
}, 900_000);

it('goes on with a large load that was cut in the middle of a chunk, by either side, and loads no row twice', async () => {
  await simulateSnapshot(stage.installation.data, LARGE);
  await stage.arrange(LARGE.customer, { discover: LARGE.timestamp });
  const id = `${LARGE.customer}@${LARGE.timestamp}`;
  const batchesBefore = link.batches();
  const nodesCut = link.freezeAfter(15);
  const first = await work({ deployments: {} }, 1, link);
  await nodesCut;
  const scratch = (await readdir(temporary)).filter((name) => name.startsWith('graphshift-load-'));
  expect(scratch).not.toEqual([]);
  await stage.kill(first);
  link.thaw();
  const nodes = await chunks();
  expect(nodes.rows).toBeGreaterThanOrEqual(13 * BATCH_ROWS);
  expect(nodes.begun).toBeGreaterThan(0);
  await stage.expireLocks();

  const relationshipsCut = link.freezeAfter(40);
  const second = await work({ deployments: {} }, 1, link);
  await relationshipsCut;
  expect((await readdir(temporary)).filter((name) => scratch.includes(name))).toEqual([]);
  const rows = await chunks();
  expect(rows.rows).toBeGreaterThan(LARGE.nodes);
  expect(rows.begun).toBeGreaterThan(0);
  await killServer();
  await restartServer();
  link.thaw();
  await stage.reach(new Map([[id, 'live']]), { ...PATIENCE, timeout: 500_000 });

  expect(await rowsOf(server, LARGE_DATABASE)).toEqual(rowsFor(LARGE.nodes));
  const certificate = await stage.backend.store.certificate(LARGE_DATABASE);
  const counts = [...(certificate?.nodes ?? []), ...(certificate?.relationships ?? [])];
  const stations = (name: string, count: number) => ({
    ...{ name, footers: count, read: count, sent: count, acknowledged: count, counted: count },
  });
  expect(counts).toEqual([
    stations('Company', 40),
    stations('Person', 2000),
    stations('KNOWS', 6000),
    stations('WORKS_AT', 2000),
  ]);
  // Twice as many would have gone over the line; what was cut without an answer may have been sent again.
  const needed = LARGE_ROWS / BATCH_ROWS;
  expect(link.batches() - batchesBefore).toBeLessThanOrEqual(needed + rows.chunks + 2 * SESSIONS);
  const said = second.lines.filter((line) => /goes on with \d+ rows/.test(line));
  const kept = said.map((line) => Number(/goes on with (\d+) rows/.exec(line)?.[1]));
  // How often it goes on is for the machine to say: not at all where the server is back within the driver's own retries,
  // else once the worker finds it back, be that by an attempt or by waiting. Each time with all that was in.
  expect(kept[0]).toBeGreaterThanOrEqual(nodes.rows);
  for (const resumed of kept.slice(1)) expect(resumed).toBeGreaterThanOrEqual(rows.rows);
  await expectWhole(stage, server, new Map([[LARGE_DATABASE, LARGE.nodes]]));
  const { complaints, answers } = await reader.stop();
  expect(complaints).toEqual([]);
  expect(answers).toBeGreaterThan(100);
}, 900_000);

/** Rows of the large load that are in, and its chunks that are neither whole nor empty. */
async function chunks(): Promise<{ rows: number; begun: number; chunks: number }> {
  const [found] = await server.run(
    LARGE_DATABASE,
    `MATCH (c:_GraphshiftChunk) WITH c, c.rows > 0 AND c.rows < c.total AS begun
     RETURN sum(c.rows) AS rows, sum(CASE WHEN begun THEN 1 ELSE 0 END) AS begun, count(c) AS chunks`,
  );
  return { rows: Number(found?.rows), begun: Number(found?.begun), chunks: Number(found?.chunks) };
}
