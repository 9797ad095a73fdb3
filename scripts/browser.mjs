// Finds a Chromium or Chrome for the tests that look at pages; installs one only in the tests' set-up.
// Without one those tests do not run, and the closing list of `npm test` names them.
import { existsSync } from 'node:fs';
import { findProgram } from './programs.mjs';
import { canInstall, installPackage, thisSystem } from './system-packages.mjs';

const NAMES = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'];
const MAC = '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome';

/** The full path of a browser: CHROME_PATH where it is set and there, else by name, else undefined. */
export function findBrowser(env = process.env) {
  if (env.CHROME_PATH) return existsSync(env.CHROME_PATH) ? env.CHROME_PATH : undefined;
  return findProgram(NAMES, env.PATH) || (existsSync(MAC) ? MAC : undefined);
}

/** As `findBrowser`, after installing Debian's chromium where none is found and that can be done. */
export async function findOrInstallBrowser(say, env = process.env, system = thisSystem()) {
  const found = findBrowser(env);
  if (found || env.CHROME_PATH || !canInstall(system)) return found;
  try {
    await installPackage('chromium', system, say);
  } catch (error) {
    say(`No browser: ${error.message}`);
  }
  return findBrowser(env);
}
