// What must hold of Dockerfile, .dockerignore and docker-compose.yml; scripts/image-steps.mjs runs them.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { parse } from 'yaml';
import { environmentName, settingPaths, settingsSchema } from '../packages/core/src/index.ts';
import { parseDockerfile, parsePairs, readIgnore } from './dockerfile.mjs';
import { OLDEST_NODE, ROOT } from './project.mjs';

const read = (name) => readFileSync(join(ROOT, name), 'utf8');
const stages = parseDockerfile(read('Dockerfile'));
const image = stages.at(-1);
const { services, volumes } = parse(read('docker-compose.yml'), { merge: true });
const defaults = settingsSchema.parse({});
const OURS = ['producer', 'worker', 'dashboard'];

const values = (stage, instruction) =>
  stage.steps.filter((step) => step.instruction === instruction).map(({ value }) => value);

/** `5m30s`, `330s` as seconds. */
function seconds(duration) {
  const [, hours = 0, minutes = 0, rest = 0] = /^(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?$/.exec(duration);
  return Number(hours) * 3600 + Number(minutes) * 60 + Number(rest);
}

/** What an engine is sent: all files below a directory of the checkout that are not ignored. */
function contextFiles(directory, ignored) {
  return readdirSync(join(ROOT, directory), { withFileTypes: true }).flatMap((entry) => {
    const path = directory === '' ? entry.name : `${directory}/${entry.name}`;
    if (ignored(path)) return [];
    return entry.isDirectory() ? contextFiles(path, ignored) : [path];
  });
}

it('builds in one stage and runs in another, on one Node that the project takes', () => {
  expect(stages).toHaveLength(2);
  expect(new Set(stages.map(({ base }) => base))).toEqual(new Set(['node:24-bookworm-slim']));
  expect(24).toBeGreaterThanOrEqual(Number(OLDEST_NODE.split('.')[0]));
  const copied = image.steps.filter(({ instruction }) => instruction === 'COPY');
  expect(copied.map(({ from }) => from)).toEqual(['build']);
});

it('runs as nobody special, through the command, and keeps its log on the console', () => {
  expect(values(image, 'USER')).toEqual(['1000:1000']);
  expect(JSON.parse(values(image, 'ENTRYPOINT')[0])).toEqual(['graphshift']);
  const environment = parsePairs(values(image, 'ENV').join(' '), { PATH: '/usr/bin' });
  expect(environment).toEqual({
    NODE_ENV: 'production',
    PATH: '/app:/usr/bin',
    GRAPHSHIFT_LOG_FILES: 'false',
    GRAPHSHIFT_HEALTH_HOST: '0.0.0.0',
  });
});

it('takes into the build only what it is made of', () => {
  const ignored = readIgnore(read('.dockerignore'));
  const taken = contextFiles('', ignored);
  expect(taken).toEqual(expect.arrayContaining(['package.json', 'pnpm-lock.yaml', 'graphshift', 'LICENSE']));
  expect(taken.filter((path) => /(^|\/)test\/|\.test\.|fixtures|^(demo|docs)\//.test(path))).toEqual([]);
  for (const path of [
    '.env',
    'graphshift.env',
    '.git/config',
    '.npmrc',
    'data/acme/1/nodes',
    'apps/cli/dist/main.js',
  ])
    expect([path, ignored(path)]).toEqual([path, true]);
  // Every source that tsc compiles, and every script that the builds call.
  for (const path of [
    'packages/core/src/queue/lua/claim-2.lua',
    'apps/cli/src/main.ts',
    'scripts/copy-assets.mjs',
  ])
    expect([path, ignored(path)]).toEqual([path, false]);
});

it('names only settings that there are', () => {
  const known = new Set(settingPaths().map(environmentName));
  const named = [
    ...Object.keys(parsePairs(values(image, 'ENV').join(' '))),
    ...OURS.flatMap((name) => Object.keys(services[name].environment)),
  ].filter((name) => !['NODE_ENV', 'PATH'].includes(name));
  expect(named.length).toBeGreaterThan(5);
  expect(named.filter((name) => !known.has(name))).toEqual([]);
});

it('starts one image after Redis is healthy, each with a health check, a limit and time to stop', () => {
  expect(Object.keys(services).sort()).toEqual([...OURS, 'neo4j', 'redis'].sort());
  for (const name of OURS) {
    const service = services[name];
    expect([name, service.image, service.command]).toEqual([name, 'graphshift', [name]]);
    expect(service).toMatchObject({
      init: true,
      restart: 'unless-stopped',
      cap_drop: ['ALL'],
      depends_on: { redis: { condition: 'service_healthy' } },
    });
  }
  for (const [name, service] of Object.entries(services)) {
    expect([name, service.healthcheck?.test?.length > 1]).toEqual([name, true]);
    expect([name, /^\d+[mg]$/.test(service.mem_limit)]).toEqual([name, true]);
    expect([name, seconds(service.healthcheck.timeout) > 0, service.healthcheck.retries > 0]).toEqual([
      name,
      true,
      true,
    ]);
    expect([name, seconds(service.stop_grace_period) > 10]).toEqual([name, true]);
  }
  for (const name of ['producer', 'worker'])
    expect(seconds(services[name].stop_grace_period)).toBeGreaterThan(
      defaults.orchestrator.shutdown_timeout + 40,
    );
});

it('lets there be any number of workers', () => {
  for (const name of ['worker', 'producer']) {
    expect(Object.keys(services[name])).not.toContain('container_name');
    expect(Object.keys(services[name])).not.toContain('ports');
    expect(Object.keys(services[name])).not.toContain('hostname');
  }
});

it('asks producer and worker where they answer', () => {
  for (const name of ['producer', 'worker'])
    expect(services[name].healthcheck.test.join(' ')).toContain(
      `:${services[name].environment.HEALTH_PORT}/healthz`,
    );
  expect(services.dashboard.healthcheck.test.join(' ')).toContain(`:${defaults.dashboard.port}/readyz`);
});

it('mounts where the settings look by themselves, snapshots for reading only', () => {
  const home = values(image, 'WORKDIR')[0];
  const place = (path) => `${home}/${path}`;
  const store = place(defaults.store.url.replace('embedded:', ''));
  for (const name of ['producer', 'worker']) {
    expect(services[name].volumes).toContain(
      `\${GRAPHSHIFT_SNAPSHOTS:-./data}:${place(defaults.orchestrator.data_path[0])}:ro`,
    );
    expect(services[name].volumes).toContain(`audit:${place(defaults.audit.directory)}`);
  }
  for (const name of OURS) {
    const [volume, path] = services[name].volumes.find((mount) => mount.startsWith('store:')).split(':');
    expect([name, volume in volumes, store.startsWith(`${path}/`)]).toEqual([name, true, true]);
  }
  // A new volume takes over the owner of what the image has there.
  const made = values(image, 'RUN').join(' ');
  for (const directory of ['data', '.graphshift', 'audit'])
    expect(made).toMatch(new RegExp(`chown 1000:1000 .*${directory}`));
});

it('keeps jobs on disk, and never evicts one', () => {
  const command = services.redis.command.join(' ');
  expect(command).toMatch(/--appendonly yes/);
  expect(command).toMatch(/--maxmemory-policy noeviction/);
  expect(services.redis.volumes).toEqual(['redis:/data']);
  expect(Object.keys(services.redis)).not.toContain('ports');
});

it('opens the dashboard to this machine alone, and only with a password that somebody chose', () => {
  expect(services.dashboard.environment.GRAPHSHIFT_DASHBOARD_PASSWORD).toMatch(
    /^\$\{GRAPHSHIFT_DASHBOARD_PASSWORD:\?.+\}$/,
  );
  expect(services.dashboard.ports).toEqual([`\${GRAPHSHIFT_DASHBOARD_ADDRESS:-127.0.0.1:8001}:8001`]);
});

it('starts Neo4j under its evaluation licence, and only when asked', () => {
  expect(services.neo4j).toMatchObject({
    profiles: ['neo4j'],
    image: 'neo4j:5.26-enterprise',
    environment: { NEO4J_ACCEPT_LICENSE_AGREEMENT: 'eval' },
  });
  for (const port of services.neo4j.ports) expect(port).toMatch(/^127\.0\.0\.1:/);
});

it('reads a Dockerfile as an engine does, and refuses what it does not know', () => {
  const [stage] = parseDockerfile(
    'FROM node:24 AS one\n# a comment\nRUN a \\\n  # within\n  && b\nCOPY --from=x a b ./\n',
  );
  expect(stage).toMatchObject({ base: 'node:24', name: 'one' });
  expect(stage.steps).toMatchObject([
    { instruction: 'RUN', value: 'a   && b', line: 3 },
    { instruction: 'COPY', from: 'x', sources: ['a', 'b'], target: './' },
  ]);
  expect(() => parseDockerfile('FROM a\nSHELL ["bash"]')).toThrow('Dockerfile:2 SHELL: not known here');
  expect(() => parseDockerfile('FROM a\nCOPY --chmod=1 a b')).toThrow('Dockerfile:2 COPY');
  expect(parsePairs('A="b c" D=$E/f', { E: 'e' })).toEqual({ A: 'b c', D: 'e/f' });
  const ignored = readIgnore('*\n!apps\n**/dist\n');
  expect(['x', 'apps', 'apps/a', 'apps/a/dist', 'apps/a/dist/b', 'apps/distance'].map(ignored)).toEqual([
    true,
    false,
    false,
    true,
    true,
    false,
  ]);
});
