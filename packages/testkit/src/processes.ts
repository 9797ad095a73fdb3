/**
 * What a process that is killed needs of the testkit. A door of its own: behind the other one stand the test runner and
 * the drivers, and to load those doubles what the start of such a process costs.
 */

export { childrenOf } from './process-tree.ts';
export { dropAliases, removeFences, storeDirectory } from './sins.ts';
export { deploymentOf, hookRecords, hookSteps, type Point } from './step-points.ts';
