/** Pictures of one customer for tests of its explanation: all is well, but for what a test changes. */

import type {
  AliasInfo,
  AliasProperties,
  DeploymentRecord,
  ExplainPicture,
  Standing,
  State,
} from '@graphshift/core';

const NOW = 1_700_001_000_000;
const SINCE = new Date(NOW - 5_000_000).toISOString();

function standing(
  state: State,
  timestamp = 300,
  more: Partial<DeploymentRecord> = {},
  rest: Partial<Standing> = {},
): Standing {
  const record: DeploymentRecord = {
    id: `acme@${timestamp}`,
    customer: 'acme',
    timestamp,
    path: `/data/acme/${timestamp}`,
    state,
    run: 1,
    epoch: 1,
    holder: '',
    attempts: 0,
    crashes: 0,
    discoveredAt: NOW - 9000,
    changedAt: NOW - 9000,
    ...more,
  };
  return { record, hasJob: true, holderLives: false, ...rest };
}

function alias(snapshot: number, properties: Partial<AliasProperties> = {}): AliasInfo {
  return {
    customer: 'acme',
    database: `acme-${snapshot}`,
    properties: { epoch: 3, snapshot, contentHash: 'abc', since: SINCE, ...properties },
  };
}

/** acme's newest snapshot, 300, is on its way, and 200 is live; all is well. */
function picture(changes: Partial<ExplainPicture> = {}): ExplainPicture {
  return {
    customer: 'acme',
    now: NOW,
    limits: { order: 'newest-first', settleMs: 10_000, scanMs: 30_000 },
    customers: ['acme', 'beta'],
    hasDirectory: true,
    unreadRoots: [],
    newest: { timestamp: 300, path: '/data/acme/300' },
    alias: alias(200),
    targetComplete: true,
    producers: 1,
    workers: 1,
    queuePaused: false,
    jobsWaiting: 4,
    gate: { reachable: true },
    ...changes,
  };
}

export const explanations = { alias, NOW, picture, SINCE, standing };
