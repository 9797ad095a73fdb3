import { type Backend, HealthServer, makeAuditExport, type Service } from '@graphshift/core';

/** What a process of one kind runs beside its own services. */
export interface Attendance {
  readonly backend: Backend;
  /** Relative paths in the settings are taken from here. */
  readonly directory: string;
  readonly kind: 'up' | 'producer' | 'worker' | 'dashboard';
  /** Name of the process. */
  readonly instance: string;
}

/**
 * A process's services with those that attend to them: `/healthz` of producer and worker where a port is set, begun
 * before them and ended after them; and the audit files of whoever scans.
 */
export function attended(
  { backend, directory, kind, instance }: Attendance,
  services: readonly Service[],
): Service[] {
  const audit = kind === 'up' || kind === 'producer' ? [makeAuditExport(backend, directory, instance)] : [];
  const { host, port } = backend.settings.health;
  if (port === undefined || (kind !== 'producer' && kind !== 'worker')) return [...audit, ...services];
  const health = new HealthServer({
    host,
    port,
    kind,
    ping: () => backend.deployments.serverTime(),
    clock: backend.clock,
    log: backend.log,
  });
  return [health, ...audit, ...services, health.readiness];
}
