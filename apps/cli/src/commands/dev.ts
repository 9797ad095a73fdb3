import { join, resolve } from 'node:path';
import { type ErrorCode, GraphshiftError } from '@graphshift/core';
import { Command } from 'commander';
// Of the checkout, like tools/neo4j-dev itself: both are loaded only by the command that needs them.
import type * as Neo4jDev from '../../../../scripts/neo4j-dev.mjs';
import { act, examples, type Registry } from '../command.ts';
import { EXIT } from '../exit-codes.ts';
import { toJson } from '../output.ts';
import { toldToStop } from '../process-life.ts';
import type { Surroundings } from '../session.ts';

interface Neo4jOptions {
  readonly bolt: string;
  readonly data?: string;
  readonly password?: string;
  readonly maxDatabases?: string;
  readonly heapMb: string;
  readonly pageCacheMb: string;
  readonly flight?: string;
}

const LAUNCHER = '../../../../scripts/neo4j-dev.mjs';
const DEFAULT_DATA = join('.graphshift', 'neo4j-dev');

const CODE_OF = {
  unfit: 'DEV_SERVER_UNFIT',
  fetch: 'DEV_SERVER_FETCH',
  failed: 'DEV_SERVER_FAILED',
} as const satisfies Record<Neo4jDev.Neo4jDevError['kind'], ErrorCode>;

/** What developers need beside Graphshift itself; needs neither Redis nor a store, and reads no configuration. */
export function addDev(registry: Registry): void {
  const group = new Command('dev').description('what developers need');
  const neo4j = new Command('neo4j')
    .description(
      'a Neo4j with several databases and aliases in the foreground, for development and tests only',
    )
    .option('--bolt <PORT>', 'port on 127.0.0.1; 0 takes a free one', '7687')
    .option('--data <DIR>', `directory of its data, new or of an earlier run (default: ${DEFAULT_DATA})`)
    .option('--password <P>', 'password of the user neo4j (default: graphshift for new data, else as it was)')
    .option('--max-databases <N>', 'dbms.max_databases (default: 100)')
    .option('--heap-mb <MB>', 'memory of the JVM heap', '1024')
    .option('--page-cache-mb <MB>', 'memory for pages of the stores', '128')
    .option('--flight <PORT>', 'serve imports over Arrow Flight too, as GDS does; 0 takes a free port')
    .option('--json', 'print one JSON document and nothing else')
    .addHelpText(
      'after',
      examples(
        'dev neo4j',
        'dev neo4j --flight 8491',
        'dev neo4j --bolt 17687 --data /tmp/neo4j-dev --password secret-word',
      ),
    );
  act<Neo4jOptions>(neo4j, registry, serveNeo4j);
  group.addCommand(neo4j);
  registry.program.addCommand(group);
}

async function serveNeo4j(
  options: Neo4jOptions & { readonly json?: boolean },
  surroundings: Surroundings,
): Promise<number> {
  const numbers = {
    port: whole('--bolt', options.bolt, 0, 65_535),
    heapMb: whole('--heap-mb', options.heapMb, 256),
    pageCacheMb: whole('--page-cache-mb', options.pageCacheMb, 8),
    ...(options.maxDatabases !== undefined && {
      maxDatabases: whole('--max-databases', options.maxDatabases, 2),
    }),
    ...(options.flight !== undefined && { flight: whole('--flight', options.flight, 0, 65_535) }),
  };
  const launcher = await loadLauncher();
  const { environment: env, signal, write } = surroundings;
  const say = (line: string) => void process.stderr.write(`${line}\n`);
  const data = resolve(surroundings.directory, options.data ?? DEFAULT_DATA);
  const server = await foreseen(launcher, signal, async () => {
    const build = await launcher.buildNeo4jDev({ say, env, signal });
    const { password } = options;
    return launcher.launchNeo4jDev(build, {
      ...numbers,
      data,
      env,
      say,
      signal,
      ...(password && { password }),
    });
  });
  if (!server) return signal.reason === 'SIGINT' ? EXIT.interrupted : EXIT.done;
  const { url, flight } = server;
  if (flight) say(`Arrow Flight: ${flight}`);
  write(
    options.json ? `${toJson({ url, ...(flight && { flight }), user: 'neo4j', data })}\n` : `READY ${url}\n`,
  );
  const reason = await Promise.race([toldToStop(signal), server.exited.then((how) => ({ how }))]);
  if (typeof reason !== 'string')
    throw new GraphshiftError('DEV_SERVER_FAILED', `the development Neo4j ended by itself (${reason.how})`);
  await server.stop();
  return reason === 'SIGINT' ? EXIT.interrupted : EXIT.done;
}

async function loadLauncher(): Promise<typeof Neo4jDev> {
  try {
    return (await import(LAUNCHER)) as typeof Neo4jDev;
  } catch (cause) {
    throw new GraphshiftError('DEV_SERVER_UNFIT', 'the development Neo4j runs from a checkout alone', {
      cause,
    });
  }
}

/** Undefined where a signal has ended it. */
async function foreseen<Result>(
  launcher: typeof Neo4jDev,
  signal: AbortSignal,
  work: () => Promise<Result>,
): Promise<Result | undefined> {
  try {
    return await work();
  } catch (cause) {
    if (signal.aborted) return undefined;
    if (!(cause instanceof launcher.Neo4jDevError)) throw cause;
    throw new GraphshiftError(CODE_OF[cause.kind], cause.message, { cause });
  }
}

function whole(option: string, text: string, least: number, most = Number.MAX_SAFE_INTEGER): number {
  const number = Number(text);
  if (/^\d+$/.test(text) && number >= least && number <= most) return number;
  const upTo = most === Number.MAX_SAFE_INTEGER ? `of at least ${least}` : `from ${least} to ${most}`;
  throw new GraphshiftError(
    'USAGE',
    `${option} is ${JSON.stringify(text)}; it must be a whole number ${upTo}`,
  );
}
