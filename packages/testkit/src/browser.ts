/** The browser for tests that look at pages: found, not started. `npm test` installs one where it can. */
export { findBrowser } from '../../../scripts/browser.mjs';

/** Why a test that needs a browser does not run: `context.skip(NO_BROWSER)`, which `npm test` lists at its end. */
export const NO_BROWSER = 'no Chromium or Chrome: set CHROME_PATH or install chromium';
