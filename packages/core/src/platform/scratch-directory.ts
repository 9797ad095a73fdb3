/**
 * Directories for files that a process works with, and the removal of those whose process was killed. In each is a socket
 * on which its process listens for as long as it lives: the kernel tells by it who is there, whatever the ids of processes
 * in their containers.
 */

import { createHash } from 'node:crypto';
import { mkdtemp, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { connect, createServer, type Server } from 'node:net';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Clock, systemClock } from './clock.ts';

export interface ScratchDirectory {
  readonly path: string;
  /** With all that is in it. Idempotent. */
  remove(): Promise<void>;
}

const USED = 'graphshift-load-';
/** Until its process listens. */
const MADE = 'graphshift-made-';
/** No sweep removes it: one where nobody can listen, as on some network file systems. */
const KEPT = 'graphshift-kept-';
const SOCKET = 'in-use';
/** Of a socket's path, in bytes, on every system; of a longer one Node.js takes the beginning. */
const PATH_MAX = 103;
/** Nobody takes that long to listen. */
const MADE_MS = 3_600_000;

/** @param parent @default the system's directory for temporary files */
export async function makeScratchDirectory(parent: string = tmpdir()): Promise<ScratchDirectory> {
  const made = await mkdtemp(join(parent, MADE));
  const { host, start } = await machine();
  const unique = made.slice(-6);
  const used = join(parent, `${USED}${host}-${start}-${unique}`);
  const server = isShort(join(used, SOCKET)) ? await listen(join(made, SOCKET)) : undefined;
  const path = server ? used : join(parent, `${KEPT}${unique}`);
  // Only now a sweep may ask who is there.
  await rename(made, path);
  return {
    path,
    remove: async () => {
      await rm(path, { recursive: true, force: true });
      server?.close();
    },
  };
}

/**
 * Removes the directories of processes that were killed on this machine. One in use stays, and so does one of another
 * machine, whose processes cannot be asked from here.
 * @returns what was removed
 */
export async function sweepScratchDirectories(
  parent: string = tmpdir(),
  clock: Clock = systemClock,
): Promise<string[]> {
  const swept: string[] = [];
  for (const name of await readdir(parent)) {
    const path = join(parent, name);
    if (!(await isLeft(path, name, clock.now()))) continue;
    await rm(path, { recursive: true, force: true });
    swept.push(path);
  }
  return swept;
}

async function isLeft(path: string, name: string, now: number): Promise<boolean> {
  if (name.startsWith(MADE)) {
    const found = await stat(path).catch(() => undefined);
    return found !== undefined && found.mtimeMs < now - MADE_MS;
  }
  const [, host, start] = /^graphshift-load-([0-9a-f]{8})-([0-9a-f]{8})-\w{6}$/.exec(name) ?? [];
  if (host === undefined || start === undefined) return false;
  const own = await machine();
  // Where the machine was started again nobody is there; another one's nobody here can tell.
  if (start !== own.start) return host === own.host;
  return !(await isListenedOn(join(path, SOCKET)));
}

/** This machine and its last start: processes can be asked that run since then, in whatever container. */
async function machine(): Promise<{ host: string; start: string }> {
  const host = hostname();
  const start = await readFile('/proc/sys/kernel/random/boot_id', 'utf8').catch(() => host);
  return { host: shortHash(host), start: shortHash(start) };
}

function shortHash(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 8);
}

function isShort(path: string): boolean {
  return Buffer.byteLength(path) <= PATH_MAX;
}

/** Undefined where the file system has no sockets. */
function listen(path: string): Promise<Server | undefined> {
  return new Promise((resolve) => {
    const server = createServer((socket) => socket.destroy());
    // It must keep no process alive.
    server.unref();
    server.once('error', () => resolve(undefined));
    server.listen(path, () => resolve(server));
  });
}

/** False only where nobody is there for sure. */
function isListenedOn(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', ({ code }: NodeJS.ErrnoException) =>
      resolve(code !== 'ECONNREFUSED' && code !== 'ENOENT'),
    );
  });
}
