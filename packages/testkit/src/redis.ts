/**
 * A real Redis server for tests, of its own: free port, append-only in a temporary directory, never evicting.
 * It starts in some ten milliseconds, so every test file has one. It ends with the test worker at the latest.
 */
import { randomBytes } from 'node:crypto';
import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { findServerProgram, launchServer, type RunningServer } from '../../../scripts/redis-server.mjs';
import { askRedis } from '../../../scripts/resp.mjs';

export interface TestRedis {
  /** The same over restarts. */
  readonly url: string;
  readonly port: number;
  /** Ends the server, waits for that and removes its data; may be called twice. */
  stop(): Promise<void>;
  /** `kill -9`: what had been acknowledged is in the append-only file, and the data stay for `restart`. */
  kill(): Promise<void>;
  /** Starts again on the same port with the same data, ending first what still runs (by `kill`). */
  restart(): Promise<void>;
  /**
   * Keeps the append-only files as they are now. The returned function kills the server, puts them back and starts it
   * again: what was written in between is lost, as the last second may be.
   */
  remember(): Promise<() => Promise<void>>;
  /** Removes every key: Redis emptied. */
  flush(): Promise<void>;
  /**
   * The leak check, for the end of a test file.
   * @throws Error that names the clients which are still connected a second after the call
   */
  assertNoClients(): Promise<void>;
}

/**
 * Starts a server and resolves once it answers.
 * @throws Error when there is no server program, saying how to get one
 */
export async function startRedis(): Promise<TestRedis> {
  const found = findServerProgram();
  if (!found)
    throw new Error(
      'Tests need redis-server or valkey-server on the PATH: `npm test` installs one as root on Debian or Ubuntu, elsewhere install it by hand (docs/development.md).',
    );
  const { program } = found;
  const directory = await mkdtemp(join(tmpdir(), 'graphshift-redis-'));
  let server: RunningServer = await launchServer(program, { directory });
  const { url, port } = server;
  return {
    url,
    port,
    stop: async () => {
      await server.stop();
      await rm(directory, { recursive: true, force: true });
    },
    kill: () => server.kill(),
    restart: async () => {
      await server.kill();
      server = await launchServer(program, { directory, port });
    },
    remember: async () => {
      const [files, kept] = [join(directory, 'appendonlydir'), await mkdtemp(join(directory, 'kept-'))];
      await cp(files, kept, { recursive: true });
      return async () => {
        await server.kill();
        await rm(files, { recursive: true });
        await cp(kept, files, { recursive: true });
        server = await launchServer(program, { directory, port });
      };
    },
    flush: async () => {
      await askRedis(url, [['FLUSHALL']]);
    },
    assertNoClients: () => assertNoClients(url),
  };
}

/** A key prefix for one test, in a hash tag as Redis Cluster wants it: `{gs-<random>}`. */
export function uniquePrefix(): string {
  return `{gs-${randomBytes(6).toString('hex')}}`;
}

async function assertNoClients(url: string): Promise<void> {
  let others: string[] = [];
  for (let attempt = 0; attempt < 20; attempt++) {
    others = await otherClients(url);
    if (others.length === 0) return;
    // A connection that was just closed is seen by the server a moment later.
    await wait(50);
  }
  throw new Error(`still connected to Redis at the end: ${others.join('; ')}`);
}

/** Each other client's name, last command and number of subscriptions, which together tell whose it is. */
async function otherClients(url: string): Promise<string[]> {
  const [own, list] = await askRedis(url, [
    ['CLIENT', 'ID'],
    ['CLIENT', 'LIST'],
  ]);
  const clients = (list ?? '').split('\n').filter((line) => line !== '' && !line.startsWith(`id=${own} `));
  return clients.map((line) =>
    line
      .split(' ')
      .filter((field) => /^(id|name|cmd|sub|age)=/.test(field))
      .join(' '),
  );
}
