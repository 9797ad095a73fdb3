import { styleText } from 'node:util';

/** Standard output belongs to what a command prints; logs go to standard error. */
export interface Output {
  readonly json: boolean;
  readonly write: (text: string) => void;
}

/** One JSON document; integers beyond 2^53 are strings. */
export function toJson(value: unknown, indent?: number): string {
  return JSON.stringify(
    value,
    (_key, item: unknown) => {
      if (typeof item !== 'bigint') return item;
      return Number.isSafeInteger(Number(item)) ? Number(item) : String(item);
    },
    indent,
  );
}

export interface Column<Row> {
  readonly title: string;
  readonly value: (row: Row) => string | number | null;
  /** @default 'left' */
  readonly align?: 'left' | 'right';
}

/** The value as JSON, or the rows as a table that also says when there are none. */
export function printRows<Row>(
  output: Output,
  rows: readonly Row[],
  columns: readonly Column<Row>[],
  none: string,
): void {
  if (output.json) output.write(`${toJson(rows, 2)}\n`);
  else output.write(rows.length === 0 ? `${none}\n` : table(rows, columns));
}

/** Columns as wide as their widest value, two spaces apart. */
export function table<Row>(rows: readonly Row[], columns: readonly Column<Row>[]): string {
  const cells = rows.map((row) => columns.map(({ value }) => printable(value(row))));
  const widths = columns.map(({ title }, index) =>
    Math.max(title.length, ...cells.map((line) => line[index]?.length ?? 0)),
  );
  const format = (line: readonly string[]) =>
    line
      .map((cell, index) => {
        const width = widths[index] ?? 0;
        return columns[index]?.align === 'right' ? cell.padStart(width) : cell.padEnd(width);
      })
      .join('  ')
      .trimEnd();
  const head = format(columns.map(({ title }) => title));
  const styled = process.stdout.isTTY ? styleText('bold', head) : head;
  return `${[styled, ...cells.map(format)].join('\n')}\n`;
}

/** Text from a snapshot or an error must not move a terminal's cursor. */
export function printable(value: string | number | null): string {
  if (value === null) return '-';
  return [...String(value)].map((character) => (isControl(character) ? '\u00b7' : character)).join('');
}

function isControl(character: string): boolean {
  const code = character.codePointAt(0) ?? 0;
  return code < 32 || (code >= 127 && code < 160);
}

/** `2001-02-01 00:00:00` for an instant in ISO 8601, or null. */
export function shortTime(instant: string | null): string | null {
  return instant === null ? null : instant.slice(0, 19).replace('T', ' ');
}
