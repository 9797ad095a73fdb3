/** What the testkit uses of browser.mjs, for the compiler. */
export declare function findBrowser(env?: NodeJS.ProcessEnv): string | undefined;
