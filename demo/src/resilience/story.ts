/**
 * The resilience demo: real processes, with the times of the resilience settings scaled down. A breaker opens and closes,
 * a worker is killed and recovered, and the system goes down to EMERGENCY and back.
 */

import type { DemoSurroundings } from '../demo.ts';
import { Stage, timesOf } from './stage.ts';

const NODES = 50;
/** Enough that a worker is busy with it when it is killed. */
const MANY_NODES = { full: 120_000, quick: 40_000 } as const;
/** Long enough to see that what waits uses no attempt. */
const WAIT_SECONDS = { full: 5, quick: 2 } as const;

const PROCESSES = [
  ['dashboard', 'dashboard'],
  ['producer', 'producer'],
  ['worker', 'worker-1'],
  ['worker', 'worker-2'],
] as const;

/** @returns the exit code: 0 when everything went as it should @throws naming what did not */
export async function showResilience(quick: boolean, surroundings: DemoSurroundings): Promise<number> {
  const stage = await Stage.open(quick, surroundings);
  const pace = quick ? 'quick' : 'full';
  try {
    showSettings(stage, quick);
    await begin(stage);
    await showBreaker(stage, WAIT_SECONDS[pace]);
    await showKill(stage, MANY_NODES[pace]);
    await showEmergency(stage);
    stage.say('Everything that was broken has mended.');
    return 0;
  } finally {
    await stage.stop();
  }
}

function showSettings(stage: Stage, quick: boolean): void {
  const line = (...cells: readonly [string, string, string]) =>
    `           ${cells[0].padEnd(30)}${cells[1].padStart(8)}${cells[2].padStart(8)}\n`;
  title(
    'Settings, in seconds but for the counts and switches; this demo has shorter times than those shipped',
  );
  process.stdout.write(line('', 'shipped', 'here'));
  for (const [name, shipped, here] of timesOf(quick)) process.stdout.write(line(name, shipped, here));
  process.stdout.write(
    `           The processes' logs, the snapshots and the store are in ${stage.directory}\n`,
  );
}

async function begin(stage: Stage): Promise<void> {
  title('A producer, two workers and a dashboard');
  for (const [command, name] of PROCESSES) await stage.start(command, name);
  await stage.until('four living instances', async () => {
    const { instances } = await stage.status();
    return instances.filter(({ condition }) => condition === 'alive').length === 4;
  });
  stage.say(`all four beat; see the page ${stage.url}/ or: curl ${stage.url}/resilience/status`);
  const id = await stage.drop('acme', 1_700_000_000, NODES);
  await lives(stage, id);
  stage.say(`${id}, a snapshot, is live`);
  await reachLevel(stage, 'HEALTHY');
}

async function showBreaker(stage: Stage, waitSeconds: number): Promise<void> {
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
  await stage.pass(waitSeconds * 1000);
  const later = await stage.deployment(id);
  stage.say(
    `${waitSeconds} seconds later it still waits: attempts used before ${waiting.attempts}, now ${later?.attempts}`,
  );
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

async function showKill(stage: Stage, nodes: number): Promise<void> {
  title('A worker is killed and recovered');
  const id = await stage.drop('beta', 1_700_000_200, nodes);
  const holder = await stage.until('a load under way', async () => {
    const found = await stage.deployment(id);
    return found?.state === 'loading' && found.holder ? found.holder : undefined;
  });
  stage.kill(await pidOf(stage, holder));
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
  stage.kill(victim.pid);
  stage.say(`killed ${victim.id}, and the store's databases are gone: its recovery cannot succeed`);
  await reachLevel(stage, 'CRITICAL');
  await reachLevel(stage, 'EMERGENCY');
  stage.say(`a balancer sees ${await stage.balancer()}`);
  const { recovery } = await stage.status();
  const failed = recovery?.latest.find(({ outcome }) => outcome === 'failed');
  for (const { step, outcome, attempts, error } of failed?.steps ?? [])
    stage.say(
      `  ${step}: ${outcome}${attempts > 1 ? ` after ${attempts} attempts` : ''}${error ? `: ${error}` : ''}`,
    );
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

async function pidOf(stage: Stage, id: string): Promise<number> {
  const { instances } = await stage.status();
  const found = instances.find((instance) => instance.id === id);
  if (!found) throw new Error(`${id} is not on the list of instances`);
  return found.pid;
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
