// Ends a child process with its parent, however the parent ends, `kill -9` included: a shell in a session of its
// own holds the reading end of a pipe, and the kernel closes the other end when the parent is gone.
// Without a POSIX shell (Windows) it promises nothing beyond what the parent's own exit handlers do.
import { spawn } from 'node:child_process';

/**
 * Sends SIGTERM to `child` when this process is gone. A child that ends first releases its watchdog.
 * @param child a child process that has just been spawned
 */
export function endWithParent(child) {
  if (child.pid === undefined || process.platform === 'win32') return;
  // A stopped process takes the signal only once it goes on.
  const watch = 'read -r _ || { kill -TERM "$1"; kill -CONT "$1"; }';
  const watchdog = spawn('/bin/sh', ['-c', watch, 'watchdog', String(child.pid)], {
    // Its own session keeps a Ctrl-C at the terminal from ending it before its work is done.
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  watchdog.stdin.on('error', () => {});
  watchdog.on('error', () => {});
  // Neither may keep this process from ending by itself.
  watchdog.unref();
  watchdog.stdin.unref();
  child.once('exit', () => watchdog.stdin.end('released\n'));
}
