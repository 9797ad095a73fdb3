import { listAliases, pinAlias, rollbackAlias, unpinAlias } from './handlers/aliases.ts';
import {
  discardDeadLetter,
  listDeadLetters,
  retryAllDeadLetters,
  retryDeadLetter,
} from './handlers/dead-letters.ts';
import {
  cancelDeployment,
  countDeployments,
  listDeployments,
  listRefusals,
  retryDeployment,
  showDeployment,
} from './handlers/deployments.ts';
import { runDoctor } from './handlers/doctor.ts';
import { healthz, readyz } from './handlers/health.ts';
import { metrics } from './handlers/metrics.ts';
import { recoverInEmergency, recoverInstance } from './handlers/recovery.ts';
import { resilienceHealth, resilienceStatus } from './handlers/resilience.ts';
import { showStatus } from './handlers/status.ts';
import type { Route } from './http.ts';

export const ROUTES: readonly Route[] = [
  { method: 'get', path: '/healthz', handler: healthz, open: true },
  { method: 'get', path: '/readyz', handler: readyz, open: true },
  { method: 'get', path: '/resilience/health', handler: resilienceHealth, open: true },
  { method: 'get', path: '/resilience/status', handler: resilienceStatus },
  { method: 'get', path: '/metrics', handler: metrics },
  { method: 'get', path: '/api/v1/deployments', handler: listDeployments },
  { method: 'get', path: '/api/v1/deployments/:id', handler: showDeployment },
  { method: 'post', path: '/api/v1/deployments/:id/retry', handler: retryDeployment },
  { method: 'post', path: '/api/v1/deployments/:id/cancel', handler: cancelDeployment },
  { method: 'get', path: '/api/v1/counts', handler: countDeployments },
  { method: 'get', path: '/api/v1/status', handler: showStatus },
  { method: 'get', path: '/api/v1/refusals', handler: listRefusals },
  { method: 'get', path: '/api/v1/doctor', handler: runDoctor },
  { method: 'get', path: '/api/v1/aliases', handler: listAliases },
  { method: 'post', path: '/api/v1/aliases/:customer/rollback', handler: rollbackAlias },
  { method: 'post', path: '/api/v1/aliases/:customer/pin', handler: pinAlias },
  { method: 'post', path: '/api/v1/aliases/:customer/unpin', handler: unpinAlias },
  { method: 'get', path: '/api/v1/dead-letters', handler: listDeadLetters },
  { method: 'post', path: '/api/v1/dead-letters/retry', handler: retryAllDeadLetters },
  { method: 'post', path: '/api/v1/dead-letters/:id/retry', handler: retryDeadLetter },
  { method: 'delete', path: '/api/v1/dead-letters/:id', handler: discardDeadLetter },
  { method: 'post', path: '/resilience/recovery/:instance', handler: recoverInstance },
  { method: 'post', path: '/resilience/emergency/:instance', handler: recoverInEmergency },
];
