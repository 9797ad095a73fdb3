/**
 * On Neo4j, a worker is killed before, at and after each step, many customers at a time: each stands still at its own
 * point, and the next worker, which goes on with it, is killed at another. Then one worker brings everything to rest, and
 * the doctor, a reader over the driver and the server's own counts judge.
 */

import { type Edge, LOAD_POINTS, ONCE_POINTS, type Point, useNeo4j } from '@graphshift/testkit';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { DEFAULT_BEFORE, pointScenario, SCENARIOS, type Scenario, SUBJECT } from '../kills/scenarios.ts';
import type { KillCase, Stage } from '../kills/stage.ts';
import { bringLive, expectWhole, openStage } from './ground.ts';
import { type Reader, startReader } from './reader.ts';

const ANEW: Scenario = { end: 'live' };
const OVER_ALIAS: Scenario = { live: 1, end: 'live' };

const CASES: readonly KillCase[] = [
  { customer: 'at-gated', scenario: ANEW, points: around('queued>gated') },
  { customer: 'at-loading', scenario: ANEW, points: around('gated>loading') },
  { customer: 'opened', scenario: ANEW, points: ['opened', 'checked'] },
  { customer: 'nodes', scenario: ANEW, points: ['in nodes', 'nodes'] },
  { customer: 'relationships', scenario: ANEW, points: ['in relationships', 'relationships'] },
  { customer: 'sealing', scenario: ANEW, points: ['in seal', 'sealed'] },
  { customer: 'at-verifying', scenario: ANEW, points: around('loading>verifying') },
  { customer: 'proven', scenario: OVER_ALIAS, points: ['proven', 'unmarked'] },
  { customer: 'at-switching', scenario: OVER_ALIAS, points: around('verifying>switching') },
  { customer: 'prepared', scenario: OVER_ALIAS, points: ['prepared', 'prepared'] },
  { customer: 'first-alias', scenario: ANEW, points: ['prepared', 'fired'] },
  { customer: 'fired', scenario: OVER_ALIAS, points: ['fired', undefined] },
  { customer: 'at-live', scenario: OVER_ALIAS, points: around('switching>live') },
  along('loading>retrying'),
  along('switching>retrying'),
  along('live>replaced'),
  along('replaced>retired'),
  along('live>rolled-back'),
  { customer: 'dropped', scenario: pointScenario('dropped'), points: ['drop prepared', 'dropped'] },
  // Once each: whoever goes on with these is the upkeep, which would stand still there with all that it does.
  ...(['before enqueue', 'enqueued', 'before letter', 'letter'] as const).map((point): KillCase => {
    const customer = `at-${point.replace(' ', '-')}`;
    return { customer, scenario: pointScenario(point), points: [point, undefined] };
  }),
];

function around(edge: Edge | 'discover'): [Point, Point] {
  return [`before ${edge}`, `after ${edge}`];
}

function along(edge: Edge): KillCase {
  const scenario = SCENARIOS[edge];
  if (!scenario) throw new Error(`no scenario for ${edge}`);
  return {
    customer: edge.replace('>', '-to-'),
    scenario,
    points: around(scenario.carrier?.step ?? edge),
  };
}

/**
 * The upkeep comes to one of its edges at a time and stands still there; the points are killed at once. What is loaded by
 * several workers comes last, so that it is cut twice and not in every round.
 */
const ALONE = ['replaced-to-retired', 'live-to-rolled-back'];
const UPKEEP = CASES.filter(({ scenario }) => scenario.upkeep);
const ROUNDS: readonly (readonly KillCase[])[] = [
  ...ALONE.map((name) => UPKEEP.filter(({ customer }) => customer === name)),
  UPKEEP.filter(({ customer }) => !ALONE.includes(customer)),
  CASES.filter(({ scenario }) => !scenario.upkeep),
];

/** Snapshots that are recorded after the first ones went live, by the test or by the processes. */
function arrivals({ before = DEFAULT_BEFORE, acts = [] }: Scenario): number[] {
  const named = before.flatMap((step) => ('discover' in step ? [step.discover] : []));
  const acted = acts.flatMap(({ act, timestamp }) => (act === 'discover' ? [timestamp] : []));
  return [...new Set([...named, ...acted])];
}

const server = useNeo4j({ own: true, maxDatabases: 120 });
let stage: Stage;
let reader: Reader;

beforeAll(async () => {
  if (server.problem) return;
  stage = await openStage(server);
  await bringLive(stage, new Map(CASES.map(({ customer, scenario: { live = 0 } }) => [customer, live])));
  reader = startReader({
    server,
    customers: CASES.filter(({ scenario }) => scenario.live).map(({ customer }) => customer),
    people: (database) => stage.people(database),
    mayGoBack: (customer) => customer === 'live-to-rolled-back',
  });
  for (const { customer, scenario } of CASES)
    for (const timestamp of arrivals(scenario)) await stage.write(customer, timestamp);
}, 900_000);
afterAll(() => stage?.close());

it('kills at every point of a deployment', () => {
  const points = new Set(CASES.flatMap(({ points: both }) => [...both]));
  expect([...LOAD_POINTS, ...ONCE_POINTS].filter((point) => !points.has(point))).toEqual([]);
});

it('comes to rest on Neo4j after its workers were killed before, at and after their steps', async () => {
  for (const cases of ROUNDS) await stage.killTwice(cases, 1);
  await stage.healthy();
  await stage.reach(
    new Map(
      CASES.map(({ customer, scenario: { subject = SUBJECT, end } }) => [`${customer}@${subject}`, end]),
    ),
  );
  await expectWhole(stage, server);
  const { complaints, answers } = await reader.stop();
  expect(complaints).toEqual([]);
  expect(answers).toBeGreaterThan(100);
}, 900_000);
