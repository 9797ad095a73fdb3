/** What the suite tells a process while it runs: small files, so that a process that is stopped or just started is told too. */

import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** What the process does to itself at its point, once. */
export interface Armed {
  readonly point: string;
  readonly act: 'SIGKILL' | 'SIGSTOP';
}

export class Orders {
  readonly #base: string;

  constructor(directory: string, process: string) {
    this.#base = join(directory, process);
  }

  arm(armed: Armed | undefined): void {
    this.#write('armed', armed);
  }

  /** The act at this point, which is done once; undefined for no act. */
  take(point: string): Armed['act'] | undefined {
    const armed = this.#read('armed') as Armed | undefined;
    if (armed?.point !== point) return undefined;
    this.arm(undefined);
    return armed.act;
  }

  get isArmed(): boolean {
    return this.#read('armed') !== undefined;
  }

  /** Milliseconds by which the process's clock is wrong. */
  set clockOffsetMs(offsetMs: number) {
    this.#write('clock', offsetMs === 0 ? undefined : offsetMs);
  }

  get clockOffsetMs(): number {
    return Number(this.#read('clock') ?? 0);
  }

  /** Whether the store refuses whatever the process asks of it. */
  set refused(refused: boolean) {
    this.#write('refused', refused ? true : undefined);
  }

  get refused(): boolean {
    return this.#read('refused') === true;
  }

  clear(): void {
    this.arm(undefined);
    this.clockOffsetMs = 0;
    this.refused = false;
  }

  #read(what: string): unknown {
    try {
      return JSON.parse(readFileSync(`${this.#base}.${what}`, 'utf8'));
    } catch {
      return undefined;
    }
  }

  #write(what: string, value: unknown): void {
    if (value === undefined) rmSync(`${this.#base}.${what}`, { force: true });
    else writeFileSync(`${this.#base}.${what}`, JSON.stringify(value));
  }
}
