import type { ChildProcess } from 'node:child_process';

/** What the testkit uses of watchdog.mjs, for the compiler. */
export declare function endWithParent(child: ChildProcess): void;
