/** The processes of the resilience demo, what they say over HTTP, and the transcript. */

import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { performance } from 'node:perf_hooks';
import { setTimeout as pause } from 'node:timers/promises';
import { type ResilienceStatus, removeInstallation, simulateSnapshot } from '@graphshift/core';
import type { DemoSurroundings } from '../demo.ts';
import { choosePort } from '../port.ts';
import { type System, startSystem } from '../system.ts';

export interface Deployment {
  readonly id: string;
  readonly state: string;
  readonly holder: string | null;
  readonly reason: string | null;
  readonly attempts: number;
}

const PREFIX = 'graphshift-demo-resilience';
const LOOK_MS = 200;
/** A step that takes longer has failed; a busy machine needs many times what a quiet one does. */
const PATIENCE_MS = 90_000;

/** Scaled down, so that minutes become seconds: name, shipped, here, and in the quick one. */
const TIMES = [
  ['HEARTBEAT_INTERVAL', '10', '1', '0.5'],
  ['HEARTBEAT_WARNING_THRESHOLD', '120', '4', '2'],
  ['HEARTBEAT_TIMEOUT', '300', '8', '5'],
  ['HEARTBEAT_CHECK_INTERVAL', '30', '1', '0.5'],
  ['EMERGENCY_THRESHOLD', '600', '14', '9'],
  ['MAX_RETRY_ATTEMPTS', '3', '2', '2'],
  ['RETRY_DELAY_SECONDS', '5', '1', '0.5'],
  ['EXPONENTIAL_BACKOFF', 'true', 'true', 'true'],
  ['CIRCUIT_BREAKER_THRESHOLD', '5', '3', '3'],
  ['CIRCUIT_BREAKER_TIMEOUT', '60', '4', '2'],
  ['EMERGENCY_RECOVERY_ENABLED', 'true', 'true', 'true'],
] as const;

/** @returns name, shipped value, value of the demo */
export function timesOf(quick: boolean): [string, string, string][] {
  return TIMES.map(([name, shipped, here, quicker]) => [name, shipped, quick ? quicker : here]);
}

export class Stage {
  readonly #directory: string;
  readonly #environment: Record<string, string>;
  readonly #signal: AbortSignal;
  readonly #url: string;
  /** Of the processes that shall run, by their names. */
  readonly #systems = new Map<string, System>();
  readonly #beganAt = performance.now();

  private constructor(quick: boolean, surroundings: DemoSurroundings, port: number) {
    const { directory, redisUrl, environment, signal } = surroundings;
    this.#directory = directory;
    this.#signal = signal;
    this.#url = `http://127.0.0.1:${port}`;
    const others = Object.entries(environment).filter(([name]) => !name.startsWith('GRAPHSHIFT_'));
    this.#environment = {
      ...Object.fromEntries(others),
      ...Object.fromEntries(timesOf(quick).map(([name, , here]) => [name, here])),
      REDIS_URL: redisUrl,
      GRAPHSHIFT_REDIS_PREFIX: PREFIX,
      GRAPHSHIFT_DATA: join(directory, 'data'),
      GRAPHSHIFT_STORE: `embedded:${join(directory, 'store')}`,
      GRAPHSHIFT_DASHBOARD_PORT: String(port),
      GRAPHSHIFT_ORCHESTRATOR_SCAN_INTERVAL: '0.5',
      GRAPHSHIFT_ORCHESTRATOR_SETTLE_SECONDS: '0.5',
      GRAPHSHIFT_ORCHESTRATOR_HEALTH_CHECK_RETRY_DELAY: '1',
      GRAPHSHIFT_ORCHESTRATOR_SHUTDOWN_TIMEOUT: '1',
    };
  }

  /** An empty installation in a directory of its own. */
  static async open(quick: boolean, surroundings: DemoSurroundings): Promise<Stage> {
    await rm(surroundings.directory, { recursive: true, force: true });
    await mkdir(join(surroundings.directory, 'data'), { recursive: true });
    await removeInstallation(surroundings.redisUrl, `{${PREFIX}}`);
    return new Stage(quick, surroundings, await choosePort(undefined));
  }

  get url(): string {
    return this.#url;
  }

  /** Where the processes' logs are. */
  get directory(): string {
    return relative(process.cwd(), this.#directory);
  }

  async start(command: 'producer' | 'worker' | 'dashboard', name: string): Promise<void> {
    const system = await startSystem({
      command,
      values: [],
      environment: this.#environment,
      directory: this.#directory,
      logFile: join(this.#directory, `${name}.log`),
    });
    this.#systems.set(name, system);
  }

  /** SIGKILL to one of the processes, as when its machine fails. */
  kill(pid: number): void {
    const [name, system] = [...this.#systems].find(([, one]) => one.pid === pid) ?? [];
    if (name === undefined) throw new Error(`none of the demo's processes has the pid ${pid}`);
    system?.kill();
    this.#systems.delete(name);
  }

  async stop(): Promise<void> {
    await Promise.all([...this.#systems.values()].map((system) => system.stop()));
  }

  async drop(customer: string, timestamp: number, nodes: number): Promise<string> {
    await simulateSnapshot(join(this.#directory, 'data'), { customer, timestamp, nodes });
    return `${customer}@${timestamp}`;
  }

  /** Takes the store's databases away, with a file in their place, or brings them back. */
  async setStore(there: boolean): Promise<void> {
    const place = join(this.#directory, 'store', 'databases');
    const away = join(this.#directory, 'databases-away');
    if (there) {
      await rm(place);
      await rename(away, place);
    } else {
      await rename(place, away);
      await writeFile(place, '');
    }
  }

  async status(): Promise<ResilienceStatus> {
    return (await this.#ask('/resilience/status')) as ResilienceStatus;
  }

  async deployment(id: string): Promise<Deployment | undefined> {
    const all = (await this.#ask('/api/v1/deployments')) as Deployment[];
    return all.find((one) => one.id === id);
  }

  /** What a load balancer gets to see. */
  async balancer(): Promise<string> {
    const answer = await fetch(`${this.#url}/resilience/health`, { signal: this.#signal });
    return `${answer.status} ${await answer.text()}`;
  }

  async recover(instance: string, reason: string): Promise<string> {
    const path = `/resilience/emergency/${instance}?reason=${encodeURIComponent(reason)}`;
    const { outcome, steps } = (await this.#ask(path, 'POST')) as {
      outcome: string;
      steps: { step: string; outcome: string }[];
    };
    return `${outcome}: ${steps.map((one) => `${one.step} ${one.outcome}`).join(', ')}`;
  }

  /** Waits until the question has an answer. @throws when that takes too long, naming what was waited for */
  async until<Answer>(what: string, ask: () => Promise<Answer | undefined | false>): Promise<Answer> {
    const limit = performance.now() + PATIENCE_MS;
    for (;;) {
      // A dashboard that starts, or has lost Redis for a moment, is asked again.
      const answer = await ask().catch(() => undefined);
      if (answer !== undefined && answer !== false) return answer;
      for (const { problem } of this.#systems.values()) if (problem !== undefined) throw new Error(problem);
      if (performance.now() > limit)
        throw new Error(
          `${what} did not come within ${PATIENCE_MS / 1000} s; the processes' logs are in ${this.directory}`,
        );
      await pause(LOOK_MS, undefined, { signal: this.#signal });
    }
  }

  async pass(ms: number): Promise<void> {
    await pause(ms, undefined, { signal: this.#signal });
  }

  say(line: string): void {
    const seconds = ((performance.now() - this.#beganAt) / 1000).toFixed(1);
    // Whole paths push what is said out of sight.
    const short = line.replaceAll(this.#directory, this.directory);
    process.stdout.write(`${seconds.padStart(6)} s  ${short}\n`);
  }

  async #ask(path: string, method = 'GET'): Promise<unknown> {
    const answer = await fetch(`${this.#url}${path}`, { method, signal: this.#signal });
    return answer.json();
  }
}
