/** Prometheus metrics of what keeps the system going. Made anew for each question, so that what is gone is not shown. */

import { LEVELS, type ResilienceStatus, readResilience, SIGNS, STATES } from '@graphshift/core';
import { Gauge, Registry } from 'prom-client';
import type { Handler } from '../http.ts';

type Labels = Readonly<Record<string, string>>;
type Sample = readonly [labels: Labels, value: number | null | undefined];

interface Metric {
  /** With its unit at the end. */
  readonly name: string;
  readonly help: string;
  readonly samples: readonly Sample[];
}

/** 503 while Redis does not answer: the health metrics alone are told then. */
export const metrics: Handler = async ({ backend }) => {
  const status = await readResilience(backend);
  const known = status.patterns !== null;
  const counts = known ? await backend.operations.counts() : {};
  const deployments: Metric = {
    name: 'graphshift_deployments',
    help: 'Deployments in each state.',
    samples: known ? STATES.map((state) => [{ state }, counts[state as keyof typeof counts]]) : [],
  };
  const registry = new Registry();
  for (const metric of [
    ...healthMetrics(status),
    ...instanceMetrics(status),
    ...breakerMetrics(status),
    ...recoveryMetrics(status),
    ...failureMetrics(status),
    deployments,
  ])
    addTo(registry, metric);
  return { status: known ? 200 : 503, body: await registry.metrics(), type: registry.contentType };
};

function addTo(registry: Registry, { name, help, samples }: Metric): void {
  const labelNames = [...new Set(samples.flatMap(([labels]) => Object.keys(labels)))];
  const gauge = new Gauge({ name, help, labelNames, registers: [registry] });
  gauge.reset();
  for (const [labels, value] of samples)
    if (value !== null && value !== undefined) gauge.set({ ...labels }, value);
}

function healthMetrics({ health, emergencies, earlyWarning }: ResilienceStatus): Metric[] {
  return [
    {
      name: 'graphshift_health_level',
      help: '1 for the level of the system, 0 for the others.',
      samples: LEVELS.map((level) => [{ level }, level === health.status ? 1 : 0]),
    },
    {
      name: 'graphshift_health_score_points',
      help: 'Health score, 0 to 100.',
      samples: [[{}, health.score]],
    },
    {
      name: 'graphshift_health_score_part_points',
      help: 'Parts of the health score.',
      samples: health.parts.map(({ name, points }) => [{ part: name }, points]),
    },
    {
      name: 'graphshift_emergencies',
      help: 'Emergencies that were raised and have not ended.',
      samples: [[{}, emergencies.length]],
    },
    {
      name: 'graphshift_early_warnings',
      help: 'Instances whose vital signs warn, by sign.',
      samples: SIGNS.map((sign) => [{ sign }, earlyWarning.filter((one) => one.sign === sign).length]),
    },
  ];
}

function instanceMetrics({ instances }: ResilienceStatus): Metric[] {
  const each = (value: (instance: ResilienceStatus['instances'][number]) => number): Sample[] =>
    instances.map((instance) => [{ instance: instance.id, kind: instance.kind }, value(instance)]);
  return [
    {
      name: 'graphshift_instance_condition',
      help: '1 for the condition of each instance.',
      samples: instances.map(({ id, kind, condition }) => [{ instance: id, kind, condition }, 1]),
    },
    {
      name: 'graphshift_instance_silence_seconds',
      help: 'Time since the last beat, of those that were not recovered.',
      samples: each(({ silentSeconds }) => silentSeconds).filter(
        (_, index) => instances[index]?.condition !== 'recovered',
      ),
    },
    {
      name: 'graphshift_instance_memory_bytes',
      help: 'Resident memory with loading processes.',
      samples: each(({ memoryBytes }) => memoryBytes),
    },
    {
      name: 'graphshift_instance_event_loop_delay_seconds',
      help: 'Longest delay of the event loop since the beat before.',
      samples: each(({ eventLoopDelayMs }) => eventLoopDelayMs / 1000),
    },
    {
      name: 'graphshift_instance_beat_lateness_seconds',
      help: 'How late the last beat came.',
      samples: each(({ beatLateMs }) => beatLateMs / 1000),
    },
    {
      name: 'graphshift_instance_deployments',
      help: 'Deployments in hand.',
      samples: each(({ deployments }) => deployments.length),
    },
    {
      name: 'graphshift_instance_chunks',
      help: 'Chunks of shared loads in hand.',
      samples: each(({ chunks }) => chunks.length),
    },
  ];
}

const BREAKER_STATES = ['closed', 'half-open', 'open'] as const;

function breakerMetrics({ instances }: ResilienceStatus): Metric[] {
  const all = instances.flatMap(({ id, breakers }) => breakers.map((view) => ({ ...view, instance: id })));
  return [
    {
      name: 'graphshift_breaker_state',
      help: '1 for the state of each breaker of each instance, 0 for the other states.',
      samples: all.flatMap(({ instance, name, state }) =>
        BREAKER_STATES.map((one): Sample => [{ instance, breaker: name, state: one }, one === state ? 1 : 0]),
      ),
    },
    {
      name: 'graphshift_breaker_failures',
      help: 'Failures in a row.',
      samples: all.map(({ instance, name, failures }) => [{ instance, breaker: name }, failures]),
    },
    {
      name: 'graphshift_breaker_openings',
      help: 'Times that it opened since its process began.',
      samples: all.map(({ instance, name, opened }) => [{ instance, breaker: name }, opened]),
    },
  ];
}

function recoveryMetrics({ recovery }: ResilienceStatus): Metric[] {
  const byInstance = Object.entries(recovery?.byInstance ?? {});
  type Statistics = NonNullable<ResilienceStatus['recovery']>['total'];
  const each = (value: (statistics: Statistics) => number | null): Sample[] =>
    byInstance.map(([instance, statistics]) => [{ instance }, value(statistics)]);
  const inSeconds = (ms: number | null) => (ms === null ? null : ms / 1000);
  return [
    {
      name: 'graphshift_recovery_attempts',
      help: 'Recoveries of each instance, of the reports that are kept.',
      samples: each(({ attempts }) => attempts),
    },
    {
      name: 'graphshift_recovery_successes',
      help: 'Those among them that succeeded.',
      samples: each(({ successes }) => successes),
    },
    {
      name: 'graphshift_recovery_success_ratio',
      help: 'Successes by attempts, 0 to 1.',
      samples: each(({ successRate }) => (successRate === null ? null : successRate / 100)),
    },
    {
      name: 'graphshift_recovery_duration_mean_seconds',
      help: 'Mean time of a recovery.',
      samples: each(({ meanMs }) => inSeconds(meanMs)),
    },
    {
      name: 'graphshift_recovery_duration_max_seconds',
      help: 'Longest time of a recovery.',
      samples: each(({ maxMs }) => inSeconds(maxMs)),
    },
  ];
}

function failureMetrics({ patterns }: ResilienceStatus): Metric[] {
  const groups = (key: 'thisHour' | 'lastDay'): Sample[] =>
    (patterns?.by.class ?? []).map((group) => [{ class: group.value }, group[key]]);
  return [
    {
      name: 'graphshift_failures_this_hour',
      help: 'Failed attempts and lost workers since the hour began, by class.',
      samples: groups('thisHour'),
    },
    {
      name: 'graphshift_failures_last_day',
      help: 'The same of the newest 24 hours.',
      samples: groups('lastDay'),
    },
    {
      name: 'graphshift_failure_patterns',
      help: 'Recurring failures that are named in the status.',
      samples: [[{}, patterns?.recurring.length]],
    },
  ];
}
