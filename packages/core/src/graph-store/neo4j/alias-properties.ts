/**
 * An alias's properties as Neo4j keeps them. The server hands their names back in lower case and takes no nested values,
 * so each has a plain name, and a pin and holds are JSON text. The map is replaced as a whole.
 */

import neo4j from 'neo4j-driver';
import { GraphshiftError } from '../../platform/errors.ts';
import type { AliasInfo, AliasProperties } from '../graph-store.ts';
import type { Row } from './connection.ts';
import { snapshotOf } from './names.ts';

export function encodeProperties(properties: AliasProperties): Record<string, unknown> {
  const { epoch, snapshot, contentHash, since, pin, holds } = properties;
  return {
    epoch: neo4j.int(epoch),
    snapshot: neo4j.int(snapshot),
    content_hash: contentHash,
    since,
    ...(pin && { pin: JSON.stringify(pin) }),
    ...(holds && { holds: JSON.stringify(holds) }),
  };
}

/**
 * An alias as it is listed, with `name`, `database` and `properties`. One that somebody else made has no properties of
 * ours: it is read with epoch 0 and the snapshot that its target's name says.
 * @throws STORE_UNFIT for properties that are ours and cannot be read
 */
export function aliasOf(row: Row): AliasInfo {
  const customer = String(row.name);
  const database = String(row.database);
  const stored = lowerCased(row.properties as Row | null);
  const text = (name: string) => (typeof stored[name] === 'string' ? stored[name] : undefined);
  const number = (name: string) => {
    const value = Number(stored[name] ?? Number.NaN);
    return Number.isSafeInteger(value) ? value : undefined;
  };
  const parsed = (name: string) => {
    const json = text(name);
    if (json === undefined) return undefined;
    try {
      return JSON.parse(json);
    } catch (cause) {
      const message = `alias ${customer}: its property ${name} is no JSON: ${JSON.stringify(json)}`;
      throw new GraphshiftError('STORE_UNFIT', message, { cause });
    }
  };
  const [pin, holds] = [parsed('pin'), parsed('holds')];
  const properties: AliasProperties = {
    epoch: number('epoch') ?? 0,
    snapshot: number('snapshot') ?? snapshotOf(database)?.timestamp ?? 0,
    contentHash: text('content_hash') ?? '',
    since: text('since') ?? new Date(0).toISOString(),
    ...(pin !== undefined && { pin: pin as NonNullable<AliasProperties['pin']> }),
    ...(holds !== undefined && { holds: holds as NonNullable<AliasProperties['holds']> }),
  };
  return { customer, database, properties };
}

function lowerCased(properties: Row | null): Row {
  return Object.fromEntries(
    Object.entries(properties ?? {}).map(([name, value]) => [name.toLowerCase(), value]),
  );
}
