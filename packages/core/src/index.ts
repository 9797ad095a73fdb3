/** The one door for the apps. */

export type { AuditExport } from './audit/audit-export.ts';
export { type AuditTrailOptions, makeAuditExport, readAuditTrail } from './audit/audit-trail.ts';
export { Capacity, type CapacityOptions, type Demand } from './capacity/capacity.ts';
export type { Estimate } from './capacity/estimate.ts';
export { type MachineMemory, readMachineMemory } from './capacity/machine-memory.ts';
export { describeShortage, inUnits } from './capacity/shortage.ts';
export { type ProfileFile, profileNames } from './config/profiles.ts';
export {
  CONFIG_FILE,
  type ReadSettings,
  readSettings,
  type SettingSource,
} from './config/read-settings.ts';
export { sampleConfig, sampleEnvironment } from './config/samples.ts';
export { describeSetting, environmentName, settingPaths } from './config/setting-paths.ts';
export { SECRET_SETTINGS, type Settings, settingsSchema } from './config/settings.ts';
export { AliasDesk, type Rollback, type RollbackRequest } from './cutover/alias-desk.ts';
export { alignRecords, LOST_EARLIER, refuseUnlessOk } from './cutover/align-records.ts';
export { Cutover, type PublishResult } from './cutover/cutover.ts';
export { type CutoverDecision, decideCutover } from './cutover/decide.ts';
export { wasLive } from './cutover/earlier.ts';
export { type Checkpoint, FencedChanges } from './cutover/fenced-changes.ts';
export type { Outcome } from './deployment/outcome.ts';
export { type DeploymentRecord, deploymentError, secondsTaken, wasAskedFor } from './deployment/record.ts';
export {
  ACTIVE_STATES,
  CANCELLABLE_STATES,
  END_STATES,
  FORGETTABLE_STATES,
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
export { mend, type Repaired } from './doctor/mend.ts';
export type { AliasSeen, Picture } from './doctor/picture.ts';
export { explain, explainFailure } from './explain/explain.ts';
export type { Cause, Explanation } from './explain/explanation.ts';
export type { ExplainPicture, Standing } from './explain/picture.ts';
export { Gate, type GateReading } from './gate/gate.ts';
export type { GateView, StoreReading } from './gate/reading.ts';
export { StoreReadings } from './gate/readings.ts';
export { gateThresholds, limitInWords } from './gate/thresholds.ts';
export { type AliasReader, openAliasReader } from './graph-store/embedded/reader.ts';
export { createEmbeddedStore, type EmbeddedStoreOptions } from './graph-store/embedded/store.ts';
export type {
  AliasChange,
  AliasInfo,
  AliasProperties,
  CarryOverRequest,
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
  ParityReport,
  PreparedChange,
  QueryOptions,
  QueryResult,
  QueryTarget,
  SchemaFileStatement,
  StoreHealth,
  StoreListing,
} from './graph-store/graph-store.ts';
export { openConfiguredStore } from './graph-store/open-store.ts';
export type {
  ChunkLoader,
  ChunkOptions,
  ChunkStanding,
  ChunkTask,
  LoadChunk,
  LoadSharing,
  SharedRound,
} from './graph-store/sharing.ts';
export {
  type AliasView,
  type DeploymentDetail,
  type DeploymentView,
  listAliases,
  Operations,
} from './operations/operations.ts';
export { backoffMs } from './platform/backoff.ts';
export { Breaker, type BreakerState, type BreakerView } from './platform/breaker.ts';
export { type ChildCommands, ChildProcess, serveParent, siblingModule } from './platform/child-process.ts';
export { type Clock, systemClock } from './platform/clock.ts';
export { withDeadline, within } from './platform/deadline.ts';
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
export { failuresOf, throwIfAny } from './platform/failures.ts';
export { HealthServer, type HealthServerOptions } from './platform/health-server.ts';
export { createLogger, type Logger, silentLogger } from './platform/log.ts';
export { sweepScratchDirectories } from './platform/scratch-directory.ts';
export { type Service, ServiceStack } from './platform/service.ts';
export { VERSION } from './platform/version.ts';
export { memoryOfTree, Vitals } from './platform/vitals.ts';
export type { AuditEntry, AuditFilter } from './queue/audit-stream.ts';
export { BusyMeter } from './queue/busy-meter.ts';
export {
  CHUNK_QUEUE,
  type ChunkPayload,
  chunkJobId,
  DEAD_LETTER_QUEUE,
  DEPLOY_QUEUE,
  jobId,
  parseJobId,
} from './queue/catalogue.ts';
export { ChunkConsumer, type ChunkOutcome, type ChunkPickup } from './queue/chunk-consumer.ts';
export { ChunkJobs } from './queue/chunk-jobs.ts';
export {
  CHUNK_LEASE_MS,
  type ChunkEnd,
  ChunkLedger,
  fatalError,
  type LedgerOf,
  type LedgerView,
  type TakenChunk,
} from './queue/chunk-ledger.ts';
export {
  CONDITIONS,
  type Condition,
  conditionOf,
  DEFAULT_TIMES,
  type HeartbeatTimes,
  heartbeatTimes,
} from './queue/condition.ts';
export { checkRedis, connectRedis, redactUrl, removeInstallation } from './queue/connection.ts';
export { DeploymentConsumer, type Pickup, QUEUE_TIMES, type QueueTimes } from './queue/consume.ts';
export { DeadLetterDesk, DeadLetters } from './queue/dead-letters.ts';
export {
  DeploymentStore,
  type Refusal,
  SHORTAGES,
  type Shortage,
  type TransitionRefusal,
  type TransitionResult,
} from './queue/deployment-store.ts';
export type { JobsFound } from './queue/evidence.ts';
export {
  type Beat,
  busyShare,
  type Instance,
  type InstanceKind,
  Instances,
  makeInstanceId,
} from './queue/instances.ts';
export { type Keys, makeKeys } from './queue/keys.ts';
export { Lease } from './queue/lease.ts';
export {
  type Emergency,
  RECOVERY_KINDS,
  type RecoveryKind,
  RecoveryLog,
  type RecoveryReport,
  type RecoveryStatistics,
  recoveryStatistics,
  type StepReport,
} from './queue/recovery-log.ts';
export { Statistics } from './queue/statistics.ts';
export { WakeUps } from './queue/wake-ups.ts';
export { type RecoveryOptions, recoverCustomer, recoverRecords } from './recovery/recover-records.ts';
export {
  ADMINISTRATION,
  Breakers,
  isServiceFailure,
  LOAD,
  notificationBreaker,
} from './resilience/health/breakers.ts';
export { Pulse } from './resilience/health/pulse.ts';
export {
  type ResilienceStatus,
  readHealth,
  readResilience,
  type SystemHealth,
} from './resilience/health/resilience-status.ts';
export { HEALTH_RULES, isServing, LEVELS, type Level } from './resilience/health/rules.ts';
export { SCORE_PARTS } from './resilience/health/score.ts';
export { SIGNS, type VitalSample, warnEarly } from './resilience/health/vitals.ts';
export { MemoryBrake } from './resilience/memory-brake.ts';
export { Monitor, type MonitorOptions } from './resilience/monitor.ts';
export { Recovery, type RecoveryRequest } from './resilience/recovery/recovery.ts';
export { Watchdog, type WatchdogOptions } from './resilience/watchdog.ts';
export { Retention } from './retention/retention.ts';
export { selectRetired } from './retention/select.ts';
export { type Adoption, adoptStore } from './runtime/adopt-store.ts';
export { type Backend, type BackendOptions, openBackend } from './runtime/backend.ts';
export { checkRoots, checkStoreDirectory, snapshotRoots } from './runtime/paths.ts';
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
export { declareSnapshot } from './snapshot-source/declare.ts';
export { type Duck, openDuck, quoteFiles, quoteIdentifier, quoteString } from './snapshot-source/duckdb.ts';
export { inspectSnapshot } from './snapshot-source/inspect.ts';
export { type Observation, observeSnapshot } from './snapshot-source/observe.ts';
export {
  type Look,
  lookAtSnapshot,
  MARKER_FILE,
  type ReadinessRule,
} from './snapshot-source/readiness.ts';
export { type FoundSnapshot, findSnapshots, snapshotsOf } from './snapshot-source/scan/find.ts';
export type { ScanPage } from './snapshot-source/scan/scan-commands.ts';
export { Scanner } from './snapshot-source/scan/scanner.ts';
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
export { type LiveStatus, readLiveStatus } from './status/live-status.ts';
export { Presence } from './status/presence.ts';
export { makeStatus, type Status } from './status/status.ts';
export { STATUS_LEASE_MS, StatusFile } from './status/status-file.ts';
export { readSchemaFile } from './verify/schema-file.ts';
export { readSmokeQueries, runSmokeQueries } from './verify/smoke-queries.ts';
