/** Values of a result as the port gives them out: as JSON has them, but for integers beyond 2^53. */

import neo4j from 'neo4j-driver';

/** Labels that are ours and no reader's. */
export const INTERNAL = /^_Graphshift/;

export function plainValue(value: unknown): unknown {
  if (value === null || value === undefined) return null;
  if (typeof value === 'bigint') return Number.isSafeInteger(Number(value)) ? Number(value) : value;
  if (typeof value !== 'object') return value;
  if (Array.isArray(value)) {
    // Of one list either all integers are BigInt or none.
    const wide = value.some((one) => typeof one === 'bigint' && !Number.isSafeInteger(Number(one)));
    return value.map((one) => (wide && typeof one === 'bigint' ? one : plainValue(one)));
  }
  if (ArrayBuffer.isView(value))
    return Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('base64');
  if (isTemporal(value)) return isoOf(value.toString());
  if (neo4j.isDuration(value)) return value.toString();
  if (neo4j.isPoint(value)) return pointOf(value);
  return entityOf(value);
}

function entityOf(value: object): unknown {
  if (neo4j.isNode(value)) {
    const labels = value.labels.filter((label) => !INTERNAL.test(label));
    return { labels, ...objectOf(value.properties), _label: labels[0] ?? null };
  }
  if (neo4j.isRelationship(value) || neo4j.isUnboundRelationship(value))
    return { ...objectOf(value.properties), _label: value.type };
  if (neo4j.isPath(value))
    return {
      nodes: [value.start, ...value.segments.map(({ end }) => end)].map(plainValue),
      relationships: value.segments.map(({ relationship }) => plainValue(relationship)),
    };
  return objectOf(value);
}

function objectOf(value: object): Record<string, unknown> {
  return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, plainValue(one)]));
}

function pointOf({ srid, x, y, z }: { srid: unknown; x: number; y: number; z?: number | undefined }) {
  return { srid: plainValue(srid), x, y, ...(z !== undefined && { z }) };
}

function isTemporal(value: object): boolean {
  return (
    neo4j.isDate(value) ||
    neo4j.isDateTime(value) ||
    neo4j.isLocalDateTime(value) ||
    neo4j.isLocalTime(value) ||
    neo4j.isTime(value)
  );
}

/**
 * The driver writes nine digits of a second or none; ours go in threes, none when the second is whole. What was imported
 * over Arrow Flight has a zone of the name UTC, which is `Z` too.
 */
export function isoOf(text: string): string {
  const inDigits = text.replace(/\.(\d+)/, (_, fraction: string) => {
    const digits = fraction.replace(/0+$/, '');
    return digits && `.${digits.padEnd(Math.ceil(digits.length / 3) * 3, '0')}`;
  });
  return inDigits.replace(/(Z|\+00:00)?\[UTC\]$/, 'Z');
}
