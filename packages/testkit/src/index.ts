export { findBrowser, NO_BROWSER } from './browser.ts';
export { startRedis, type TestRedis, uniquePrefix } from './redis.ts';
