import {
  customerNameProblem,
  type DeploymentView,
  GraphshiftError,
  inUnits,
  parseDeploymentId,
  STATES,
  type State,
} from '@graphshift/core';
import { act, examples, makeCommand, type Registry } from '../command.ts';
import { EXIT } from '../exit-codes.ts';
import { type Column, type Output, printRows, shortTime, table, toJson } from '../output.ts';
import { Session } from '../session.ts';

export const DEPLOYMENT_COLUMNS: readonly Column<DeploymentView>[] = [
  { title: 'DEPLOYMENT', value: (row) => row.id },
  { title: 'STATE', value: (row) => row.state },
  { title: 'RUN', value: (row) => row.run, align: 'right' },
  { title: 'ATTEMPTS', value: (row) => row.attempts, align: 'right' },
  { title: 'NODES', value: (row) => row.nodes, align: 'right' },
  { title: 'RELATIONSHIPS', value: (row) => row.relationships, align: 'right' },
  { title: 'SECONDS', value: (row) => row.seconds?.toFixed(1) ?? null, align: 'right' },
  { title: 'CHANGED (UTC)', value: (row) => shortTime(row.changedAt) },
  { title: 'WHY', value: (row) => row.error?.message ?? row.reason },
];

export function addDeployments(registry: Registry): void {
  const group = registry.program
    .command('deployments')
    .description('list, show, retry and cancel deployments');
  addList(registry, group);
  const show = makeCommand('show', 'one deployment: steps, times, rows, attempts, errors, audit').argument(
    '<id>',
  );
  act(show, registry, async (options, surroundings, id = '') => {
    const session = new Session(surroundings, options);
    return session.withBackend(async (backend) => {
      const detail = await backend.operations.deployment(checkId(id));
      session.output.write(session.output.json ? `${toJson(detail, 2)}\n` : showDetail(detail));
      return detail.state === 'dead' ? EXIT.unhealthy : EXIT.done;
    });
  });
  const retry = makeCommand('retry', 'start a deployment over with fresh attempts').argument('<id>');
  act(retry, registry, async (options, surroundings, id = '') => {
    const session = new Session(surroundings, options);
    return session.withBackend(async (backend) => {
      printOne(session.output, await backend.operations.retry(checkId(id), 'the command line'));
      return EXIT.done;
    });
  });
  const cancel = makeCommand(
    'cancel',
    'give a deployment up that is not live yet, whatever process works on it',
  ).argument('<id>');
  act(cancel, registry, async (options, surroundings, id = '') => {
    const session = new Session(surroundings, options);
    return session.withBackend(async (backend) => {
      printOne(session.output, await backend.operations.cancel(checkId(id), 'the command line'));
      return EXIT.done;
    });
  });
  cancel.addHelpText('after', examples('deployments cancel us-ca@980985600'));
  show.addHelpText('after', examples('deployments show us-ca@980985600'));
  retry.addHelpText('after', examples('deployments retry us-ca@980985600'));
  group.addCommand(show).addCommand(retry).addCommand(cancel);
}

function addList(registry: Registry, group: Registry['program']): void {
  const list = makeCommand('ls', 'deployments, the latest change first, and what was refused')
    .option('--customer <NAME>', 'of one customer')
    .option('--state <STATE>', `in one state: ${STATES.join(', ')}`)
    .option('--limit <N>', 'at most so many', '1000')
    .addHelpText('after', examples('deployments ls --state dead', 'deployments ls --customer us-ca --json'));
  act<{ customer?: string; state?: string; limit: string }>(list, registry, async (options, surroundings) => {
    const session = new Session(surroundings, options);
    const { customer } = options;
    const state = checkState(options.state);
    const limit = checkWhole('--limit', options.limit);
    return session.withBackend(async ({ operations }) => {
      const rows = await operations.deployments({
        limit,
        ...(customer && { customer }),
        ...(state && { state }),
      });
      printRows(session.output, rows, DEPLOYMENT_COLUMNS, 'no deployments');
      const refusals = await operations.refusals();
      if (!session.output.json && customer === undefined && state === undefined) {
        for (const { error } of refusals) session.output.write(`refused: ${error.message}\n`);
      }
      return EXIT.done;
    });
  });
  group.addCommand(list);
}

/** A customer's name as its alias has it. @throws USAGE */
export function checkCustomer(customer: string): string {
  const problem = customerNameProblem(customer);
  if (problem === undefined) return customer.toLowerCase();
  throw new GraphshiftError('USAGE', `customer ${JSON.stringify(customer)} ${problem}`);
}

/** @throws USAGE */
export function checkId(id: string): string {
  if (parseDeploymentId(id)) return id.toLowerCase();
  throw new GraphshiftError(
    'USAGE',
    `${JSON.stringify(id)} is no deployment; it must be <customer>@<unix time>`,
  );
}

/** A whole number of at least 1. @throws USAGE */
export function checkWhole(flag: string, value: string): number {
  if (/^[1-9]\d{0,8}$/.test(value)) return Number(value);
  throw new GraphshiftError(
    'USAGE',
    `${flag} is ${JSON.stringify(value)}; it must be a whole number of at least 1`,
  );
}

function checkState(state: string | undefined): State | undefined {
  if (state === undefined) return undefined;
  const known = STATES.find((candidate) => candidate === state);
  if (known) return known;
  throw new GraphshiftError(
    'USAGE',
    `--state is ${JSON.stringify(state)}; it must be one of ${STATES.join(', ')}`,
  );
}

export function printOne(output: Output, view: DeploymentView): void {
  if (output.json) output.write(`${toJson(view, 2)}\n`);
  else
    output.write(`${view.id}: run ${view.run} is ${view.state}${view.reason ? ` (${view.reason})` : ''}\n`);
}

function describeError(error: NonNullable<DeploymentView['error']>): string[] {
  const where = `${error.class}, of ${error.customer} ${error.timestamp}, while ${error.step ?? 'unknown'}`;
  const lines = [`${error.code}: ${error.message}`, error.action];
  lines.push(`${where}, at ${shortTime(error.at) ?? 'an unknown time'} (UTC)`);
  if (error.cause !== null) lines.push(`caused by: ${error.cause}`);
  return lines;
}

type Detail = Awaited<ReturnType<import('@graphshift/core').Operations['deployment']>>;

/** What a load takes, as people read it. */
function figures({ disk, memory, seconds }: NonNullable<Detail['outcome']>): string {
  const parts = disk === null ? [] : [`${inUnits(disk)} of disk`];
  return [...parts, `${inUnits(memory)} of memory`, `${seconds.toFixed(1)} s`].join(', ');
}

function showDetail(detail: Detail): string {
  const { audit, stack, error, estimate, outcome, ...plain } = detail;
  const fields = { ...plain, estimate: estimate && figures(estimate), outcome: outcome && figures(outcome) };
  const rows = Object.entries(fields).filter(([, value]) => value !== null);
  const width = Math.max(...rows.map(([name]) => name.length));
  const lines = rows.map(([name, value]) => `${name.padEnd(width)}  ${value}`);
  if (error) lines.push('', ...describeError(error));
  if (stack) lines.push(stack);
  const history = table(audit, [
    { title: 'WHEN (UTC)', value: (entry) => shortTime(entry.at) },
    { title: 'FROM', value: (entry) => entry.from },
    { title: 'TO', value: (entry) => entry.to },
    { title: 'RUN', value: (entry) => entry.run, align: 'right' },
    { title: 'HOLDER', value: (entry) => entry.holder },
    { title: 'DETAIL', value: (entry) => entry.detail },
  ]);
  return `${lines.join('\n')}\n\n${history}`;
}
