/**
 * Which way rows go into Neo4j. `auto` asks the server: Arrow Flight where it has GDS Enterprise and that imports
 * databases, else Bolt; and says which, and why.
 */

import type { FlightClient } from '@graphshift/flight';
import { GraphshiftError, messageOf } from '../../../platform/errors.ts';
import { GDS_VERSION, type GdsAction } from './gds-protocol.ts';

export type LoaderSetting = 'auto' | 'arrow' | 'bolt';

export interface FlightAddress {
  readonly host: string;
  readonly port: number;
}

/** What the server says of its Arrow Flight. */
export type ArrowOffer =
  | { readonly offered: true; readonly address: FlightAddress }
  | { readonly offered: false; readonly why: string };

export interface LoaderChoice {
  readonly loader: 'arrow' | 'bolt';
  /** Where Arrow Flight is, with `arrow`. */
  readonly address?: FlightAddress;
  /** One line for the log. */
  readonly says: string;
}

/** Runs one statement and answers its rows. */
export type Ask = (statement: string) => Promise<readonly Readonly<Record<string, unknown>>[]>;

const STATEMENT = 'CALL gds.debug.arrow()';
const NEEDED = [
  'CREATE_DATABASE',
  'NODE_LOAD_DONE',
  'RELATIONSHIP_LOAD_DONE',
  'ABORT',
] as const satisfies GdsAction[];
/** Addresses that mean the server's own host. */
const ANYWHERE = new Set(['', '0.0.0.0', '::', 'localhost', '127.0.0.1', '::1']);

/**
 * Asks over Bolt what Arrow Flight the server has.
 * @param storeHost where the server is for us; it stands in for an address that is only true on the server itself
 * @throws what `ask` throws, but for a procedure that is not there
 */
export async function askArrowOffer(ask: Ask, storeHost: string): Promise<ArrowOffer> {
  let row: Readonly<Record<string, unknown>> | undefined;
  try {
    [row] = await ask(STATEMENT);
  } catch (error) {
    const known = /ProcedureNotFound|no procedure with the name/i.test(
      `${codeOf(error)} ${messageOf(error)}`,
    );
    if (known) return refused('the server has no gds.debug.arrow(), so no GDS Enterprise');
    throw error;
  }
  if (!row) return refused(`${STATEMENT} answers nothing`);
  if (row.enabled === false) return refused('Arrow Flight is turned off (gds.arrow.enabled)');
  if (row.running === false) return refused('Arrow Flight is enabled but does not run');
  const { versions } = row;
  if (Array.isArray(versions) && !versions.includes(GDS_VERSION))
    return refused(`its Arrow Flight speaks ${versions.join(', ')}; ${GDS_VERSION} is needed`);
  const address = addressOf(String(row.listenAddress ?? ''), storeHost);
  if (!address)
    return refused(`its listenAddress is ${JSON.stringify(row.listenAddress)}; it may be HOST:PORT`);
  return { offered: true, address };
}

/**
 * Asks over Arrow Flight whether databases can be imported, which takes GDS of the right version and, by that, a user
 * that is let in.
 */
export async function askImportActions(client: FlightClient, timeoutMs = 30_000): Promise<ArrowOffer> {
  const [host, port] = splitAddress(client.address) ?? ['', 0];
  try {
    const actions = new Set((await client.listActions({ timeoutMs })).map(({ type }) => type));
    const missing = NEEDED.filter((action) => !actions.has(`${GDS_VERSION}/${action}`));
    if (missing.length === 0) return { offered: true, address: { host, port } };
    return refused(
      `Arrow Flight at ${client.address} has no ${missing.map((name) => `${GDS_VERSION}/${name}`).join(', ')}`,
    );
  } catch (error) {
    return refused(`Arrow Flight at ${client.address} does not answer: ${messageOf(error)}`);
  }
}

/**
 * The loader by the setting and what the server offers.
 * @throws STORE_UNFIT for `arrow` where the server does not offer it
 */
export function chooseLoader(setting: LoaderSetting, offer: ArrowOffer | undefined): LoaderChoice {
  if (setting === 'bolt' || !offer)
    return { loader: 'bolt', says: 'rows go over Bolt, as store.loader says' };
  if (offer.offered) {
    const { host, port } = offer.address;
    const why = setting === 'auto' ? 'the server offers it' : 'as store.loader says';
    return {
      loader: 'arrow',
      address: offer.address,
      says: `rows go over Arrow Flight at ${host}:${port}: ${why}`,
    };
  }
  if (setting === 'arrow')
    throw new GraphshiftError(
      'STORE_UNFIT',
      `store.loader is arrow, and ${offer.why}; it may be auto or bolt`,
    );
  return { loader: 'bolt', says: `rows go over Bolt, not over Arrow Flight: ${offer.why}` };
}

function refused(why: string): ArrowOffer {
  return { offered: false, why };
}

function addressOf(listenAddress: string, storeHost: string): FlightAddress | undefined {
  const split = splitAddress(listenAddress);
  if (!split) return undefined;
  const [host, port] = split;
  return { host: ANYWHERE.has(host) ? storeHost : host, port };
}

/** `HOST:PORT`, an IPv6 address in brackets or not. */
function splitAddress(address: string): [string, number] | undefined {
  const match = /^\[?(.*?)\]?:(\d{1,5})$/.exec(address);
  return match ? [match[1] ?? '', Number(match[2])] : undefined;
}

function codeOf(error: unknown): string {
  const { code } = (error ?? {}) as { code?: unknown };
  return typeof code === 'string' ? code : '';
}
