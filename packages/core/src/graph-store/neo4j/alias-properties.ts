/**
 * An alias's properties as Neo4j keeps them. The server hands their names back in lower case and takes no nested values,
 * so each has a plain name, and a pin and holds are JSON text. The map is replaced as a whole.
 */

import neo4j from 'neo4j-driver';
import { z } from 'zod';
import { GraphshiftError } from '../../platform/errors.ts';
import type { AliasInfo, AliasProperties } from '../graph-store.ts';
import type { Row } from './connection.ts';
import { snapshotOf } from './names.ts';

const PIN = z.object({ since: z.string(), reason: z.string() });
const HOLD = z.object({
  timestamp: z.number(),
  contentHash: z.string(),
  since: z.string(),
  reason: z.string(),
});

export function encodeProperties(properties: AliasProperties): Record<string, unknown> {
  const { epoch, snapshot, contentHash, since, pin, holds, earlier } = properties;
  return {
    epoch: neo4j.int(epoch),
    snapshot: neo4j.int(snapshot),
    content_hash: contentHash,
    since,
    ...(pin && { pin: JSON.stringify(pin) }),
    ...(holds && { holds: JSON.stringify(holds) }),
    ...(earlier && { earlier: JSON.stringify(earlier) }),
  };
}

/**
 * Whether a listed alias is a customer's by itself: a cutover wrote it, or it leads to a database of just its name. The
 * server has others' aliases too; one of those becomes a customer's by that customer's first cutover.
 */
export function isCustomers({ name, database, properties }: Row): boolean {
  return (
    isMarked(lowerCased(properties as Row | null)) || snapshotOf(String(database))?.customer === String(name)
  );
}

/** Every alias that a cutover wrote has its epoch. */
function isMarked(properties: Row): boolean {
  return Number.isSafeInteger(Number(properties.epoch ?? Number.NaN));
}

/**
 * An alias as it is listed, with `name`, `database`, `location` and `properties`. One that somebody else made has no
 * properties of ours, whatever others it has: it is read with epoch 0 and the snapshot that its target's name says.
 * @throws STORE_UNFIT for properties that are ours and cannot be read, and for an alias that leads to another server
 */
export function aliasOf(row: Row): AliasInfo {
  const customer = String(row.name);
  const database = String(row.database);
  if (row.location !== 'local') {
    const message = `alias ${customer} leads to ${database} on another server, and no cutover can move it: drop it, or rename the customer`;
    throw new GraphshiftError('STORE_UNFIT', message);
  }
  const all = lowerCased(row.properties as Row | null);
  const stored = isMarked(all) ? all : {};
  const text = (name: string) => (typeof stored[name] === 'string' ? stored[name] : undefined);
  const number = (name: string) => {
    const value = Number(stored[name] ?? Number.NaN);
    return Number.isSafeInteger(value) ? value : undefined;
  };
  const parsed = <Value>(name: string, schema: z.ZodType<Value>) => {
    if (stored[name] === undefined) return undefined;
    try {
      return schema.parse(JSON.parse(text(name) ?? ''));
    } catch (cause) {
      const message = `alias ${customer}: its property ${name} is not what Graphshift writes: ${JSON.stringify(String(stored[name]))}; write it again with ALTER ALIAS … PROPERTIES`;
      throw new GraphshiftError('STORE_UNFIT', message, { cause });
    }
  };
  const [pin, holds] = [parsed('pin', PIN), parsed('holds', z.array(HOLD))];
  const earlier = parsed('earlier', z.array(z.number()));
  const properties: AliasProperties = {
    epoch: number('epoch') ?? 0,
    snapshot: number('snapshot') ?? snapshotOf(database)?.timestamp ?? 0,
    contentHash: text('content_hash') ?? '',
    since: text('since') ?? new Date(0).toISOString(),
    ...(pin && { pin }),
    ...(holds && { holds }),
    ...(earlier && { earlier }),
  };
  return { customer, database, properties };
}

function lowerCased(properties: Row | null): Row {
  return Object.fromEntries(
    Object.entries(properties ?? {}).map(([name, value]) => [name.toLowerCase(), value]),
  );
}
