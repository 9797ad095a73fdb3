import { GraphshiftError } from '@graphshift/core';
import { act, examples, makeCommand, type Registry } from '../command.ts';
import { EXIT } from '../exit-codes.ts';
import { table, toJson } from '../output.ts';
import { Session } from '../session.ts';

interface QueryOptions {
  readonly param: string[];
  readonly timeout: string;
}

/** Needs the graph store alone: a query must work while Redis is down. */
export function addQuery(registry: Registry): void {
  const query = makeCommand('query', "read-only query through a customer's alias")
    .argument('<customer>')
    .argument('<cypher>')
    .option(
      '--param <K=V>',
      'parameter; V is JSON, or text where it is none',
      (pair: string, all: string[]) => [...all, pair],
      [],
    )
    .option('--timeout <SECONDS>', 'after which the query is ended', '30')
    .addHelpText(
      'after',
      examples(
        "query us-ca 'MATCH (a:Airport) RETURN count(*) AS airports'",
        "query us-ca 'MATCH (a:Airport {id: $id}) RETURN a' --param id=LAX --json",
      ),
    );
  act<QueryOptions>(query, registry, async (options, surroundings, customer = '', cypher = '') => {
    const session = new Session(surroundings, options);
    const parameters = Object.fromEntries(options.param.map(parseParameter));
    const timeoutMs = parseTimeout(options.timeout);
    return session.withStore(async (store) => {
      const { columns, rows } = await store.query({ alias: customer }, cypher, { parameters, timeoutMs });
      if (session.output.json) session.output.write(`${toJson(rows, 2)}\n`);
      else {
        const shown = columns.map((column) => ({
          title: column,
          value: (row: Readonly<Record<string, unknown>>) => cell(row[column]),
        }));
        session.output.write(rows.length === 0 ? 'no rows\n' : table(rows, shown));
      }
      return EXIT.done;
    });
  });
  registry.program.addCommand(query);
}

function cell(value: unknown): string | null {
  if (value === null || value === undefined) return null;
  return typeof value === 'string' ? value : toJson(value);
}

function parseParameter(pair: string): [string, unknown] {
  const split = pair.indexOf('=');
  if (split < 1)
    throw new GraphshiftError('USAGE', `--param is ${JSON.stringify(pair)}; it must be name=value`);
  const [name, text] = [pair.slice(0, split), pair.slice(split + 1)];
  try {
    // JSON.parse would round a large integer.
    if (/^-?\d{16,}$/.test(text)) return [name, BigInt(text)];
    return [name, JSON.parse(text)];
  } catch {
    return [name, text];
  }
}

function parseTimeout(text: string): number {
  const seconds = Number(text);
  if (seconds > 0 && Number.isFinite(seconds)) return seconds * 1000;
  throw new GraphshiftError('USAGE', `--timeout is ${JSON.stringify(text)}; it must be seconds above 0`);
}
