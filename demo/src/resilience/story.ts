/**
 * The resilience demo: real processes, with the times of the resilience settings scaled down. A breaker opens and closes,
 * a worker is killed and recovered, and the system goes down to EMERGENCY and back.
 */

import type { DemoSurroundings } from '../demo.ts';
import type { System } from '../system.ts';
import { Stage, TIMES } from './stage.ts';

const NODES = 50;
/** Enough that a worker is busy with it when it is killed. */
const MANY_NODES = 120_000;

/** @returns the exit code: 0 when everything went as it should @throws naming what did not */
export async function showResilience(surroundings: DemoSurroundings): Promise<number> {
  const stage = await Stage.open(surroundings);
  try {
    await showSettings(stage);
    const [one, two] = await begin(stage);
    await showBreaker(stage);
    await showKill(stage, [one, two]);
    await showEmergency(stage);
    stage.say('Everything that was broken has mended.');
    return 0;
  } finally {
    await stage.stop();
  }
}

async function showSettings(stage: Stage): Promise<void> {
  title('Settings (shipped value, value of this demo)');
  for (const [name, shipped, here] of TIMES)
    process.stdout.write(`           ${name.padEnd(30)}${shipped.padStart(6)}${here.padStart(6)}\n`);
  stage.say(`page ${stage.url}/   curl ${stage.url}/resilience/status`);
}

async function begin(stage: Stage): Promise<[System, System]> {
  title('A producer, two workers and a dashboard');
  await stage.start('dashboard', 'dashboard');
  await stage.start('producer', 'producer');
  const workers: [System, System] = [
    await stage.start('worker', 'worker-1'),
    await stage.start('worker', 'worker-2'),
  ];
  await stage.until('four living instances', async () => {
    const { instances } = await stage.status();
    return instances.filter(({ condition }) => condition === 'alive').length === 4;
  });
  const id = await stage.drop('acme', 1_700_000_000, NODES);
  await lives(stage, id);
  stage.say(`${id} is live`);
  await reachLevel(stage, 'HEALTHY');
  return workers;
}

async function showBreaker(stage: Stage): Promise<void> {
  title('A breaker opens and closes');
  await stage.setStore(false);
  stage.say("the store's databases are gone, and a file stands in their place");
  const id = await stage.drop('acme', 1_700_000_100, NODES);
  const open = await stage.until('an open breaker', async () => {
    const { instances } = await stage.status();
    return instances
      .flatMap((instance) => instance.breakers.map((breaker) => ({ ...breaker, instance: instance.id })))
      .find(({ state }) => state === 'open');
  });
  stage.say(`the breaker of ${open.name} opened in ${open.instance}: ${open.lastError}`);
  const waiting = await stage.until('a deployment that waits', async () => {
    const found = await stage.deployment(id);
    return found?.state === 'waiting' ? found : undefined;
  });
  stage.say(`${id} waits: ${waiting.reason}`);
  stage.say(`a balancer sees ${await stage.balancer()}`);
  await stage.pass(5000);
  const later = await stage.deployment(id);
  stage.say(`five seconds later it has used ${later?.attempts} attempts; it had used ${waiting.attempts}`);
  await stage.setStore(true);
  stage.say('the databases are back');
  await lives(stage, id);
  stage.say(`a probe went through; ${id} is live`);
  await stage.until('closed breakers', async () => {
    const { breakers } = await stage.status();
    return Object.values(breakers).every(({ open: still, 'half-open': half }) => still + half === 0);
  });
  stage.say('every breaker is closed');
  await reachLevel(stage, 'HEALTHY');
}

async function showKill(stage: Stage, workers: readonly System[]): Promise<void> {
  title('A worker is killed and recovered');
  const id = await stage.drop('beta', 1_700_000_200, MANY_NODES);
  const holder = await stage.until('a load under way', async () => {
    const found = await stage.deployment(id);
    return found?.state === 'loading' && found.holder ? found.holder : undefined;
  });
  const worker = await workerOf(stage, holder, workers);
  worker.kill();
  stage.say(`killed ${holder} in the middle of loading ${id}`);
  const report = await stage.until('a recovery', async () => {
    const { recovery } = await stage.status();
    return recovery?.latest.find(({ instance }) => instance === holder);
  });
  stage.say(`${report.by} recovered it: ${report.reason}; ${report.outcome} in ${report.durationMs} ms`);
  for (const { step, did } of report.steps) stage.say(`  ${step}: ${did}`);
  await lives(stage, id);
  const { patterns } = await stage.status();
  const lost = patterns?.by.class.find(({ value }) => value === 'crash')?.thisHour ?? 0;
  stage.say(`${id} is live; crashes counted this hour: ${lost}`);
  await stage.start('worker', 'worker-3');
  stage.say('another worker takes its place');
  await recovered(stage, holder);
  await reachLevel(stage, 'HEALTHY');
}

async function showEmergency(stage: Stage): Promise<void> {
  title('Down to EMERGENCY, and back');
  const victim = await newestWorker(stage);
  await stage.setStore(false);
  process.kill(victim.pid, 'SIGKILL');
  stage.say(`killed ${victim.id}, and the store's databases are gone: its recovery cannot succeed`);
  await reachLevel(stage, 'CRITICAL');
  await reachLevel(stage, 'EMERGENCY');
  stage.say(`a balancer sees ${await stage.balancer()}`);
  const { recovery } = await stage.status();
  const failed = recovery?.latest.find(({ outcome }) => outcome === 'failed');
  for (const { step, outcome, attempts, error } of failed?.steps ?? [])
    stage.say(`  ${step}: ${outcome} after ${attempts} attempts${error ? `: ${error}` : ''}`);
  await stage.setStore(true);
  stage.say('the databases are back; a person asks for the emergency recovery');
  const outcome = await stage.until('the recovery by hand', async () => {
    const said = await stage.recover(victim.id, 'the store is back');
    return said.startsWith('recovered') ? said : undefined;
  });
  stage.say(`POST /resilience/emergency/${victim.id}: ${outcome}`);
  await reachLevel(stage, 'HEALTHY');
}

async function lives(stage: Stage, id: string): Promise<void> {
  await stage.until(`${id} live`, async () => (await stage.deployment(id))?.state === 'live');
}

/** Waits for a level and shows why it is that. */
async function reachLevel(stage: Stage, level: string): Promise<void> {
  const { health } = await stage.until(level, async () => {
    const status = await stage.status();
    return status.health.status === level ? status : undefined;
  });
  stage.say(`health ${health.status}, score ${health.score}`);
  for (const { level: own, message } of health.reasons) stage.say(`  ${own}: ${message}`);
}

/** Past the emergency threshold the whole procedure closes what the first recovery left. */
async function recovered(stage: Stage, id: string): Promise<void> {
  await stage.until(`${id} recovered`, async () => {
    const { instances } = await stage.status();
    const found = instances.find((instance) => instance.id === id);
    return found === undefined || found.condition === 'recovered';
  });
  stage.say(`${id} got the emergency recovery too and is closed off`);
}

async function workerOf(stage: Stage, id: string, workers: readonly System[]): Promise<System> {
  const { instances } = await stage.status();
  const pid = instances.find((instance) => instance.id === id)?.pid;
  const found = workers.find((worker) => worker.pid === pid);
  if (!found) throw new Error(`none of the demo's workers is ${id}`);
  return found;
}

async function newestWorker(stage: Stage): Promise<{ id: string; pid: number }> {
  return stage.until('two living workers', async () => {
    const { instances } = await stage.status();
    const living = instances.filter(({ kind, condition }) => kind === 'worker' && condition === 'alive');
    const [newest] = living.sort((a, b) => a.uptimeSeconds - b.uptimeSeconds);
    return living.length === 2 ? newest : undefined;
  });
}

function title(text: string): void {
  process.stdout.write(`\n${text}\n`);
}
