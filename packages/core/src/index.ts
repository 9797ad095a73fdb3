/** The one door for the apps. */

export {
  CONFIG_FILE,
  describeSetting,
  environmentName,
  type ReadSettings,
  readSettings,
  type SettingSource,
  sampleConfig,
  settingPaths,
} from './config/read-settings.ts';
export { SECRET_SETTINGS, type Settings, settingsSchema } from './config/settings.ts';
export { AliasDesk, type Rollback, type RollbackRequest } from './cutover/alias-desk.ts';
export { alignRecords, refuseUnlessOk } from './cutover/align-records.ts';
export { Cutover, type PublishResult } from './cutover/cutover.ts';
export { type CutoverDecision, decideCutover } from './cutover/decide.ts';
export { type Checkpoint, FencedChanges } from './cutover/fenced-changes.ts';
export type { Outcome } from './deployment/outcome.ts';
export { type DeploymentRecord, secondsTaken } from './deployment/record.ts';
export {
  ACTIVE_STATES,
  CANCELLABLE_STATES,
  END_STATES,
  HEAD_STATES,
  IDLE_STATES,
  isActiveState,
  isEndState,
  REVIVABLE_STATES,
  STATES,
  type State,
  TRANSITIONS,
} from './deployment/states.ts';
export { type ExamineOptions, examine, SETTLE_MS } from './doctor/examine.ts';
export type { Finding, Severity } from './doctor/finding.ts';
export type { Examined } from './doctor/gather.ts';
export { judge, RULES } from './doctor/judge.ts';
export type { AliasSeen, Picture } from './doctor/picture.ts';
export { Gate, type GateReading } from './gate/gate.ts';
export { type AliasReader, openAliasReader } from './graph-store/embedded/reader.ts';
export { createEmbeddedStore, type EmbeddedStoreOptions } from './graph-store/embedded/store.ts';
export type {
  AliasInfo,
  AliasProperties,
  CertifiedCount,
  Counts,
  DatabaseInfo,
  GraphStore,
  Load,
  LoadCertificate,
  LoadMark,
  LoadOptions,
  LoadProgress,
  LoadRequest,
  PreparedChange,
  QueryOptions,
  QueryResult,
  QueryTarget,
  StoreHealth,
  StoreListing,
} from './graph-store/graph-store.ts';
export { openConfiguredStore } from './graph-store/open-store.ts';
export {
  type AliasView,
  type DeploymentDetail,
  type DeploymentView,
  Operations,
} from './operations/operations.ts';
export { backoffMs } from './platform/backoff.ts';
export { Breaker } from './platform/breaker.ts';
export { ChildProcess, serveParent, siblingModule } from './platform/child-process.ts';
export { type Clock, systemClock } from './platform/clock.ts';
export {
  asGraphshiftError,
  assertNever,
  ERRORS,
  type ErrorClass,
  type ErrorCode,
  type ErrorRecord,
  GraphshiftError,
  messageOf,
} from './platform/errors.ts';
export { createLogger, type Logger, silentLogger } from './platform/log.ts';
export { type Service, ServiceStack } from './platform/service.ts';
export { DEAD_LETTER_QUEUE, DEPLOY_QUEUE, jobId, parseJobId } from './queue/catalogue.ts';
export { checkRedis, connectRedis, redactUrl, removeInstallation } from './queue/connection.ts';
export { DeploymentConsumer, type Pickup, QUEUE_TIMES, type QueueTimes } from './queue/consume.ts';
export { DeadLetterDesk, DeadLetters } from './queue/dead-letters.ts';
export {
  type AuditEntry,
  DeploymentStore,
  type Refusal,
  type TransitionResult,
} from './queue/deployment-store.ts';
export type { JobsFound } from './queue/evidence.ts';
export { type Keys, makeKeys } from './queue/keys.ts';
export { WakeUps } from './queue/wake-ups.ts';
export { type RecoveryOptions, recoverCustomer, recoverRecords } from './recovery/recover-records.ts';
export { Retention } from './retention/retention.ts';
export { selectRetired } from './retention/select.ts';
export { type Backend, type BackendOptions, openBackend } from './runtime/backend.ts';
export type { SnapshotColumn, SnapshotFile, SnapshotGroup, SnapshotManifest } from './snapshot/manifest.ts';
export {
  aliasName,
  customerNameProblem,
  type DeploymentId,
  databaseName,
  deploymentId,
  parseDatabaseName,
  parseDeploymentId,
  parseTimestamp,
  type SnapshotName,
} from './snapshot/names.ts';
export { type Duck, openDuck, quoteFiles, quoteIdentifier, quoteString } from './snapshot-source/duckdb.ts';
export { inspectSnapshot } from './snapshot-source/inspect.ts';
export {
  type FoundSnapshot,
  findSnapshots,
  type Observation,
  observeSnapshot,
} from './snapshot-source/observe.ts';
export {
  BROKEN_CODES,
  BROKEN_KINDS,
  type BrokenKind,
  breakSnapshot,
  type SnapshotContent,
  simulateSnapshot,
  writeSnapshot,
} from './snapshot-source/simulate.ts';
export { snapshotContentHash } from './snapshot-source/snapshot-hash.ts';
