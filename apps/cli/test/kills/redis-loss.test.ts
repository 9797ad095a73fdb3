/**
 * Redis killed, emptied, and thrown back by its last second, while real processes work: the same aliases, pins and holds,
 * nothing complete loaded again, nothing live dropped.
 */

import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { AliasInfo } from '@graphshift/core';
import type { Point, Program } from '@graphshift/testkit';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { Reader } from './reader.ts';
import { FIRST, NEWER, SECOND, SUBJECT } from './scenarios.ts';
import { PATIENCE, Stage } from './stage.ts';

const CUSTOMERS = ['plain', 'pinned', 'left'] as const;

let stage: Stage;
let reader: Reader;
let worker: Program;
let producer: Program;

/** Two snapshots live one after the other for each; one customer is pinned then, another one rolled back. */
beforeAll(async () => {
  stage = await Stage.open();
  await start();
  for (const timestamp of [FIRST, SECOND]) {
    for (const customer of CUSTOMERS) await stage.write(customer, timestamp);
    await stage.reach(new Map(CUSTOMERS.map((customer) => [`${customer}@${timestamp}`, 'live'])));
  }
  await stage.backend.operations.pin('pinned', 'test');
  await stage.backend.operations.rollback({ customer: 'left', by: 'test' });
  await stage.heals();
  reader = await stage.read(CUSTOMERS);
});
afterAll(() => stage.close());

async function start(): Promise<void> {
  worker = await stage.healthy();
  producer = await stage.victim({ runs: 'producer', deployments: {} });
}

async function end(): Promise<void> {
  await stage.kill(worker);
  await stage.kill(producer);
}

interface Standing {
  readonly aliases: readonly ReturnType<typeof withoutEpoch>[];
  readonly databases: ReadonlyMap<string, number>;
}

/** Every alias with its properties, but for its epoch, and which directories the complete databases are. */
async function standing(): Promise<Standing> {
  const { aliases, databases } = await stage.backend.store.list();
  const inodes = new Map<string, number>();
  for (const { name, state } of databases) {
    if (state !== 'complete') continue;
    inodes.set(name, (await stat(join(stage.installation.store, 'databases', name))).ino);
  }
  return { aliases: aliases.map(withoutEpoch), databases: inodes };
}

function withoutEpoch({ customer, database, properties: { epoch: _, ...properties } }: AliasInfo) {
  return { customer, database, properties };
}

/** What stood before stands after it, in the same directories: nothing was loaded again, moved or dropped. */
async function expectKept(before: Standing): Promise<void> {
  const now = await standing();
  const known = new Set(before.aliases.map(({ customer }) => customer));
  expect(now.aliases.filter(({ customer }) => known.has(customer))).toEqual(before.aliases);
  for (const [name, inode] of before.databases)
    expect([name, now.databases.get(name)]).toEqual([name, inode]);
}

async function newCustomer(name: string, timestamp = SUBJECT): Promise<string> {
  await stage.write(name, timestamp);
  return `${name}@${timestamp}`;
}

describe('Redis emptied', () => {
  it('while workers and a producer run, in the middle of a load too: everything comes back', async () => {
    const before = await standing();
    const id = await newCustomer('underway');
    await vi.waitFor(
      async () => expect((await stage.backend.deployments.get(id))?.state).toMatch(/loading|verifying|live/),
      { ...PATIENCE, interval: 20 },
    );
    await stage.installation.redis.flush();
    await stage.reach(
      new Map([
        [id, 'live'],
        [`plain@${SECOND}`, 'live'],
        [`plain@${FIRST}`, 'replaced'],
        [`pinned@${SECOND}`, 'live'],
        [`left@${FIRST}`, 'live'],
        [`left@${SECOND}`, 'rolled-back'],
      ]),
    );
    await stage.heals();
    await expectKept(before);
  });

  it('before a restart: everything comes back, and a newer snapshot of a pinned customer waits still', async () => {
    const before = await standing();
    await end();
    await stage.installation.redis.flush();
    await stage.write('pinned', SUBJECT);
    await start();
    await stage.reach(
      new Map([
        [`plain@${SECOND}`, 'live'],
        [`pinned@${SECOND}`, 'live'],
        [`pinned@${SUBJECT}`, 'waiting'],
        [`left@${SECOND}`, 'rolled-back'],
        [`underway@${SUBJECT}`, 'live'],
      ]),
    );
    await stage.heals();
    await expectKept(before);
  });
});

describe('Redis thrown back', () => {
  it('to before a cutover: the alias stays where it is, and the records follow it', async () => {
    const rewind = await stage.installation.redis.remember();
    await stage.write('plain', SUBJECT);
    // Retention takes the oldest now; what it still had to take would be missing afterwards, and rightly.
    await stage.reach(
      new Map([
        [`plain@${SUBJECT}`, 'live'],
        [`plain@${FIRST}`, 'retired'],
      ]),
    );
    const before = await standing();
    await rewind();
    await stage.reach(
      new Map([
        [`plain@${SUBJECT}`, 'live'],
        [`plain@${SECOND}`, 'replaced'],
      ]),
    );
    await stage.heals();
    await expectKept(before);
  });
});

describe('Redis killed and started again', () => {
  it.each(['in nodes', 'prepared', 'fired'] as const)(
    'at %s of a worker that goes on',
    async (point: Point) => {
      await end();
      const before = await standing();
      const customer = `killed-${point.replace(' ', '-')}`;
      const id = await newCustomer(customer);
      worker = await stage.victim({ deployments: { [id]: { pause: point } } }, 3);
      producer = await stage.victim({ runs: 'producer', deployments: {} });
      await worker.line(/^paused /);
      await stage.installation.redis.kill();
      worker.process.kill('SIGCONT');
      await stage.installation.redis.restart();
      await stage.reach(new Map([[id, 'live']]));
      await stage.heals();
      await expectKept(before);
      expect(await readdir(join(stage.installation.store, 'prepared', customer))).toEqual([]);
    },
  );

  it('never kept a reader from an answer', async () => {
    await stage.write('plain', NEWER);
    await stage.reach(new Map([[`plain@${NEWER}`, 'live']]));
    const { complaints, answers } = await reader.stop();
    expect(complaints).toEqual([]);
    expect(answers).toBeGreaterThan(100);
  });
});
