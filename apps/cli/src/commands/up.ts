import {
  type AliasView,
  type Backend,
  type DeploymentView,
  HEAD_STATES,
  isEndState,
  type Refusal,
} from '@graphshift/core';
import { createDashboard } from '@graphshift/dashboard';
import type { Producer } from '@graphshift/producer';
import { act, examples, makeCommand, type Registry } from '../command.ts';
import { EXIT } from '../exit-codes.ts';
import { type Output, table, toJson } from '../output.ts';
import { runProcess } from '../process-life.ts';
import { Session } from '../session.ts';
import { checkWhole, DEPLOYMENT_COLUMNS } from './deployments.ts';
import { makeProducer, makeWorker, scanning } from './processes.ts';

interface UpOptions {
  readonly data?: string;
  readonly workers?: string;
  readonly scanInterval?: string;
  readonly port?: string;
  readonly once?: boolean;
  readonly onceTimeout: string;
}

const LOOK_EVERY_MS = 200;
/** Snapshots that are not ready, named when `--once` runs out of time. */
const UNREADY_TOLD = 5;

/** Producer, worker and dashboard in one process, for a laptop. */
export function addUp(registry: Registry): void {
  const up = makeCommand('up', 'producer, workers and dashboard in one process')
    .option('--data <DIR>', 'root of the snapshots (default: orchestrator.data_path)')
    .option('--workers <N>', 'loads at once')
    .option('--scan-interval <S>', 'seconds between two scans')
    .option('--port <PORT>', 'port of the dashboard; 0 takes a free one')
    .option('--once', 'end when everything there is has settled and reached an end state')
    .option('--once-timeout <S>', 'with --once: seconds after which it ends with what is left', '600')
    .addHelpText('after', examples('up --data data', 'up --data data --once --json'));
  act<UpOptions>(up, registry, async (options, surroundings) => {
    const session = new Session(surroundings, options, flagsOf(options), false);
    const timeoutMs = checkWhole('--once-timeout', options.onceTimeout) * 1000;
    let producer: Producer | undefined;
    return runProcess(session, {
      kind: 'up',
      scans: true,
      loads: true,
      make: async (parts) => {
        producer = makeProducer(parts.backend, surroundings.directory);
        // The producer first: a root that cannot be read is told before anything is announced. The worker last, so
        // that the dashboard still shows what it waits for when it stops.
        return [
          scanning(producer),
          ...(options.once ? [] : [await announced(parts.backend, session)]),
          await makeWorker(parts),
        ];
      },
      ...(options.once && {
        work: ({ backend }) => untilSettled(backend, () => producer, session, timeoutMs),
      }),
    });
  });
  registry.program.addCommand(up);
}

function flagsOf(options: UpOptions): Record<string, unknown> {
  return {
    'orchestrator.data_path': options.data,
    'orchestrator.num_workers': options.workers,
    'orchestrator.scan_interval': options.scanInterval,
    'dashboard.port': options.port,
  };
}

/** The dashboard, saying where it is once it listens. */
async function announced(backend: Backend, session: Session) {
  const dashboard = createDashboard({ backend });
  return {
    start: async () => {
      await dashboard.start();
      const { href } = dashboard.address();
      session.log.info(`page ${href}  Bull Board ${href}queues  API ${href}api/v1/deployments`);
    },
    stop: () => dashboard.stop(),
  };
}

/** Waits until the producer has recorded everything and nothing is left to do, then prints what came of it. */
async function untilSettled(
  backend: Backend,
  producer: () => Producer | undefined,
  session: Session,
  timeoutMs: number,
): Promise<number> {
  const { clock, operations } = backend;
  const deadline = clock.now() + timeoutMs;
  const { signal } = session.surroundings;
  for (;;) {
    const counts = await operations.counts();
    const open = counts.discovered + HEAD_STATES.reduce((sum, state) => sum + counts[state], 0);
    if (producer()?.settled && open === 0) break;
    if (clock.now() > deadline) {
      const left = await operations.deployments();
      const reasons = new Set(
        left.flatMap(({ state, reason }) => (isEndState(state) || !reason ? [] : [reason])),
      );
      const unreadyNow = producer()?.unready(UNREADY_TOLD) ?? [];
      const waiting = unreadyNow.length > 0 ? ' and snapshots that are not ready' : '';
      for (const unready of unreadyNow) reasons.add(unready);
      session.log.error(
        `--once ends after ${timeoutMs / 1000} s with ${open} deployments left${waiting}: ${[...reasons].join('; ')}`,
      );
      await printResult(backend, session.output);
      return EXIT.unhealthy;
    }
    await clock.sleep(LOOK_EVERY_MS, signal).catch(() => {});
    if (signal.aborted) return EXIT.interrupted;
  }
  return printResult(backend, session.output);
}

async function printResult(backend: Backend, output: Output): Promise<number> {
  const deployments = await backend.operations.deployments({ limit: 1_000_000 });
  const aliases = await backend.operations.aliases();
  const refused = await backend.operations.refusals();
  if (output.json) output.write(`${toJson(onceDocument(deployments, aliases, refused), 2)}\n`);
  else {
    if (deployments.length > 0) output.write(table(deployments, DEPLOYMENT_COLUMNS));
    for (const { customer, database } of aliases) output.write(`alias ${customer} -> ${database}\n`);
    for (const { error } of refused) output.write(`refused: ${error.message}\n`);
  }
  const dead = deployments.some((one) => one.state === 'dead' || one.state === 'quarantined');
  const waiting = deployments.some((one) => ['discovered', ...HEAD_STATES].includes(one.state));
  return dead || waiting || refused.length > 0 ? EXIT.unhealthy : EXIT.done;
}

/** The document of `up --once --json`: its keys are a contract; `refused` names what cannot be a deployment. */
function onceDocument(
  deployments: readonly DeploymentView[],
  aliases: readonly AliasView[],
  refused: readonly Refusal[],
) {
  return {
    deployments: deployments.map((one) => ({
      id: one.id,
      customer: one.customer,
      timestamp: one.timestamp,
      state: one.state,
      database: one.database,
      nodes: one.nodes,
      relationships: one.relationships,
      seconds: one.seconds,
      attempts: one.attempts,
      error: one.error?.message ?? (isEndState(one.state) ? null : one.reason),
    })),
    aliases: aliases.map(({ customer, database }) => ({ customer, database })),
    ...(refused.length > 0 && {
      refused: refused.map(({ path, error }) => ({ path, error: error.message })),
    }),
  };
}
