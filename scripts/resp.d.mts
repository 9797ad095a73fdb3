/** What the testkit uses of resp.mjs, for the compiler. */
export declare function askRedis(
  url: string,
  commands: readonly (readonly string[])[],
  options?: { timeoutMs?: number },
): Promise<string[]>;
