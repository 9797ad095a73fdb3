// `node scripts/image-steps.mjs [--keep]`: where no container engine is at hand, follows the Dockerfile in a bare folder
// with the image's Node, and then runs what the image would: each command of the command line that matters, a snapshot
// to its live database, and the health checks of docker-compose.yml. Needs a Redis server on the PATH and the registry.
import './require-node.mjs';
import { randomUUID } from 'node:crypto';
import { chmodSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parse } from 'yaml';
import { makeImage } from './image-folder.mjs';
import { isProgram, ROOT } from './project.mjs';
import { findServerProgram, freePort, launchServer } from './redis-server.mjs';
import { runCommand } from './steps.mjs';

const say = (line) => console.log(line);

/** Development tools and sources, none of which belong into the image. */
const UNWANTED = /^(typescript|vitest|tsx|turbo|@biomejs|playwright-core|vega-datasets|fast-check)(@|\+|$)/;

function expect(what, holds, found) {
  if (!holds) throw new Error(`${what}: ${typeof found === 'string' ? found : JSON.stringify(found)}`);
  say(`ok  ${what}`);
}

/** Runs the image's entry point to its end. */
async function graphshift(image, args, variables) {
  return image.start([...image.entrypoint, ...args], variables).ended;
}

function checkContent(image) {
  const app = join(image.root, 'app');
  const packages = readdirSync(join(app, 'node_modules/.pnpm'));
  expect(
    'no development packages',
    !packages.some((name) => UNWANTED.test(name)),
    packages.filter((name) => UNWANTED.test(name)),
  );
  const files = readdirSync(app, { recursive: true }).filter((file) => !file.includes('node_modules'));
  const sources = files.filter((file) => /(^|\/)(src|test)(\/|$)|(?<!\.d)\.ts$/.test(file));
  expect('no sources and no tests', sources.length === 0, sources.slice(0, 5));
  expect('the licence', existsSync(join(app, 'LICENSE')), files);
  const all = readdirSync(app, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  const bytes = all.reduce((sum, entry) => sum + statSync(join(entry.parentPath, entry.name)).size, 0);
  say(`    ${all.length} files, ${Math.round(bytes / 1e6)} MB beside the base image`);
}

async function checkCommands(image) {
  const node = await image.start(['node', '--version']).ended;
  expect(`Node ${node.output.trim()}`, /^v24\./.test(node.output), node);
  const version = await graphshift(image, ['--version']);
  const wanted = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')).version;
  expect('graphshift --version', version.output.trim() === wanted, version);
  const check = await graphshift(image, ['config', 'check']);
  expect('graphshift config check', check.code === 0, check);
}

async function checkDeployment(image, variables) {
  const dropped = await graphshift(image, ['simulate', '--customer', 'acme', '--rows', '500'], variables);
  expect('graphshift simulate', dropped.code === 0, dropped);
  const up = await graphshift(image, ['up', '--once', '--json'], {
    ...variables,
    GRAPHSHIFT_ORCHESTRATOR_SETTLE_SECONDS: '0.5',
    GRAPHSHIFT_ORCHESTRATOR_SCAN_INTERVAL: '0.5',
  });
  expect('graphshift up --once', up.code === 0, up);
  const [deployment] = JSON.parse(up.output).deployments;
  expect(`${deployment.id} is ${deployment.state}`, deployment.state === 'live', deployment);
  const statement = 'MATCH (n) RETURN count(*) AS nodes';
  const query = await graphshift(image, ['query', 'acme', statement, '--json'], variables);
  expect('graphshift query', JSON.parse(query.output)[0].nodes === deployment.nodes, query);
  const audit = await graphshift(image, ['audit', '--customer', 'acme', '--json'], variables);
  expect('graphshift audit', JSON.parse(audit.output).at(-1).to === 'live', audit);
  const written = readdirSync(join(image.directory, 'audit'));
  expect(`audit files ${written}`, written.length > 0, written);
  expect('no log files', !existsSync(join(image.directory, 'logs')), readdirSync(image.directory));
}

/** A process as docker-compose.yml runs it, asked by that file's own health check; on a port that is free here. */
async function checkService(image, name, service, variables) {
  const port = String(await freePort());
  const probe = service.healthcheck.test
    .slice(1)
    .map((word) => word.replace(/127\.0\.0\.1:\d+/, `127.0.0.1:${port}`));
  const environment = {
    ...service.environment,
    ...variables,
    HEALTH_PORT: port,
    GRAPHSHIFT_DASHBOARD_PORT: port,
  };
  const running = image.start([...image.entrypoint, ...service.command], environment);
  try {
    await running.line(new RegExp(`"${name} runs"`));
    const asked = await image.start(probe).ended;
    expect(`${name}: its health check passes`, asked.code === 0, asked);
    running.stop('SIGTERM');
    const { code, log } = await running.ended;
    expect(`${name}: SIGTERM ends it with 0`, code === 0, log);
    const after = await image.start(probe).ended;
    expect(`${name}: its health check fails without it`, after.code !== 0, after);
  } finally {
    running.stop('SIGKILL');
  }
}

async function main([keep]) {
  const found = findServerProgram();
  if (!found) throw new Error('redis-server or valkey-server must be on the PATH');
  const folder = mkdtempSync(join(tmpdir(), 'graphshift-image-'));
  // The image's user is not the one that makes the folder.
  chmodSync(folder, 0o755);
  let redis;
  try {
    const image = await makeImage(folder, say);
    checkContent(image);
    await checkCommands(image);
    redis = await launchServer(found.program, { directory: join(folder, 'redis') });
    await checkDeployment(image, { REDIS_URL: redis.url });
    const { services } = parse(readFileSync(join(ROOT, 'docker-compose.yml'), 'utf8'), { merge: true });
    for (const name of ['producer', 'worker', 'dashboard'])
      await checkService(image, name, services[name], {
        REDIS_URL: redis.url,
        GRAPHSHIFT_DASHBOARD_PASSWORD: randomUUID(),
        GRAPHSHIFT_DASHBOARD_TOKEN: '',
      });
    say('The image holds what it needs.');
  } finally {
    await redis?.stop();
    if (keep === '--keep') say(`kept: ${folder}`);
    else rmSync(folder, { recursive: true, force: true });
  }
}

if (isProgram(import.meta.url)) await runCommand(() => main(process.argv.slice(2)));
