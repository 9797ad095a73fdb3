/**
 * Names that the embedded store cannot keep as they are. It has one namespace without case for labels and types, and
 * another for the properties of each, knows no escape for the back-tick, and takes a dot in a label or type for the
 * name of another database. A name is never changed on the way in: queries are written with it.
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
  const taken = new Map<string, string>();
  const claim = (kind: string, group: SnapshotGroup) => {
    const what = `${kind} ${JSON.stringify(group.name)}`;
    refuseUnquotable('NAME_INVALID', what, group.name);
    if (group.name.includes('.'))
      throw new GraphshiftError('NAME_INVALID', `${what} has a dot, which the embedded store cannot keep`);
    const other = taken.get(fold(group.name));
    if (other !== undefined)
      throw new GraphshiftError(
        'NAME_INVALID',
        `${what} differs from ${other} in case only or not at all; the embedded store keeps labels and types in one namespace without case`,
      );
    taken.set(fold(group.name), what);
  };
  for (const group of manifest.nodes) {
    claim('label', group);
    checkProperties(`nodes/${group.name}`, group.columns.slice(NODE_COLUMNS), [idProperty, LABELS_PROPERTY]);
  }
  for (const group of manifest.relationships) {
    claim('type', group);
    checkProperties(`relationships/${group.name}`, group.columns.slice(RELATIONSHIP_COLUMNS), []);
  }
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
