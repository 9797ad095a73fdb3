/** What each fault does, and that it ends: after it the processes run, and links, clocks and services are as they were. */

import { setTimeout as wait } from 'node:timers/promises';
import type { Link, Random } from '@graphshift/testkit';
import type { Actor } from './actor.ts';
import type { Fault, FaultKind } from './faults.ts';
import { SCALED } from './times.ts';
import type { World } from './world.ts';

/** Longer than every lease and the timeout of heartbeats: the frozen one has lost what it held. */
const FREEZE_MS = SCALED.lockMs + 2000;
/** Longer than the emergency threshold too. */
const LONG_FREEZE_MS = 12_000;

export interface Stage {
  readonly world: World;
  readonly random: Random;
  readonly faketime: string | undefined;
  /** How long a process gets to come to its point. */
  readonly reachMs: number;
  /** How long a frozen worker sleeps at most until a newer snapshot went live without it. */
  readonly freezeMs: number;
  /** Whether there is a failure: nothing that is waited for matters any more. */
  readonly over: () => boolean;
}

type Perform = (stage: Stage, fault: Fault) => Promise<string>;

export const PERFORM: Readonly<Record<FaultKind, Perform>> = {
  kill: (stage, fault) => killAt(stage, worker(stage, fault), fault),
  'kill-producer': (stage, fault) => killAt(stage, stage.world.producer, fault),
  freeze,
  'redis-kill': async ({ world }, { forMs }) => {
    await world.installation.redis.kill();
    await wait(forMs / 2);
    await world.installation.redis.restart();
    return `for ${Math.round(forMs / 2)} ms`;
  },
  rewind: async ({ world }, { forMs }) => {
    const restore = await world.installation.redis.remember();
    await wait(forMs / 3);
    await restore();
    return `by ${Math.round(forMs / 3)} ms`;
  },
  flush: async ({ world }) => {
    await world.installation.redis.flush();
    return '';
  },
  cut: (stage, fault) => link(stage, fault, (one) => one.sever()),
  hold: (stage, fault) => link(stage, fault, (one) => one.hold(fault.direction), fault.direction),
  blackhole: (stage, fault) => link(stage, fault, (one) => one.blackhole(fault.direction), fault.direction),
  delay: (stage, fault) => link(stage, fault, (one) => one.delay(fault.forMs / 10), `${fault.forMs / 10} ms`),
  refuse: async (stage, fault) => {
    const actor = any(stage, fault);
    actor.orders.refused = true;
    await wait(fault.forMs);
    actor.orders.refused = false;
    return `${actor.name} for ${fault.forMs} ms`;
  },
  clock: async (stage, fault) => {
    const actor = any(stage, fault);
    actor.orders.clockOffsetMs = fault.clockMs;
    await wait(fault.forMs);
    actor.orders.clockOffsetMs = 0;
    return `${actor.name} by ${fault.clockMs} ms for ${fault.forMs} ms`;
  },
  faketime: async (stage, fault) => {
    const actor = worker(stage, fault);
    await actor.kill();
    await actor.start({
      LD_PRELOAD: stage.faketime ?? '',
      FAKETIME: `${fault.clockMs > 0 ? '+' : ''}${fault.clockMs / 1000}s`,
      FAKETIME_DONT_FAKE_MONOTONIC: '1',
    });
    return `${actor.name} by ${fault.clockMs} ms until its next end`;
  },
  full: async ({ world, random }) => (await world.target.faults.full?.(random)) ?? '',
  'store-kill': async ({ world, random }) => (await world.target.faults['store-kill']?.(random)) ?? '',
};

/** What a fault must have for itself, so that no other fault touches it meanwhile. */
export function laneOf(fault: Fault): string {
  const { kind } = fault;
  if (kind === 'redis-kill' || kind === 'rewind' || kind === 'flush') return 'redis';
  if (kind === 'full' || kind === 'store-kill') return 'store';
  if (kind === 'kill-producer') return 'producer';
  const ownWorker = kind === 'kill' || kind === 'freeze' || kind === 'faketime';
  return fault.producer && !ownWorker ? 'producer' : `worker ${fault.worker}`;
}

function worker({ world }: Stage, { worker: index }: Fault): Actor {
  return world.workers[index] ?? world.producer;
}

function any(stage: Stage, fault: Fault): Actor {
  return fault.producer ? stage.world.producer : worker(stage, fault);
}

async function killAt(stage: Stage, actor: Actor, fault: Fault): Promise<string> {
  const { point } = fault;
  const told: string[] = [];
  for (let time = 0; time < (fault.again ? 2 : 1); time++) {
    const [said] = await Promise.all([
      actor.reach({ point, act: 'SIGKILL' }, stage.reachMs, stage.over),
      stage.world.stir(fault.customer, stage.random),
    ]);
    told.push(said ?? `not at ${point}`);
    await actor.kill();
    await actor.start();
  }
  return `${actor.name} ${told.join(', then ')}`;
}

async function freeze(stage: Stage, fault: Fault): Promise<string> {
  const { world, random } = stage;
  const actor = worker(stage, fault);
  const [said] = await Promise.all([
    actor.reach({ point: fault.point, act: 'SIGSTOP' }, stage.reachMs, stage.over),
    world.stir(fault.customer, random),
  ]);
  actor.signal('SIGSTOP');
  const customer = /(\w+)@\d+$/.exec(said ?? '')?.[1] ?? fault.customer;
  const { timestamp } = await world.snapshots.publish(customer, random, 'small');
  const leastMs = fault.again ? LONG_FREEZE_MS : FREEZE_MS;
  await wait(leastMs);
  const passed = async () => (world.judge.alias(customer)?.timestamp ?? 0) >= timestamp;
  await world.waitFor(async () => stage.over() || (await passed()), stage.freezeMs - leastMs);
  const overtaken = await passed();
  actor.signal('SIGCONT');
  const meanwhile = overtaken ? `${customer}@${timestamp} went live meanwhile` : 'nothing newer went live';
  return `${actor.name} ${said ?? `not at ${fault.point}`}; ${meanwhile}`;
}

async function link(stage: Stage, fault: Fault, harm: (link: Link) => void, how = ''): Promise<string> {
  const actor = any(stage, fault);
  const ofStore = fault.storeLink ? actor.storeLink : undefined;
  const harmed = ofStore ?? actor.link;
  harm(harmed);
  await wait(fault.forMs);
  harmed.mend();
  return `${actor.name} to ${ofStore ? 'the store' : 'Redis'} ${how} for ${fault.forMs} ms`;
}
