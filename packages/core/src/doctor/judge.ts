import type { Finding, Rule } from './finding.ts';
import type { Picture } from './picture.ts';
import { aliasAge, aliasProperties, aliasReadable, aliasTarget } from './rules/aliases.ts';
import { auditChain, auditState, epochsGrow, loadedOnce } from './rules/audit.ts';
import {
  databaseJudged,
  databaseLeft,
  halfLoaded,
  loadMark,
  retentionKept,
  retentionLate,
} from './rules/databases.ts';
import { epochBehind, holds, liveRecord } from './rules/live.ts';
import { deadLetter, reservation } from './rules/queues.ts';
import { head, headJob, jobRecord, recordIndex, recordReadable, snapshotRecord } from './rules/records.ts';

/** Every rule, in the order of the invariants; docs/doctor.md has the same table. */
export const RULES: readonly Rule[] = [
  aliasReadable,
  aliasTarget,
  aliasProperties,
  aliasAge,
  epochsGrow,
  snapshotRecord,
  recordReadable,
  recordIndex,
  head,
  headJob,
  auditChain,
  auditState,
  loadedOnce,
  halfLoaded,
  loadMark,
  databaseJudged,
  retentionKept,
  liveRecord,
  holds,
  epochBehind,
  retentionLate,
  databaseLeft,
  jobRecord,
  deadLetter,
  reservation,
];

/** What every rule finds off in one picture, the rules' order. */
export function judge(picture: Picture): Finding[] {
  return RULES.flatMap(({ name, invariant, check }) =>
    check(picture).map((observation) => ({
      ...observation,
      rule: name,
      ...(invariant !== undefined && { invariant }),
    })),
  );
}
