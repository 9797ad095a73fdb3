import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { rejects } from '@graphshift/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readSettings } from '../config/read-settings.ts';
import { silentLogger } from '../platform/log.ts';
import { openConfiguredStore } from './open-store.ts';

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'graphshift-open-'));
  await writeFile(join(directory, 'password.txt'), 'from the file\n');
});
afterAll(() => rm(directory, { recursive: true, force: true }));

async function open(store: Record<string, string>) {
  const flags = Object.fromEntries(Object.entries(store).map(([key, value]) => [`store.${key}`, value]));
  const { settings } = readSettings({ environment: {}, directory, flags });
  return openConfiguredStore(settings, directory, silentLogger);
}

describe('the store that the settings name', () => {
  it.each([
    'neo4j://db.example',
    'neo4j+s://db.example:7687',
    'bolt://127.0.0.1:7687',
    'bolt+ssc://db.example',
  ])('is a Neo4j at %s', async (url) => {
    const store = await open({ url, password_file: 'password.txt' });
    expect([store.kind, store.drainMs]).toEqual(['neo4j', 300_000]);
    await store.stop();
  });

  it.each([
    [{ url: 'http://db.example' }, 'it must be embedded:DIR, neo4j://HOST or bolt://HOST'],
    [{ url: 'neo4j://db.example', password_file: 'missing.txt' }, 'missing.txt" cannot be read'],
    [{ url: 'bolt://db.example', ca_file: 'missing.pem' }, 'missing.pem" cannot be read'],
    [
      { url: 'bolt://db.example', arrow_url: 'http://x:1' },
      'store.arrow_url is "http://x:1"; it must be grpc://',
    ],
    [{ url: 'neo4j://' }, 'must name a host'],
  ])('is refused with one clear line: %j', async (settings, line) => {
    const error = await rejects(open(settings as Record<string, string>), 'CONFIG_INVALID');
    expect(error.message).toContain(line);
  });
});
