/**
 * The health of the system by written rules: each names the level that it brings and says why. The worst level counts;
 * docs/resilience.md shows the same table.
 */

import { expected, type HealthPicture, livingWorkers } from './picture.ts';

export const LEVELS = ['HEALTHY', 'DEGRADED', 'CRITICAL', 'EMERGENCY'] as const;
export type Level = (typeof LEVELS)[number];

/** Milliseconds that the rules go by. */
export interface HealthTimes {
  /** A deployment that waits longer for its turn is a worry. */
  readonly longWaitMs: number;
  /** Work that has waited for so long with no worker alive is an emergency. */
  readonly emergencyMs: number;
}

export interface HealthReason {
  readonly level: Exclude<Level, 'HEALTHY'>;
  readonly rule: string;
  /** One line. */
  readonly message: string;
}

export interface HealthRule {
  readonly name: string;
  readonly level: HealthReason['level'];
  /** For the document: when it holds. */
  readonly when: string;
  /** One line each for what it finds; none when it does not hold. */
  readonly find: (picture: HealthPicture, times: HealthTimes) => readonly string[];
}

export const HEALTH_RULES: readonly HealthRule[] = [
  {
    name: 'emergency-raised',
    level: 'EMERGENCY',
    when: 'a step of a recovery failed to the last attempt, and nobody has recovered that instance since',
    // It names the instance.
    find: ({ emergencies }) => emergencies.map(({ reason }) => reason),
  },
  {
    name: 'all-away',
    level: 'EMERGENCY',
    when: 'neither Redis nor the graph store answers',
    find: ({ redisProblem, storeProblem }) =>
      redisProblem !== undefined && storeProblem !== undefined
        ? ['neither Redis nor the graph store answers']
        : [],
  },
  {
    name: 'no-worker-long',
    level: 'EMERGENCY',
    when: 'no worker lives, and a deployment has waited longer than `emergency_threshold`',
    find: (picture, { emergencyMs }) =>
      workless(picture) && picture.oldestWaitMs >= emergencyMs
        ? [`no worker lives, and a deployment has waited for ${time(picture.oldestWaitMs)}`]
        : [],
  },
  {
    name: 'silent-holder-long',
    level: 'EMERGENCY',
    when: 'an instance has been silent past `emergency_threshold` and still holds deployments',
    find: ({ instances }) =>
      instances
        .filter(({ condition, holds }) => condition === 'emergency' && holds > 0)
        .map(
          ({ id, silentMs, holds }) =>
            `${id} is silent for ${time(silentMs)} and holds ${deployments(holds)}`,
        ),
  },
  {
    name: 'redis-away',
    level: 'CRITICAL',
    when: 'Redis does not answer',
    find: ({ redisProblem }) => (redisProblem === undefined ? [] : [`Redis ${redisProblem}`]),
  },
  {
    name: 'store-away',
    level: 'CRITICAL',
    when: 'the graph store does not answer or cannot be written',
    find: ({ storeProblem }) => (storeProblem === undefined ? [] : [`the graph store ${storeProblem}`]),
  },
  {
    name: 'no-worker',
    level: 'CRITICAL',
    when: 'no worker lives while deployments are on their way or wait',
    find: (picture) =>
      workless(picture)
        ? [`no worker lives, and ${deployments(picture.pending)} wait or were on their way`]
        : [],
  },
  {
    name: 'breaker-open-everywhere',
    level: 'CRITICAL',
    when: 'the same breaker is open in every living worker',
    find: (picture) => openEverywhere(picture),
  },
  {
    name: 'silent-holder',
    level: 'CRITICAL',
    when: 'an instance is silent past `heartbeat_timeout` and still holds deployments',
    find: ({ instances }) =>
      instances
        .filter(({ condition, holds }) => condition === 'failed' && holds > 0)
        .map(
          ({ id, silentMs, holds }) =>
            `${id} is silent for ${time(silentMs)} and holds ${deployments(holds)}`,
        ),
  },
  {
    name: 'half-lost',
    level: 'CRITICAL',
    when: 'half of the instances, and two at least, are silent past `heartbeat_timeout`',
    find: (picture) => {
      const all = expected(picture);
      const lost = all.filter(({ condition }) => condition === 'failed' || condition === 'emergency');
      return lost.length >= 2 && lost.length * 2 >= all.length
        ? [`${lost.length} of ${all.length} instances are silent`]
        : [];
    },
  },
  {
    name: 'recovery-failed',
    level: 'CRITICAL',
    when: 'the newest recovery of an instance failed, within the last hour',
    find: ({ recoveriesFailed: failed }) =>
      failed > 0 ? [`${failed} ${failed === 1 ? 'recovery' : 'recoveries'} failed within the last hour`] : [],
  },
  {
    name: 'instance-silent',
    level: 'DEGRADED',
    when: 'an instance is silent past `heartbeat_warning_threshold`, until it is recovered',
    find: (picture) =>
      expected(picture)
        .filter(({ condition }) => condition !== 'alive')
        .map(({ id, silentMs, condition }) => `${id} is silent for ${time(silentMs)} (${condition})`),
  },
  {
    name: 'breaker-open',
    level: 'DEGRADED',
    when: 'a breaker of a living instance is open or half-open',
    find: ({ breakers }) =>
      breakers
        .filter(({ state }) => state !== 'closed')
        .map(
          ({ instance, name, state, lastError }) =>
            `${name} is ${state} in ${instance}: ${lastError ?? 'no error'}`,
        ),
  },
  {
    name: 'gate-closed',
    level: 'DEGRADED',
    when: 'the gate is closed',
    find: ({ gateClosed }) => (gateClosed === undefined ? [] : [`the gate is closed: ${gateClosed}`]),
  },
  {
    name: 'dead-letters',
    level: 'DEGRADED',
    when: 'dead letters wait for a person',
    find: ({ deadLetters: dead }) => (dead > 0 ? [`${dead} dead ${dead === 1 ? 'letter' : 'letters'}`] : []),
  },
  {
    name: 'long-wait',
    level: 'DEGRADED',
    when: 'a deployment has waited longer than 15 minutes for its turn',
    find: ({ oldestWaitMs }, { longWaitMs }) =>
      oldestWaitMs >= longWaitMs ? [`a deployment has waited for ${time(oldestWaitMs)}`] : [],
  },
  {
    name: 'paused',
    level: 'DEGRADED',
    when: 'a living worker takes no work, as for want of memory',
    find: (picture) =>
      livingWorkers(picture)
        .filter(({ paused }) => paused !== '')
        .map(({ id, paused }) => `${id} takes no work: ${paused}`),
  },
  {
    name: 'early-warning',
    level: 'DEGRADED',
    when: 'the vital signs of a living instance look like those of one that fails',
    find: ({ instances }) =>
      instances
        .filter(({ condition }) => condition === 'alive')
        .flatMap(({ id, warnings }) => warnings.map(({ sign, message }) => `${id}: ${sign}: ${message}`)),
  },
];

export interface JudgedHealth {
  readonly level: Level;
  /** The worst first. */
  readonly reasons: readonly HealthReason[];
}

export function judgeHealth(picture: HealthPicture, times: HealthTimes): JudgedHealth {
  const reasons = HEALTH_RULES.flatMap(({ name, level, find }) =>
    find(picture, times).map((message) => ({ level, rule: name, message })),
  ).sort((a, b) => rank(b.level) - rank(a.level));
  return { level: reasons[0]?.level ?? 'HEALTHY', reasons };
}

export function rank(level: Level): number {
  return LEVELS.indexOf(level);
}

/** Whether a balancer may still send requests here. */
export function isServing(level: Level): boolean {
  return rank(level) < rank('CRITICAL');
}

/** What is not known without Redis is no lack of workers. */
function workless(picture: HealthPicture): boolean {
  return picture.redisProblem === undefined && picture.pending > 0 && livingWorkers(picture).length === 0;
}

function openEverywhere(picture: HealthPicture): string[] {
  const workers = livingWorkers(picture);
  const open = picture.breakers.filter(
    ({ instance, state }) => state === 'open' && workers.some(({ id }) => id === instance),
  );
  const names = [...new Set(open.map(({ name }) => name))];
  return names
    .filter((name) => workers.length > 0 && open.filter((one) => one.name === name).length === workers.length)
    .map((name) => `the breaker of ${name} is open in every worker`);
}

function deployments(count: number): string {
  return count === 1 ? '1 deployment' : `${count} deployments`;
}

function time(ms: number): string {
  const seconds = Math.round(ms / 1000);
  return seconds < 120 ? `${seconds} s` : `${Math.round(seconds / 60)} min`;
}
