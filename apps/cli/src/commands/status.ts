import {
  busyShare,
  connectRedis,
  heartbeatTimes,
  type Instance,
  Instances,
  type LiveStatus,
  makeKeys,
  RecoveryLog,
  readLiveStatus,
  Statistics,
  systemClock,
} from '@graphshift/core';
import { act, examples, makeCommand, type Registry } from '../command.ts';
import { EXIT } from '../exit-codes.ts';
import { type Column, shortTime, table, toJson } from '../output.ts';
import { Session } from '../session.ts';

/** `status`: what the status file says, live. Asks Redis alone, so that it answers while the store does not. */
export function addStatus(registry: Registry): void {
  const status = makeCommand(
    'status',
    'counts, queue and running instances; exit 1 when something is wrong',
  ).addHelpText('after', examples('status', 'status --json'));
  act(status, registry, async (options, surroundings) => {
    const session = new Session(surroundings, options);
    const found = await readNow(session);
    const { output } = session;
    output.write(output.json ? `${toJson(document(found), 2)}\n` : show(found));
    return found.problems.length > 0 ? EXIT.unhealthy : EXIT.done;
  });
  registry.program.addCommand(status);
}

async function readNow({ read, log }: Session): Promise<LiveStatus> {
  const { orchestrator, redis: where } = read.settings;
  const redis = await connectRedis({ url: where.url, log });
  try {
    const keys = makeKeys(where.prefix);
    return await readLiveStatus({
      statistics: new Statistics(redis, keys),
      instances: new Instances(redis, keys, heartbeatTimes(read.settings)),
      recoveries: new RecoveryLog(redis, keys),
      maxLoads: orchestrator.max_concurrent_loads,
      interval: orchestrator.scan_interval,
      roots: orchestrator.data_path,
      now: systemClock.now(),
    });
  } finally {
    redis.disconnect();
  }
}

/** Durations in seconds and instants in ISO 8601, as everywhere in JSON. */
function document(found: LiveStatus): unknown {
  const now = Date.parse(found.updated_at);
  return {
    ...found,
    instances: found.instances.map((one) => ({
      id: one.id,
      kind: one.kind,
      state: stateOf(one),
      host: one.host,
      pid: one.pid,
      version: one.version,
      capacity: one.capacity,
      active: one.active,
      busy_share: busyShare(one),
      condition: one.condition,
      epoch: one.epoch,
      deployments: one.deployments,
      chunks: one.chunks,
      leases: one.leases,
      memory_bytes: one.memory,
      event_loop_delay_ms: one.loopDelayMs,
      beat_late_ms: one.lateMs,
      restarts: one.restarts,
      paused: one.paused || null,
      uptime_seconds: Math.floor(uptimeMs(one) / 1000),
      last_beat: new Date(now - one.silentMs).toISOString(),
    })),
  };
}

const INSTANCE_COLUMNS: readonly Column<Instance>[] = [
  { title: 'INSTANCE', value: (row) => row.id },
  { title: 'KIND', value: (row) => row.kind },
  { title: 'STATE', value: stateOf },
  { title: 'LOADS', value: (row) => (row.capacity === 0 ? null : loadsOf(row)) },
  { title: 'MEMORY', value: (row) => megabytes(row.memory), align: 'right' },
  { title: 'BUSY', value: (row) => percent(busyShare(row)), align: 'right' },
  { title: 'UP', value: (row) => span(uptimeMs(row) / 1000), align: 'right' },
  { title: 'LAST BEAT', value: (row) => `${Math.round(row.silentMs / 1000)} s ago`, align: 'right' },
  { title: 'VERSION', value: (row) => row.version },
];

function show(found: LiveStatus): string {
  const roots = typeof found.data_path === 'string' ? [found.data_path] : found.data_path;
  const { processing_seconds: times } = found;
  const states = Object.entries(found.deployments).map(([state, count]) => `${count} ${state}`);
  const facts: [string, string][] = [
    ['status', found.status === 'stopped' ? 'stopped' : `${found.status}, up ${span(found.uptime_seconds)}`],
    ['scans', `${roots.join(', ')} every ${found.scan_interval} s`],
    ['workers', `${found.workers} ${found.workers === 1 ? 'load' : 'loads'} at once`],
    ['queue', `${found.queue_size} waiting`],
    [
      'tasks',
      `${found.tasks_discovered} discovered, ${found.tasks_completed} completed, ${found.tasks_failed} failed, ${found.tasks_retried} retried`,
    ],
    ['success', `${found.success_rate.toFixed(1)} %`],
    [
      'time',
      times
        ? `half within ${times.p50} s, 95 % within ${times.p95} s, at most ${times.max} s (the last ${times.count})`
        : '-',
    ],
    ['deployments', states.join(', ') || 'none'],
    ...Object.entries(found.queues).map(([name, counts]): [string, string] => [`jobs ${name}`, jobs(counts)]),
    ['activity', shortTime(found.last_activity) ?? 'none'],
  ];
  const width = Math.max(...facts.map(([name]) => name.length));
  const lines = facts.map(([name, value]) => `${name.padEnd(width)}  ${value}`);
  const { attempts, successes } = found.recoveries;
  if (attempts > 0) lines.push(`${'recoveries'.padEnd(width)}  ${attempts} begun, ${successes} succeeded`);
  for (const problem of found.problems) lines.push(`${'PROBLEM'.padEnd(width)}  ${problem}`);
  const instances =
    found.instances.length === 0 ? 'no instances\n' : table(found.instances, INSTANCE_COLUMNS);
  return `${lines.join('\n')}\n\n${instances}`;
}

function jobs(counts: Readonly<Record<string, number>>): string {
  const some = Object.entries(counts).filter(([, count]) => count > 0);
  return some.map(([state, count]) => `${count} ${state}`).join(', ') || 'none';
}

/** What it does while it lives, else what its silence makes of it. */
function stateOf({ living, state, condition, paused }: Instance): string {
  if (!living) return condition === 'alive' ? 'silent' : condition;
  return state === 'running' && paused !== '' ? 'full' : state;
}

function uptimeMs({ uptimeMs: atBeat, silentMs, living }: Instance): number {
  return living ? atBeat + silentMs : atBeat;
}

/** Deployments in hand, and chunks of others' where it has any. */
function loadsOf({ active, capacity, chunks }: Instance): string {
  const shared = chunks.length === 0 ? '' : `, ${chunks.length} ${chunks.length === 1 ? 'chunk' : 'chunks'}`;
  return `${active} of ${capacity}${shared}`;
}

function megabytes(bytes: number): string | null {
  return bytes === 0 ? null : `${Math.round(bytes / 1024 / 1024)} MB`;
}

function percent(share: number | null): string | null {
  return share === null ? null : `${(100 * share).toFixed(0)} %`;
}

/** `3 d 4 h`, `4 h 5 min`, `5 min 6 s` or `6 s`. */
function span(seconds: number): string {
  const whole = Math.floor(seconds);
  const parts: [number, string][] = [
    [Math.floor(whole / 86_400), 'd'],
    [Math.floor(whole / 3600) % 24, 'h'],
    [Math.floor(whole / 60) % 60, 'min'],
    [whole % 60, 's'],
  ];
  const first = parts.findIndex(([count]) => count > 0);
  if (first < 0) return '0 s';
  return parts
    .slice(first, first + 2)
    .map(([count, unit]) => `${count} ${unit}`)
    .join(' ');
}
