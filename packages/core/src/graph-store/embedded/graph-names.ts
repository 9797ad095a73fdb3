/**
 * Names that the embedded store cannot keep as they are. It has one namespace without case for labels and types
 * (which the inspection of every snapshot sees to), and another for the properties of each, knows no escape for the
 * back-tick, and takes a dot in a label or type for the name of another database. A name is never changed on the way
 * in: queries are written with it.
 */

import { GraphshiftError } from '../../platform/errors.ts';
import type { SnapshotGroup, SnapshotManifest } from '../../snapshot/manifest.ts';

/** The property that holds every label of a node. */
export const LABELS_PROPERTY = 'labels';
/** Columns before the properties: id and labels; source id, target id and type. */
export const NODE_COLUMNS = 2;
export const RELATIONSHIP_COLUMNS = 3;

const RESERVED = ['_id', '_label', '_src', '_dst', '_nodes', '_rels'];

/** @throws NAME_INVALID, COLUMN_NAME */
export function checkNames(manifest: SnapshotManifest, idProperty: string): void {
  for (const group of manifest.nodes) {
    checkTable('label', group.name);
    checkProperties(`nodes/${group.name}`, group.columns.slice(NODE_COLUMNS), [idProperty, LABELS_PROPERTY]);
  }
  for (const group of manifest.relationships) {
    checkTable('type', group.name);
    checkProperties(`relationships/${group.name}`, group.columns.slice(RELATIONSHIP_COLUMNS), []);
  }
}

function checkTable(kind: string, name: string): void {
  const what = `${kind} ${JSON.stringify(name)}`;
  refuseUnquotable('NAME_INVALID', what, name);
  if (name.includes('.'))
    throw new GraphshiftError('NAME_INVALID', `${what} has a dot, which the embedded store cannot keep`);
}

function checkProperties(where: string, columns: SnapshotGroup['columns'], own: readonly string[]): void {
  const taken = new Set([...RESERVED, ...own].map(fold));
  for (const { name } of columns) {
    const what = `${where}: column ${JSON.stringify(name)}`;
    refuseUnquotable('COLUMN_NAME', what, name);
    if (taken.has(fold(name)))
      throw new GraphshiftError(
        'COLUMN_NAME',
        `${what} is taken: names are compared without case, and ${[...RESERVED, ...own].join(', ')} belong to the store`,
      );
    taken.add(fold(name));
  }
}

function refuseUnquotable(code: 'NAME_INVALID' | 'COLUMN_NAME', what: string, name: string): void {
  if (name === '') throw new GraphshiftError(code, `${what} is empty`);
  if (/[`\0]/.test(name))
    throw new GraphshiftError(code, `${what} has a back-tick or a zero byte, which Cypher text cannot hold`);
}

function fold(name: string): string {
  return name.toLowerCase();
}
