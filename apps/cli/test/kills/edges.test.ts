/**
 * Kills a process right before and right after each edge of the table of transitions, and at each point between two
 * steps, many customers at a time; then one worker and one producer bring everything to rest, and the doctor, a reader
 * and the end states judge.
 */

import type { State } from '@graphshift/core';
import { EDGES, type Edge, LOAD_POINTS, ONCE_POINTS, type Point } from '@graphshift/testkit';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { DeploymentPlan } from './plan.ts';
import type { Reader } from './reader.ts';
import {
  BOARD,
  DEFAULT_BEFORE,
  FIRST,
  killPoint,
  pointScenario,
  SCENARIOS,
  type Scenario,
  SECOND,
  SUBJECT,
} from './scenarios.ts';
import { type KillCase, Stage } from './stage.ts';

interface Case extends KillCase {
  readonly edge?: Edge;
}

const CASES: readonly Case[] = [
  ...EDGES.flatMap((edge) => casesOf(edge, SCENARIOS[edge])),
  ...[...LOAD_POINTS, ...ONCE_POINTS].map((point): Case => {
    const once = (ONCE_POINTS as readonly Point[]).includes(point);
    return {
      customer: `at-${point.replaceAll(' ', '-')}`,
      scenario: pointScenario(point),
      points: [point, once ? undefined : point],
    };
  }),
  ...(['before', 'after'] as const).map((side): Case => {
    return { customer: `board-${side}`, scenario: BOARD, points: [`${side} dead>discovered`, undefined] };
  }),
];

/** Killed before the edge, and whoever goes on after it; by two customers where a kill before leads elsewhere. */
function casesOf(edge: Edge, scenario: Scenario | undefined): Case[] {
  if (!scenario) return [];
  const customer = edge.replace('>', '-to-');
  const [before, after] = [killPoint(edge, scenario, 'before'), killPoint(edge, scenario, 'after')];
  if (!scenario.endBefore) return [{ customer, scenario, edge, points: [before, after] }];
  const elsewhere = { ...scenario, end: scenario.endBefore };
  return [
    { customer: `${customer}-before`, scenario: elsewhere, points: [before, undefined] },
    { customer, scenario, edge, points: [after, undefined] },
  ];
}

/** The upkeep comes to one of these edges at a time and stands still there; the points are killed at once, and once. */
const UPKEEP = CASES.filter(({ scenario }) => scenario.upkeep);
const UPKEEP_CASES: readonly (readonly Case[])[] = [
  ...UPKEEP.filter(({ edge }) => edge).map((one) => [one]),
  UPKEEP.filter(({ edge }) => !edge),
];

/** Snapshots of a scenario that are on the disk. */
function snapshotsOf({ live = 0, subject = SUBJECT, before = DEFAULT_BEFORE, carrier }: Scenario): number[] {
  const named = before.flatMap((step) => ('discover' in step ? [step.discover] : []));
  const bases = [FIRST, SECOND].slice(0, live);
  return [...new Set([...bases, subject, ...named, ...(carrier ? [carrier.timestamp] : [])])];
}

let stage: Stage;
let reader: Reader;
beforeAll(async () => {
  // The failures of the scenarios come in a row, and an open breaker would keep the others from their points.
  stage = await Stage.open({}, { CIRCUIT_BREAKER_THRESHOLD: '1000' });
  for (const { customer, scenario } of CASES)
    for (const timestamp of snapshotsOf(scenario))
      await stage.write(customer, timestamp, timestamp === SUBJECT ? scenario.contentOf : timestamp);
});
afterAll(() => stage.close());

it('has a scenario for every edge of the table, and none for an edge that is no more', () => {
  expect(EDGES.filter((edge) => !SCENARIOS[edge])).toEqual([]);
  expect(Object.keys(SCENARIOS).filter((edge) => !(EDGES as readonly string[]).includes(edge))).toEqual([]);
});

it('takes by force only what no code takes yet', () => {
  expect(EDGES.filter((edge) => SCENARIOS[edge]?.forced)).toEqual([
    'queued>live',
    'waiting>live',
    'retrying>live',
    'loading>quarantined',
    'verifying>loading',
    'verifying>quarantined',
  ]);
});

/** Brings the first snapshots live, and the subjects to where the processes to be killed find them. */
async function prepare(): Promise<void> {
  const prepared = CASES.filter(({ scenario }) => scenario.prepared);
  const plans = prepared.map(({ customer, scenario }): [string, DeploymentPlan] => [
    `${customer}@${SUBJECT}`,
    { detours: scenario.prepared?.detours ?? {} },
  ]);
  const worker = await stage.victim({ deployments: Object.fromEntries(plans) });
  const withLive = (count: number) => CASES.filter(({ scenario: { live = 0 } }) => live >= count);
  await bring(FIRST, withLive(1), () => 'live');
  await bring(SECOND, withLive(2), () => 'live');
  await bring(SUBJECT, prepared, ({ prepared: how }) => how?.state ?? 'live');
  await stage.kill(worker);
  const readable = withLive(1).map(({ customer }) => customer);
  const back = CASES.filter(({ scenario }) => usesRollback(scenario)).map(({ customer }) => customer);
  reader = await stage.read(readable, (customer) => back.includes(customer));
}

async function bring(timestamp: number, cases: readonly Case[], to: (scenario: Scenario) => State) {
  for (const { customer } of cases) await stage.arrange(customer, { discover: timestamp });
  await stage.reach(
    new Map(cases.map(({ customer, scenario }) => [`${customer}@${timestamp}`, to(scenario)])),
  );
}

function usesRollback({ before = [], acts = [] }: Scenario): boolean {
  return before.some((step) => 'rollback' in step) || acts.some(({ act }) => act === 'rollback');
}

it('comes to rest after a process was killed before, after and between all of its steps', async () => {
  await prepare();
  await stage.killTwice(
    CASES.filter(({ scenario }) => !scenario.upkeep),
    2,
  );
  for (const cases of UPKEEP_CASES) await stage.killTwice(cases, 1);
  const walked = await stage.walked();
  const untrodden = CASES.filter(
    ({ customer, scenario, edge }) =>
      edge && !walked.has(`${customer}@${scenario.subject ?? SUBJECT} ${edge}`),
  );
  expect(untrodden.map(({ edge }) => edge)).toEqual([]);

  await stage.healthy();
  await stage.command(['producer']).line(/ready|scans|producer/);
  await stage.reach(
    new Map(
      CASES.map(({ customer, scenario }) => [`${customer}@${scenario.subject ?? SUBJECT}`, scenario.end]),
    ),
  );
  await stage.heals();
  const { complaints, answers } = await reader.stop();
  expect(complaints).toEqual([]);
  expect(answers).toBeGreaterThan(100);
}, 600_000);
