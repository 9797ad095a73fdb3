import type { RecoveryKind } from '@graphshift/core';
import { z } from 'zod';
import type { ApiRequest, ApiResponse, Handler } from '../http.ts';
import { parseQuery } from './deployments.ts';

const recoveryQuery = z.strictObject({ reason: z.string().min(1).max(1000).optional() });

/** Takes what an instance holds from it, and hands it on. 200 with the report, 503 where a step failed for good. */
export const recoverInstance: Handler = (request) => recover(request, 'recovery');

/** The whole procedure: force-release, redistribution, the doctor, reset. */
export const recoverInEmergency: Handler = (request) => recover(request, 'emergency');

async function recover(
  { backend, params, query, user }: ApiRequest,
  kind: RecoveryKind,
): Promise<ApiResponse> {
  const { reason = `asked for by ${user}` } = parseQuery(recoveryQuery, query);
  const report = await backend.recovery.recover(params.instance ?? '', { kind, by: user, reason });
  return { status: report.outcome === 'recovered' ? 200 : 503, body: report };
}
