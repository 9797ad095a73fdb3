import { cp, mkdir, mkdtemp, readdir, rename, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import {
  BROKEN_KINDS,
  type BrokenKind,
  breakSnapshot,
  customerNameProblem,
  declareSnapshot,
  GraphshiftError,
  parseTimestamp,
  type ReadinessRule,
  simulateSnapshot,
  systemClock,
} from '@graphshift/core';
import { act, examples, makeCommand, type Registry } from '../command.ts';
import { EXIT } from '../exit-codes.ts';
import { toJson } from '../output.ts';
import { Session } from '../session.ts';
import { checkWhole } from './deployments.ts';

interface SimulateOptions {
  readonly customer: string;
  readonly data?: string;
  readonly from?: string;
  readonly rows?: string;
  readonly count: string;
  readonly interval: string;
  readonly broken?: string;
}

/** What one snapshot is made of: a directory to copy, or so many synthetic rows. */
type Source = { readonly copy: string } | { readonly rows: number };

interface Drop {
  readonly customer: string;
  readonly source: Source;
  readonly broken: BrokenKind | undefined;
  /** What it takes for a producer to find it ready. */
  readonly rule: ReadinessRule;
}

const SYNTHETIC_ROWS = 4000;

/** Drops snapshots as an upstream process would. */
export function addSimulate(registry: Registry): void {
  const simulate = makeCommand('simulate', 'drop snapshots as an upstream process would, broken ones too')
    .requiredOption('--customer <NAME>', 'whose snapshots')
    .option('--data <DIR>', 'root of the snapshots (default: the first of orchestrator.data_path)')
    .option(
      '--from <DIR>',
      "snapshot to copy (default: the customer's newest, or synthetic rows where there is none)",
    )
    .option('--rows <N>', 'synthetic rows instead, nodes and relationships together')
    .option('--count <N>', 'so many snapshots', '1')
    .option('--interval <S>', 'whole seconds between two', '1')
    .option('--broken <KIND>', `broken in one way: ${BROKEN_KINDS.join(', ')}`)
    .addHelpText(
      'after',
      examples('simulate --customer acme --rows 100000', 'simulate --customer acme --broken truncated'),
    );
  act<SimulateOptions>(simulate, registry, async (options, surroundings) => {
    const session = new Session(surroundings, options, { 'orchestrator.data_path': options.data });
    const root = resolve(surroundings.directory, session.read.settings.orchestrator.data_path[0] ?? 'data');
    const problem = customerNameProblem(options.customer);
    if (problem)
      throw new GraphshiftError('USAGE', `--customer ${JSON.stringify(options.customer)} ${problem}`);
    const dropped = await dropAll(options, root, session);
    if (session.output.json) session.output.write(`${toJson(dropped)}\n`);
    return surroundings.signal.aborted ? EXIT.interrupted : EXIT.done;
  });
  registry.program.addCommand(simulate);
}

async function dropAll(options: SimulateOptions, root: string, session: Session): Promise<string[]> {
  const { signal, directory } = session.surroundings;
  const broken = checkBroken(options.broken);
  const [count, interval] = [
    checkWhole('--count', options.count),
    checkWhole('--interval', options.interval),
  ];
  const source = await chooseSource(options, root, directory);
  const rule = session.read.settings.orchestrator.readiness;
  const dropped: string[] = [];
  for (let index = 0; index < count; index++) {
    if (index > 0) await systemClock.sleep(interval * 1000, signal).catch(() => {});
    if (signal.aborted) break;
    const path = await drop(root, { customer: options.customer, source, broken, rule });
    dropped.push(path);
    if (!session.output.json) session.output.write(`${path}\n`);
  }
  return dropped;
}

function checkBroken(kind: string | undefined): BrokenKind | undefined {
  if (kind === undefined) return undefined;
  const known = BROKEN_KINDS.find((candidate) => candidate === kind);
  if (known) return known;
  const message = `--broken is ${JSON.stringify(kind)}; it must be one of ${BROKEN_KINDS.join(', ')}`;
  throw new GraphshiftError('USAGE', message);
}

async function chooseSource(options: SimulateOptions, root: string, directory: string): Promise<Source> {
  if (options.rows !== undefined) return { rows: checkWhole('--rows', options.rows) };
  if (options.from !== undefined) return { copy: resolve(directory, options.from) };
  const newest = (await timestamps(join(root, options.customer))).at(-1);
  return newest === undefined
    ? { rows: SYNTHETIC_ROWS }
    : { copy: join(root, options.customer, String(newest)) };
}

/** A customer's snapshots on disk, oldest first. */
async function timestamps(customer: string): Promise<number[]> {
  const names = await readdir(customer).catch(() => []);
  return names.flatMap((name) => parseTimestamp(name) ?? []).sort((a, b) => a - b);
}

/** Builds the snapshot out of sight and renames it when it is whole. */
async function drop(root: string, what: Drop): Promise<string> {
  const { customer, source, broken, rule } = what;
  const target = join(root, customer);
  await mkdir(target, { recursive: true });
  const now = Math.floor(systemClock.now() / 1000);
  const timestamp = Math.max(now, ((await timestamps(target)).at(-1) ?? 0) + 1);
  const staging = await mkdtemp(join(root, '.simulate-'));
  const path = join(target, String(timestamp));
  try {
    const built = await build(staging, customer, timestamp, source);
    // The link leads out of the root from where the snapshot stands in the end.
    if (broken && broken !== 'symlink') await breakSnapshot(built, broken);
    await declareSnapshot(built, rule);
    await rename(built, path);
    if (broken === 'symlink') await breakSnapshot(path, broken);
  } finally {
    await rm(staging, { recursive: true, force: true });
  }
  return path;
}

async function build(staging: string, customer: string, timestamp: number, source: Source): Promise<string> {
  if ('rows' in source) {
    const nodes = Math.max(1, Math.floor(source.rows / 4));
    return simulateSnapshot(staging, { customer, timestamp, nodes, relationships: source.rows - nodes });
  }
  const built = join(staging, customer, String(timestamp));
  await cp(source.copy, built, { recursive: true, verbatimSymlinks: true }).catch((cause: unknown) => {
    throw new GraphshiftError(
      'USAGE',
      `--from ${source.copy} cannot be copied; it must be a snapshot directory`,
      { cause },
    );
  });
  return built;
}
