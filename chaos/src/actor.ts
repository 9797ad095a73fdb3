/** A worker or a producer of the suite: a real process behind links of its own, started again whenever it ends. */

import { appendFileSync } from 'node:fs';
import { setTimeout as wait } from 'node:timers/promises';
import { childrenOf, type Link, openLink, type Program, startProgram } from '@graphshift/testkit';
import type { Part } from './actor-program.ts';
import { type Armed, Orders } from './orders.ts';
import { type Sin, START_AGAIN } from './times.ts';

/** As an orchestrator starts a container again that ended. */
const AGAIN_MS = 300;
/** What a monitor logs that begins one. */
const RECOVERY = /"(recovery|emergency) of \S+ begins: /;

export interface ActorOptions {
  readonly name: string;
  readonly role: Part['role'];
  readonly redisPort: number;
  /** Where the store's server listens, where it has one. */
  readonly storePort?: number | undefined;
  /** By which it finds the store. @param port of its link there */
  readonly storeEnvironment: (port?: number) => Readonly<Record<string, string>>;
  /** Of the whole installation. */
  readonly environment: Readonly<Record<string, string>>;
  /** The program `actor-program`, from its source or built. */
  readonly program: URL;
  /** For orders and logs. */
  readonly directory: string;
  readonly sin?: Sin | undefined;
  readonly note: (what: string) => void;
}

export class Actor {
  readonly name: string;
  readonly orders: Orders;
  readonly #options: ActorOptions;
  #link: Link | undefined;
  #storeLink: Link | undefined;
  #program: Program | undefined;
  /** Whether it is to run; while it is, an end of its own is answered by a new start. */
  #wanted = false;
  #extra: Readonly<Record<string, string>> = {};
  #running: Promise<void> = Promise.resolve();
  /** Ends that nobody asked for. */
  exits = 0;
  /** Those among them of one that others had recovered. */
  gaveUp = 0;
  /** Recoveries of others that it has begun. */
  recoveries = 0;
  #told = 0;

  constructor(options: ActorOptions) {
    this.#options = options;
    this.name = options.name;
    this.orders = new Orders(options.directory, options.name);
  }

  /** To Redis. */
  get link(): Link {
    if (!this.#link) throw new Error(`${this.name} was never started`);
    return this.#link;
  }

  /** To the store's server, where it has one. */
  get storeLink(): Link | undefined {
    return this.#storeLink;
  }

  /** @param extra environment of this life alone */
  async start(extra: Readonly<Record<string, string>> = {}): Promise<void> {
    const { redisPort, storePort } = this.#options;
    this.#link ??= await openLink(redisPort);
    if (storePort !== undefined) this.#storeLink ??= await openLink(storePort);
    this.#extra = extra;
    this.#wanted = true;
    await this.#live();
  }

  /** Kills it with -9, wherever it is, and its loading processes with it. */
  async kill(): Promise<void> {
    this.#wanted = false;
    const pid = this.#program?.process.pid;
    const children = pid === undefined ? [] : childrenOf(pid);
    this.#program?.process.kill('SIGKILL');
    await this.#running;
    // A child sees that its parent is gone and ends; one that is busy sees it late, which is the product's to bear.
    this.#options.note(`${this.name} was killed${children.length > 0 ? ' while it loaded' : ''}`);
  }

  signal(signal: NodeJS.Signals): void {
    this.#program?.process.kill(signal);
  }

  async stop(): Promise<void> {
    if (this.#program) await this.kill();
    await this.#link?.close();
    await this.#storeLink?.close();
    this.#link = undefined;
    this.#storeLink = undefined;
  }

  /**
   * Arms a point and waits for the process to come by.
   * @param over whether nobody waits for it any more
   * @returns the line that it said there, or undefined when it did not come by
   */
  async reach({ point, act }: Armed, patienceMs: number, over: () => boolean): Promise<string | undefined> {
    const program = this.#program;
    const before = program?.lines.length ?? 0;
    if (act === 'SIGKILL') this.#wanted = false;
    this.orders.arm({ point, act });
    const deadline = Date.now() + patienceMs;
    const said = () => program?.lines.slice(before).find((line) => line.startsWith(`reached ${point} `));
    while (Date.now() < deadline && !over() && said() === undefined && program?.process.exitCode === null)
      await wait(40);
    this.orders.arm(undefined);
    return said();
  }

  /** One life, and the next where it ended before it was ready. */
  async #live(): Promise<void> {
    const program = this.#launch();
    this.#program = program;
    const running = program.ended().then(() => this.#ended(program));
    this.#running = running;
    const ready = await program.line(/^ready$/).then(
      () => true,
      () => false,
    );
    if (!ready) await running;
  }

  #launch(): Program {
    const { environment, storeEnvironment, directory, role, sin, program } = this.#options;
    const part: Part = { name: this.name, role, orders: directory, ...(sin && { sin }) };
    this.#told = 0;
    return startProgram(program, [JSON.stringify(part)], {
      ...environment,
      ...storeEnvironment(this.#storeLink?.port),
      REDIS_URL: `redis://127.0.0.1:${this.link.port}`,
      ...this.#extra,
    });
  }

  async #ended(program: Program): Promise<void> {
    this.keepLog(program);
    if (!this.#wanted || this.#program !== program) return;
    this.exits++;
    const { exitCode, signalCode } = program.process;
    if (exitCode === START_AGAIN) this.gaveUp++;
    this.#options.note(`${this.name} ended by itself (${signalCode ?? exitCode})`);
    await wait(AGAIN_MS);
    if (this.#wanted && this.#program === program) await this.#live();
  }

  /** Writes what it said since it was written last. */
  keepLog(program = this.#program): void {
    if (!program) return;
    const fresh = program.lines.slice(this.#told);
    this.#told = program.lines.length;
    this.recoveries += fresh.filter((line) => RECOVERY.test(line)).length;
    const path = `${this.#options.directory}/${this.name}.log`;
    if (fresh.length > 0) appendFileSync(path, `${fresh.join('\n')}\n`);
  }
}
