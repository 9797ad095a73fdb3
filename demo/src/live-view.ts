import { styleText } from 'node:util';
import type { State } from '@graphshift/core';

/** What the view shows; one value, so that a frame is a function of it. */
export interface DemoState {
  readonly title: string;
  readonly elapsedSeconds: number;
  /** Deployments in each state; those not there yet are `planned` in all. */
  readonly counts: Readonly<Partial<Record<State, number>>>;
  readonly planned: number;
  /** Rows in the store, of all deployments so far. */
  readonly rows: number;
  readonly rowsPlanned: number;
  readonly rowsPerSecond: number;
  readonly loading: readonly { readonly id: string; readonly rows: number; readonly rowsTotal: number }[];
  readonly live: readonly {
    readonly customer: string;
    readonly month: number;
    readonly months: number;
    readonly flights: number;
  }[];
  /** The latest first. */
  readonly moves: readonly string[];
  readonly dead: readonly string[];
}

const MONTHS = ['', 'Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun'];
const STAGES: readonly State[] = [
  'discovered',
  'queued',
  'waiting',
  'retrying',
  'gated',
  'loading',
  'verifying',
  'switching',
  'live',
  'replaced',
  'retired',
  'superseded',
  'skipped',
  'dead',
];
const BAR = 24;

/** One frame. @param columns width of the terminal; lines are cut to it */
export function render(state: DemoState, columns = 100): string {
  const stages = STAGES.filter((stage) => (state.counts[stage] ?? 0) > 0).map((stage) =>
    paint(stage, state.counts[stage] ?? 0),
  );
  const lines = [
    `${styleText('bold', state.title)}   ${clock(state.elapsedSeconds)}`,
    '',
    `deployments  ${stages.join('  ') || 'none yet'}  of ${state.planned}`,
    `rows         ${bar(state.rows, state.rowsPlanned)} ${number(state.rows)} of ${number(state.rowsPlanned)}   ${number(state.rowsPerSecond)} rows/s`,
    ...state.loading.map(
      ({ id, rows, rowsTotal }) =>
        `loading      ${id.padEnd(17)} ${bar(rows, rowsTotal)} ${number(rows)} of ${number(rowsTotal)}`,
    ),
    '',
    `live         ${state.live.length === 0 ? 'nothing yet' : ''}`.trimEnd(),
    ...grid(state.live.map(liveCell), Math.max(1, Math.floor(columns / 33))),
    '',
    ...state.moves
      .slice(0, 4)
      .map((move, index) => (index === 0 ? `moved        ${move}` : `             ${move}`)),
    ...state.dead.map((dead) => styleText('red', `dead         ${dead}`)),
  ];
  return lines.map((line) => cut(line, columns)).join('\n');
}

function paint(stage: State, count: number): string {
  const text = `${stage} ${count}`;
  if (stage === 'live') return styleText('green', text);
  return stage === 'dead' ? styleText('red', text) : text;
}

function liveCell({ customer, month, months, flights }: DemoState['live'][number]): string {
  const name = `${customer} ${MONTHS[month] ?? month}`.padEnd(10);
  const text = `${name}${number(flights).padStart(9)} flights`;
  return month === months ? styleText('green', text.padEnd(31)) : text.padEnd(31);
}

function grid(cells: readonly string[], across: number): string[] {
  const rows: string[] = [];
  for (let start = 0; start < cells.length; start += across) {
    rows.push(`  ${cells.slice(start, start + across).join('')}`);
  }
  return rows;
}

function bar(done: number, total: number): string {
  const filled = total === 0 ? 0 : Math.min(BAR, Math.floor((done / total) * BAR));
  return `${'█'.repeat(filled)}${'░'.repeat(BAR - filled)}`;
}

export function number(value: number): string {
  return Math.round(value).toLocaleString('en');
}

export function clock(seconds: number): string {
  const whole = Math.floor(seconds);
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, '0')}`;
}

/** Cuts text to a width, colours not counted, so that a frame never wraps. */
function cut(line: string, columns: number): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: colours begin with the escape character
  const parts = line.split(/(\u001b\[\d+m)/);
  let room = columns;
  return parts
    .map((part, index) => {
      if (index % 2 === 1) return part;
      const kept = [...part].slice(0, room).join('');
      room -= [...kept].length;
      return kept;
    })
    .join('');
}
