import { symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { openSystem, type System } from './system.ts';

let system: System;
afterEach(() => system.stop());

const [FIRST, SECOND] = [1_700_000_000, 1_700_000_100] as const;
const PEOPLE = (most: number) => `MATCH (p:Person) RETURN count(p) <= ${most};\n`;

async function drop(timestamp: number, nodes: number, smoke: string): Promise<string> {
  const path = await system.write('acme', timestamp, nodes);
  await writeFile(join(path, 'verify.cypher'), smoke);
  return system.discover('acme', timestamp);
}

describe('smoke queries', () => {
  it('must all return true before a cutover; the alias stays where it is', async () => {
    system = await openSystem();
    await system.work();
    await system.reaches(await drop(FIRST, 20, `// few\n${PEOPLE(25)}`), 'live');
    const dead = await system.reaches(await drop(SECOND, 30, `RETURN true;\n${PEOPLE(25)}`), 'dead');
    expect(dead.error).toMatchObject({
      code: 'VERIFY_FAILED',
      message: `acme-${SECOND}: verify.cypher, line 2: it returned false; it must return true`,
    });
    expect(await system.people('acme')).toBe(20);
    await system.holdsOnly(['acme', FIRST]);
  });

  it('that the store refuses, that return nothing, or that lead out of the root fail too', async () => {
    system = await openSystem();
    await system.work();
    const message = async (timestamp: number, smoke: string) => {
      const record = await system.reaches(await drop(timestamp, 20, smoke), 'dead');
      return record.error?.message;
    };
    expect(await message(FIRST, 'MATCH (p:Person) DELETE p')).toContain('verify.cypher, line 1: ');
    expect(await message(SECOND, 'MATCH (p:Nobody) RETURN true')).toContain('verify.cypher, line 1: ');
    const path = await system.write('beta', FIRST);
    await symlink('/etc/hostname', join(path, 'verify.cypher'));
    const linked = await system.reaches(await system.discover('beta', FIRST), 'dead');
    expect(linked.error?.message).toContain('a link that leads out of the root');
  });
});

it('a schema.cypher is no stray file, and left aside by a store that has no indexes to make', async () => {
  system = await openSystem();
  await system.work();
  const path = await system.write('acme', FIRST, 20);
  await writeFile(join(path, 'schema.cypher'), 'CREATE INDEX FOR (p:Person) ON (p.name)');
  await system.reaches(await system.discover('acme', FIRST), 'live');
  expect(await system.people('acme')).toBe(20);
});

describe('the bake', () => {
  it('moves the alias back when smoke queries fail after the cutover, and holds what failed', async () => {
    system = await openSystem({ 'orchestrator.bake_seconds': 3600 });
    await system.work();
    await system.reaches(await drop(FIRST, 20, PEOPLE(25)), 'live');
    await system.reaches(await drop(SECOND, 21, PEOPLE(25)), 'live');
    // Readers would find it out in production; here the question changes.
    await writeFile(join(system.installation.data, 'acme', String(SECOND), 'verify.cypher'), PEOPLE(20));
    const left = await system.reaches(`acme@${SECOND}`, 'rolled-back');
    expect(left.reason).toContain('rolled back to acme-1700000000');
    expect(await system.people('acme')).toBe(20);
    const alias = await system.backend.store.alias('acme');
    expect(alias?.properties.holds).toMatchObject([
      { timestamp: SECOND, reason: expect.stringContaining('verify.cypher, line 1: it returned false') },
    ]);
    // What it went back to has baked: its queries, wrong by now, move nothing.
    await writeFile(join(system.installation.data, 'acme', String(FIRST), 'verify.cypher'), 'RETURN false');
    await system.holdsOnly(['acme', FIRST]);
    expect((await system.backend.deployments.get(`acme@${FIRST}`))?.state).toBe('live');
  });
});
