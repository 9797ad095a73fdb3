// Installs a package of the system where that can be done unasked: as root on Debian or Ubuntu, by apt-get.
// A service that comes with the package is not started now: nobody asked for one.
import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { findProgram } from './programs.mjs';
import { runStep } from './steps.mjs';

/** This machine, as far as installing goes; tests pass another one. */
export function thisSystem() {
  return {
    path: process.env.PATH || '',
    root: process.getuid !== undefined && process.getuid() === 0,
    debian: existsSync('/etc/debian_version'),
    policyFile: '/usr/sbin/policy-rc.d',
  };
}

/** Whether `installPackage` can be tried at all. */
export function canInstall(system) {
  return system.root && system.debian && findProgram(['apt-get'], system.path) !== undefined;
}

/**
 * Installs the Debian package `name`.
 * @throws StepError with apt's output
 */
export async function installPackage(name, system, say) {
  say(`Installing ${name} by apt-get (its service is not started) …`);
  const env = { ...process.env, PATH: system.path, DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' };
  const lock = ['-o', 'DPkg::Lock::Timeout=120'];
  const release = refuseServices(system.policyFile);
  try {
    const apt = findProgram(['apt-get'], system.path);
    const advice = `Install ${name} yourself, or check the network: apt-get update`;
    await runStep('apt-get update', apt, [...lock, '-q', 'update'], { env, advice });
    const args = [...lock, '-q', 'install', '-y', '--no-install-recommends', name];
    await runStep(`apt-get install ${name}`, apt, args, { env, advice });
  } finally {
    release();
  }
}

/** Debian's own way to keep packages from starting services: policy-rc.d answers 101. One that is there stays. */
function refuseServices(policyFile) {
  if (existsSync(policyFile)) return () => {};
  writeFileSync(policyFile, '#!/bin/sh\nexit 101\n', { mode: 0o755 });
  return () => rmSync(policyFile, { force: true });
}
