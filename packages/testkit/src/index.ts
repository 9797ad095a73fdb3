export {
  AliasReaders,
  fillReadDatabase,
  READ_MODES,
  type Readings,
  type ReadMode,
  type SwitchPlan,
  switchUnderReaders,
} from './alias-readers.ts';
export { findBrowser, NO_BROWSER } from './browser.ts';
export { EMBEDDED_DIALECT, NEO4J_DIALECT, type StoreDialect } from './contract-steps.ts';
export { explanations } from './explanations.ts';
export {
  type ContractOptions,
  graphStoreContract,
  type StoreUnderTest,
} from './graph-store-contract.ts';
export { type Installation, makeInstallation } from './installation.ts';
export { type Direction, type Link, openLink } from './link.ts';
export { MemoryStore, type MemoryStoreOptions } from './memory-store.ts';
export { type Neo4jForTests, type Neo4jOptions, type Row, useNeo4j } from './neo4j.ts';
export { pictures } from './pictures.ts';
export { childrenOf, descendantsOf, isRunning } from './process-tree.ts';
export { type Program, startProgram } from './program.ts';
export { type Random, randomOf } from './random.ts';
export { startRedis, type TestRedis, uniquePrefix } from './redis.ts';
export { rejects } from './rejects.ts';
export { dropAliases, removeFences, storeDirectory } from './sins.ts';
export {
  BROKEN_CODES,
  BROKEN_KINDS,
  type BrokenKind,
  breakSnapshot,
  makeSnapshotRoot,
  type SnapshotContent,
  type SnapshotRoot,
  simulateSnapshot,
  smallContent,
  writeSnapshot,
} from './snapshots.ts';
export {
  type Arrive,
  deploymentOf,
  EDGES,
  type Edge,
  hookRecords,
  hookSteps,
  LOAD_POINTS,
  ONCE_POINTS,
  type Point,
} from './step-points.ts';
