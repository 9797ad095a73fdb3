/** The statements of a load. One text for each label or type and its columns, so that the server plans each once. */

import { GraphshiftError } from '../../../platform/errors.ts';
import type { GroupKind } from '../../../snapshot-source/layout.ts';
import { CHUNK_LABEL } from '../load-mark.ts';

/** Every node of a build has it, so that ends are found whatever label they have; it goes before the load ends. */
export const NODE_LABEL = '_GraphshiftNode';
export const NODE_CONSTRAINT = '_graphshift_node';

/** A name in back-ticks; whatever it holds stays a name. @throws NAME_INVALID for one that Neo4j cannot have */
export function quoteName(name: string): string {
  // The server turns \uXXXX into its character before it looks for the end of a name.
  if (name === '' || name.includes('\0') || /\\u/i.test(name))
    throw new GraphshiftError('NAME_INVALID', `Neo4j cannot name anything ${JSON.stringify(name)}`);
  return `\`${name.replaceAll('`', '``')}\``;
}

/**
 * Writes rows from lists of values, one a column: `$rows` of them, from `$c0` (`$c1`) on.
 * @param names labels of the nodes, or the one type
 * @param properties in the order of the lists, behind the id or the two ends
 */
export function writeStatement(
  kind: GroupKind,
  idProperty: string,
  names: readonly string[],
  properties: readonly string[],
): string {
  const first = kind === 'nodes' ? 1 : 2;
  const map = properties.map((name, index) => `${quoteName(name)}: $c${index + first}[i]`);
  const id = quoteName(idProperty);
  const rows = 'UNWIND range(0, $rows - 1) AS i';
  if (kind === 'nodes') {
    const labels = [NODE_LABEL, ...names].map(quoteName).join(':');
    return `${rows} CREATE (:${labels} {${[`${id}: $c0[i]`, ...map].join(', ')}})`;
  }
  const end = (name: string, column: number) => `MATCH (${name}:${NODE_LABEL} {${id}: $c${column}[i]})`;
  const own = map.length > 0 ? ` {${map.join(', ')}}` : '';
  return `${rows} ${end('a', 0)} ${end('b', 1)} CREATE (a)-[:${quoteName(names[0] ?? '')}${own}]->(b)`;
}

/** Takes the chunk's write lock: what raises the epoch waits for this transaction, or is seen by the next statement. */
export const LOCK_CHUNK = `MATCH (c:${CHUNK_LABEL} {key: $key}) SET c.touched = true`;
/** The fence and the progress in one: no row comes back where another holder, or an earlier try, was here. */
export const STEP_CHUNK = `MATCH (c:${CHUNK_LABEL} {key: $key}) WHERE c.epoch = $epoch AND c.rows = $from
  SET c.rows = $to RETURN c.rows AS rows`;
export const READ_CHUNK = `MATCH (c:${CHUNK_LABEL} {key: $key}) RETURN c.epoch AS epoch, c.rows AS rows`;
