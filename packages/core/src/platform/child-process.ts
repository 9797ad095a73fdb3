/**
 * Work in a process of its own: typed requests and replies over IPC with structured cloning, so that BigInt and
 * dates cross unharmed. Killing the process is cancelling: whoever is waiting gets an error, never silence. The
 * child ends at once when its parent is gone, and leaves interrupts to its parent.
 */

import { fork, type ChildProcess as NodeChild } from 'node:child_process';
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';
import { asGraphshiftError, type ErrorRecord, GraphshiftError } from './errors.ts';

/** The commands a child answers: a type alias `{ name: { input: …; output: … } }`. */
export type ChildCommands = Record<string, { input: unknown; output: unknown }>;

/** The child's side of the commands; `report` sends progress to the caller while the command runs. */
export type ChildHandlers<C extends ChildCommands> = {
  readonly [K in keyof C]: (
    input: C[K]['input'],
    report: (progress: unknown) => void,
  ) => Promise<C[K]['output']>;
};

export interface ChildOptions {
  /** Names the process in messages, such as `loader`. */
  readonly name: string;
  /**
   * Most MiB of its JavaScript values, which it clears away sooner too: with room left, V8 keeps garbage several times
   * as large as what is in use. @default V8's own, a part of the machine's memory
   */
  readonly heapMb?: number;
}

export interface CallOptions {
  /** Aborting kills the child; the call rejects with the signal's reason as cause. */
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: unknown) => void;
  /** The child is killed when the call takes longer; the call then rejects with `ChildTimeout`. */
  readonly timeoutMs?: number;
}

/** The call took longer than it may, and its child was killed. */
export class ChildTimeout extends Error {
  override readonly name = 'ChildTimeout';
}

interface Request {
  readonly id: number;
  readonly command: string;
  readonly input: unknown;
}

type Reply =
  | { readonly id: number; readonly kind: 'progress'; readonly progress: unknown }
  | { readonly id: number; readonly kind: 'done'; readonly output: unknown }
  | { readonly id: number; readonly kind: 'failed'; readonly error: ErrorRecord };

interface Pending {
  resolve(output: unknown): void;
  reject(error: unknown): void;
  readonly onProgress: ((progress: unknown) => void) | undefined;
}

/** Lines of standard error kept for the message about a child that died. */
const STDERR_LINES = 8;

/** The module `name` beside the caller, as source or compiled, whichever the caller is itself. */
export function siblingModule(callerUrl: string, name: string): URL {
  return new URL(`./${name}${callerUrl.endsWith('.ts') ? '.ts' : '.js'}`, callerUrl);
}

/** Source modules need a loader in the child, which inherits none under a test runner. */
/** What is young is a part of it: each of three spaces grows to 16 MiB else. */
function heapFlags(heapMb: number | undefined): string[] {
  return heapMb === undefined ? [] : [`--max-old-space-size=${heapMb}`, '--max-semi-space-size=8'];
}

function execArgvFor(module: URL): string[] {
  if (!module.pathname.endsWith('.ts')) return [];
  const loader = createRequire(import.meta.url).resolve('tsx');
  return ['--import', pathToFileURL(loader).href, '--conditions=graphshift-source'];
}

/** A running child; it starts with the constructor and does not keep an idle parent alive. */
export class ChildProcess<C extends ChildCommands> {
  readonly #name: string;
  readonly #child: NodeChild;
  readonly #pending = new Map<number, Pending>();
  readonly #stderr: string[] = [];
  readonly #gone: Promise<void>;
  #exit: string | undefined;
  #nextId = 1;

  constructor(module: URL, options: ChildOptions) {
    this.#name = options.name;
    this.#child = fork(module, [], {
      execArgv: [...execArgvFor(module), ...heapFlags(options.heapMb)],
      serialization: 'advanced',
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    });
    this.#child.on('message', (reply) => this.#onReply(reply as Reply));
    this.#child.stderr?.on('data', (chunk: Buffer) => this.#keepStderr(chunk.toString()));
    this.#gone = new Promise((resolve) => {
      const onGone = (how: string) => {
        this.#exit ??= how;
        this.#rejectAll();
        resolve();
      };
      // `close` comes after the last line of standard error was read.
      this.#child.once('close', (code, signal) => onGone(signal ? `by ${signal}` : `with exit code ${code}`));
      this.#child.once('error', (error) => {
        if (this.#child.pid === undefined) onGone(`before it ran: ${error.message}`);
      });
    });
    this.#keepParentAlive(false);
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  /** False once the child has exited or was killed. */
  get alive(): boolean {
    return this.#exit === undefined && this.#child.connected && !this.#child.killed;
  }

  /**
   * Asks the child. Calls may overlap.
   * @throws the child's own error, LOADER_DIED when it exits first, ABORTED, `ChildTimeout`
   */
  async call<K extends keyof C & string>(
    command: K,
    input: C[K]['input'],
    options: CallOptions = {},
  ): Promise<C[K]['output']> {
    const { signal, timeoutMs } = options;
    if (signal?.aborted) throw this.#aborted(signal);
    const id = this.#nextId++;
    const reply = new Promise<unknown>((resolve, reject) => {
      this.#pending.set(id, { resolve, reject, onProgress: options.onProgress });
    });
    const end = (error: Error) => {
      this.#pending.get(id)?.reject(error);
      void this.kill();
    };
    const onAbort = () => end(this.#aborted(signal));
    const timer =
      timeoutMs === undefined
        ? undefined
        : setTimeout(
            () => end(new ChildTimeout(`${this.#name} took longer than ${timeoutMs} ms`)),
            timeoutMs,
          );
    signal?.addEventListener('abort', onAbort, { once: true });
    this.#keepParentAlive(true);
    try {
      if (this.#exit === undefined) this.#send({ id, command, input });
      else this.#rejectAll();
      return await reply;
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener('abort', onAbort);
      this.#pending.delete(id);
      if (this.#pending.size === 0) this.#keepParentAlive(false);
    }
  }

  /** Kills the child with SIGKILL and waits until it is gone. Idempotent. */
  async kill(): Promise<void> {
    if (this.#exit === undefined) {
      this.#keepParentAlive(true);
      this.#child.kill('SIGKILL');
    }
    await this.#gone;
  }

  #send(request: Request): void {
    this.#child.send(request, (error) => {
      // A child that died is reported by its exit, with its last words.
      if (error && this.alive) this.#pending.get(request.id)?.reject(error);
    });
  }

  #onReply(reply: Reply): void {
    const pending = this.#pending.get(reply.id);
    if (!pending) return;
    if (reply.kind === 'progress') pending.onProgress?.(reply.progress);
    else if (reply.kind === 'done') pending.resolve(reply.output);
    else pending.reject(GraphshiftError.fromRecord(reply.error));
  }

  #rejectAll(): void {
    const words = this.#stderr.length > 0 ? `; its last words: ${this.#stderr.join(' | ')}` : '';
    for (const pending of this.#pending.values())
      pending.reject(
        new GraphshiftError('LOADER_DIED', `${this.#name} process ended ${this.#exit}${words}`, {
          details: { pid: this.pid, exit: this.#exit },
        }),
      );
  }

  #aborted(signal: AbortSignal | undefined): GraphshiftError {
    return new GraphshiftError('ABORTED', `${this.#name} was stopped`, { cause: signal?.reason });
  }

  #keepStderr(text: string): void {
    this.#stderr.push(...text.split('\n').filter((line) => line.trim() !== ''));
    this.#stderr.splice(0, Math.max(0, this.#stderr.length - STDERR_LINES));
  }

  #keepParentAlive(keep: boolean): void {
    const pipe = this.#child.stderr as (NodeJS.ReadableStream & { ref(): void; unref(): void }) | null;
    for (const handle of [this.#child, this.#child.channel, pipe]) {
      if (keep) handle?.ref();
      else handle?.unref();
    }
  }
}

/** Turns the current process into a child that answers these commands until its parent goes. */
export function serveParent<C extends ChildCommands>(handlers: ChildHandlers<C>): void {
  // Native threads may be at work: a regular exit would wait for them, or abort in their destructors.
  process.on('disconnect', () => process.kill(process.pid, 'SIGKILL'));
  // A terminal sends these to the whole group; the parent decides what becomes of its child.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => {});
  process.on('message', (message) => {
    const { id, command, input } = message as Request;
    const report = (progress: unknown) => process.send?.({ id, kind: 'progress', progress } satisfies Reply);
    void answer(handlers, command, input, report).then(
      (output) => process.send?.({ id, kind: 'done', output } satisfies Reply),
      (error) =>
        process.send?.({ id, kind: 'failed', error: asGraphshiftError(error).toRecord() } satisfies Reply),
    );
  });
}

async function answer<C extends ChildCommands>(
  handlers: ChildHandlers<C>,
  command: string,
  input: unknown,
  report: (progress: unknown) => void,
): Promise<unknown> {
  const handler = handlers[command];
  if (!handler) throw new GraphshiftError('INTERNAL', `child process has no command ${command}`);
  return handler(input, report);
}
