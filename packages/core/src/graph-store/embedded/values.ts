/**
 * Values of LadybugDB as the port gives them: dates and timestamps as ISO 8601 text, nodes and relationships as
 * their own properties with `_label`, bytes as base64 text. Numbers and text are left alone.
 */

import type { StoredTypes } from './load-commands.ts';
import type { StoredColumn } from './types.ts';

/** Where a node or relationship stands in the store, for looking its exact values up. */
export interface EntityRef {
  readonly label: string;
  readonly value: Record<string, unknown>;
  readonly id: InternalId;
  /** Set for a relationship. */
  readonly source?: InternalId;
  /** What stands for it in the result, to be completed. */
  readonly output: Record<string, unknown>;
}

export interface InternalId {
  readonly offset: number;
  readonly table: number;
}

export class ValueConverter {
  readonly #columns: Map<string, Map<string, StoredColumn>>;
  readonly #stored: StoredTypes;
  /** Called for each node and relationship that has a column with digits below the millisecond. */
  readonly #onFine: (entity: EntityRef) => void;

  constructor(stored: StoredTypes, onFine: (entity: EntityRef) => void) {
    this.#stored = stored;
    this.#onFine = onFine;
    const groups = [...Object.entries(stored.labels), ...Object.entries(stored.types)];
    this.#columns = new Map(
      groups.map(([name, columns]) => [name, new Map(columns.map((column) => [column.name, column]))]),
    );
  }

  /** @param type LadybugDB's words for the value's type, such as `TIMESTAMP[]` */
  convert(value: unknown, type: string): unknown {
    if (value === null || value === undefined) return null;
    if (typeof value !== 'object') return value;
    if (value instanceof Date) return dateText(value, type);
    if (Buffer.isBuffer(value)) return value.toString('base64');
    if (Array.isArray(value)) return value.map((item) => this.convert(item, type));
    if (value instanceof Map)
      return Object.fromEntries([...value].map(([key, item]) => [String(key), this.convert(item, type)]));
    const fields = value as Record<string, unknown>;
    if (typeof fields._label === 'string' && '_id' in fields) return this.#entity(fields, fields._label);
    return Object.fromEntries(Object.entries(fields).map(([key, item]) => [key, this.convert(item, type)]));
  }

  /** A scan over several labels gives every node the properties of all of them; only its own are kept. */
  #entity(fields: Record<string, unknown>, label: string): Record<string, unknown> {
    const columns = this.#columns.get(label);
    const output: Record<string, unknown> = { _label: label };
    const own = label in this.#stored.labels ? [this.#stored.idProperty, 'labels'] : [];
    for (const name of [...own, ...(columns?.keys() ?? [])])
      output[name] = this.convert(fields[name], columns?.get(name)?.stored ?? 'STRING');
    if ([...(columns?.values() ?? [])].some((column) => column.subMillisecond))
      this.#onFine({
        label,
        value: fields,
        id: fields._id as InternalId,
        ...('_src' in fields && { source: fields._src as InternalId }),
        output,
      });
    return output;
  }
}

function dateText(value: Date, type: string): string {
  const text = value.toISOString();
  if (type.includes('DATE') && !type.includes('TIMESTAMP')) return text.slice(0, 10);
  return isoOf(text.replace('T', ' ').replace('Z', type.includes('TIMESTAMP_TZ') ? '+00' : ''));
}

/**
 * LadybugDB's text of a timestamp as ISO 8601: `2001-02-03 04:05:06.5+00` is `2001-02-03T04:05:06.500Z`. Digits go
 * in threes, none when the second is whole.
 */
export function isoOf(text: string): string {
  const match = /^(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d)(?:\.(\d+))?(\+00(?::?00)?)?$/.exec(text);
  if (!match) return text;
  const [, day, time, fraction = '', zone] = match;
  const digits = fraction.replace(/0+$/, '');
  const padded = digits.padEnd(Math.ceil(digits.length / 3) * 3, '0');
  return `${day}T${time}${padded && `.${padded}`}${zone ? 'Z' : ''}`;
}
