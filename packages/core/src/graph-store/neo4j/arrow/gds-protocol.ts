/** The words of the GDS protocol for importing a whole database: actions, commands, answers; JSON throughout. */

import { type FlightClient, FlightError, hasStatus } from '@graphshift/flight';
import { z } from 'zod';
import { type ErrorCode, GraphshiftError, messageOf } from '../../../platform/errors.ts';

export type EntityType = 'node' | 'relationship';
export type GdsAction = 'CREATE_DATABASE' | 'NODE_LOAD_DONE' | 'RELATIONSHIP_LOAD_DONE' | 'ABORT';

/** The only version of the protocol that imports databases. */
export const GDS_VERSION = 'v1';

/** Columns that have a meaning of their own; all others are properties. */
export const GDS_COLUMNS = {
  node: ['nodeId', 'labels'],
  relationship: ['sourceNodeId', 'targetNodeId', 'relationshipType'],
} as const satisfies Record<EntityType, readonly string[]>;

/** How the server builds the database; what is left out is the server's default. */
export interface GdsDatabaseSettings {
  /** @default 'STRING', which takes any id */
  readonly idType?: 'INTEGER' | 'STRING';
  /** The property that keeps the id. @default 'id' */
  readonly idProperty?: string;
  /** Threads of the import. */
  readonly concurrency?: number;
  readonly storeFormat?: 'standard' | 'aligned' | 'high_limit' | 'block';
  /** Whether the disk takes parallel writes well. @default true */
  readonly highIo?: boolean;
  /** Drops bad rows into the server's log instead of failing; counts then differ, and a certificate refuses that. */
  readonly useBadCollector?: boolean;
}

/** The body of `CREATE_DATABASE`. */
export function createBody(name: string, settings: GdsDatabaseSettings, force: boolean): object {
  return {
    name,
    force,
    high_io: settings.highIo ?? true,
    use_bad_collector: settings.useBadCollector ?? false,
    id_type: settings.idType ?? 'STRING',
    id_property: settings.idProperty ?? 'id',
    ...(settings.concurrency !== undefined && { concurrency: settings.concurrency }),
    ...(settings.storeFormat !== undefined && { db_format: settings.storeFormat }),
  };
}

/** The command of a put. */
export function putCommand(name: string, entityType: EntityType): { readonly command: string } {
  return {
    command: JSON.stringify({
      name: 'PUT_COMMAND',
      version: GDS_VERSION,
      body: { name, entity_type: entityType },
    }),
  };
}

const ANSWERS = {
  CREATE_DATABASE: z.object({}),
  ABORT: z.object({}),
  NODE_LOAD_DONE: z.object({ node_count: z.number().int() }),
  RELATIONSHIP_LOAD_DONE: z.object({ relationship_count: z.number().int() }),
} as const satisfies Record<GdsAction, z.ZodType>;

export type GdsAnswer<A extends GdsAction> = z.infer<(typeof ANSWERS)[A]>;

/**
 * Calls an action and reads its answer.
 * @throws FlightError; LOAD_FAILED where the answer is not what the protocol says
 */
export async function callGds<A extends GdsAction>(
  client: FlightClient,
  action: A,
  body: object,
  options: { readonly signal?: AbortSignal; readonly timeoutMs?: number } = {},
): Promise<GdsAnswer<A>> {
  const parts: Buffer[] = [];
  for await (const part of client.doAction(`${GDS_VERSION}/${action}`, JSON.stringify(body), options))
    parts.push(part);
  const text = Buffer.concat(parts).toString() || '{}';
  try {
    return ANSWERS[action].parse(JSON.parse(text)) as GdsAnswer<A>;
  } catch (cause) {
    const message = `${client.address} answered ${action} with ${text.slice(0, 200)}, which is not the protocol`;
    throw new GraphshiftError('LOAD_FAILED', message, { cause });
  }
}

/** An import that the server does not have, or not any more. */
export function isUnknownImport(thrown: unknown): boolean {
  // The state is not the same in all versions of GDS; the words are.
  return (
    hasStatus(thrown, 'NOT_FOUND') ||
    (thrown instanceof FlightError && /\bnot found\b|does not exist/i.test(thrown.details))
  );
}

/** What went wrong between us and the server, by the catalogue; a signal's reason stays what it is. */
export function gdsError(thrown: unknown, address: string, database: string): unknown {
  if (!(thrown instanceof FlightError)) return thrown;
  const message = `import of ${database} over Arrow Flight at ${address}: ${messageOf(thrown)}`;
  return new GraphshiftError(codeOf(thrown), message, { cause: thrown, details: { state: thrown.status } });
}

function codeOf(error: FlightError): ErrorCode {
  switch (error.status) {
    case 'UNAVAILABLE':
    case 'DEADLINE_EXCEEDED':
      return 'STORE_UNREACHABLE';
    case 'UNAUTHENTICATED':
    case 'PERMISSION_DENIED':
    case 'UNIMPLEMENTED':
      return 'STORE_UNFIT';
    case 'ALREADY_EXISTS':
      return 'CONFLICT';
    default:
      return 'LOAD_FAILED';
  }
}
