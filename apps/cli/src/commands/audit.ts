import { type AuditEntry, GraphshiftError, readAuditTrail, systemClock } from '@graphshift/core';
import { act, examples, makeCommand, type Registry } from '../command.ts';
import { EXIT } from '../exit-codes.ts';
import { type Column, printRows, shortTime } from '../output.ts';
import { Session } from '../session.ts';
import { checkWhole } from './deployments.ts';

interface AuditOptions {
  readonly customer?: string;
  readonly since?: string;
  readonly limit: string;
}

type AuditRow = Omit<AuditEntry, 'at'> & { /** ISO 8601. */ readonly at: string };

const COLUMNS: readonly Column<AuditRow>[] = [
  { title: 'AT (UTC)', value: (row) => shortTime(row.at) },
  { title: 'DEPLOYMENT', value: (row) => row.deployment },
  { title: 'RUN', value: (row) => row.run || null, align: 'right' },
  { title: 'FROM', value: (row) => row.from || null },
  { title: 'TO', value: (row) => row.to || null },
  { title: 'BY', value: (row) => row.holder || null },
  { title: 'DETAIL', value: (row) => row.detail },
];

/** The audit trail: who or what changed which deployment, when and why. */
export function addAudit(registry: Registry): void {
  const audit = makeCommand('audit', 'the audit trail: every transition and every action of a person')
    .option('--customer <NAME>', 'of one customer')
    .option(
      '--since <T>',
      'from a time on: ISO 8601 (UTC unless it says otherwise), or back from now: 45m, 2h, 7d',
    )
    .option('--limit <N>', 'the newest so many', '1000')
    .addHelpText('after', examples('audit --customer us-ca --since 2h', 'audit --since 2001-02-01 --json'));
  act<AuditOptions>(audit, registry, async (options, surroundings) => {
    const session = new Session(surroundings, options);
    const limit = checkWhole('--limit', options.limit);
    const { customer } = options;
    const since = options.since === undefined ? undefined : parseSince(options.since, systemClock.now());
    const { settings } = session.read;
    const trail = { settings, directory: surroundings.directory, log: session.log };
    const entries = await readAuditTrail(trail, { customer, since, limit });
    const rows = entries.map((entry) => ({ ...entry, at: new Date(entry.at).toISOString() }));
    printRows(session.output, rows, COLUMNS, 'no audit entries');
    if (!session.output.json && rows.length === limit)
      session.output.write(`the newest ${limit}; --limit shows more\n`);
    return EXIT.done;
  });
  registry.program.addCommand(audit);
}

const UNIT_MS = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 } as const;
const BACK = /^(\d{1,6})([smhdw])$/;
const INSTANT = /^(\d{4}-\d{2}-\d{2})(?:[T ](\d{2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?)(Z|[+-]\d{2}:\d{2})?)?$/;

/** @returns milliseconds since 1970 @throws USAGE */
export function parseSince(text: string, now: number): number {
  const [, count = '', unit = ''] = BACK.exec(text) ?? [];
  if (unit in UNIT_MS) return Math.max(0, now - Number(count) * UNIT_MS[unit as keyof typeof UNIT_MS]);
  const [, date = '', time = '00:00', zone = 'Z'] = INSTANT.exec(text) ?? [];
  const at = Date.parse(`${date}T${time}${zone}`);
  if (at >= 0 && isRealDay(date)) return at;
  throw new GraphshiftError(
    'USAGE',
    `--since is ${JSON.stringify(text)}; it must be a time in ISO 8601, such as 2001-02-01T14:30Z, or how far back: 45m, 2h, 7d`,
  );
}

/** A calendar has no 31st of February, though Date takes it for a day in March. */
function isRealDay(date: string): boolean {
  return new Date(`${date}T00:00Z`).toISOString().startsWith(date);
}
