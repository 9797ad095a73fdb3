/** Where Arrow Flight is and how it is spoken to: by `store.arrow_url`, else as the server says, with the trust of Bolt. */

import { readFileSync } from 'node:fs';
import { FlightClient, type FlightClientOptions, type TlsOptions } from '@graphshift/flight';
import { GraphshiftError, messageOf } from '../../../platform/errors.ts';
import type { BoltAccess } from '../bolt/settings.ts';
import type { FlightAccess } from './load-commands.ts';
import {
  type ArrowOffer,
  type Ask,
  askArrowOffer,
  askImportActions,
  chooseLoader,
  type LoaderChoice,
  type LoaderSetting,
} from './loader-choice.ts';

const ARROW_URL = /^grpc(\+tls)?:\/\/(\[[^\]]+\]|[^/:@]+):(\d{1,5})\/?$/;

/** @throws CONFIG_INVALID */
export function parseArrowUrl(url: string): FlightAccess {
  const [, tls, host, port] = ARROW_URL.exec(url) ?? [];
  if (host === undefined || Number(port) < 1 || Number(port) > 65_535)
    throw new GraphshiftError(
      'CONFIG_INVALID',
      `store.arrow_url is ${JSON.stringify(url.replace(/\/\/[^/]*@/, '//[secret]@'))}; it must be grpc://HOST:PORT, or grpc+tls://HOST:PORT for TLS`,
    );
  return { host: host.replace(/^\[|\]$/g, ''), port: Number(port), tls: tls !== undefined };
}

/** @throws CONFIG_INVALID for a file of authorities that cannot be read */
export function flightOptions({ host, port, tls }: FlightAccess, access: BoltAccess): FlightClientOptions {
  const { username, password, caFile } = access;
  const credentials = { username, password };
  return { host, port, credentials, ...(tls && { tls: trustOf(caFile) }) };
}

function trustOf(caFile: string | undefined): TlsOptions {
  if (caFile === undefined) return {};
  try {
    return { ca: readFileSync(caFile) };
  } catch (error) {
    const message = `store.ca_file ${JSON.stringify(caFile)} cannot be read: ${messageOf(error)}`;
    throw new GraphshiftError('CONFIG_INVALID', message, { cause: error });
  }
}

export interface LoaderQuestion {
  readonly setting: LoaderSetting;
  readonly access: BoltAccess;
  /** As `store.arrow_url` says; else the server is asked. */
  readonly flight?: FlightAccess;
  /** Runs a statement over Bolt. */
  readonly ask: Ask;
}

export interface ChosenLoader extends Omit<LoaderChoice, 'address'> {
  /** With `arrow`. */
  readonly flight?: FlightAccess;
}

/**
 * Asks the server over Bolt, unless the settings say. Whether Arrow Flight answers is asked before each load: it matters
 * to nobody else.
 * @throws STORE_UNFIT for `arrow` where the server does not offer it, what `ask` throws
 */
export async function findLoader({ setting, access, flight, ask }: LoaderQuestion): Promise<ChosenLoader> {
  if (setting === 'bolt') return chooseLoader('bolt', undefined);
  const offer = flight
    ? { offered: true as const, address: flight }
    : await askArrowOffer(ask, new URL(access.url).hostname.replace(/^\[|\]$/g, ''));
  const { address, ...choice } = chooseLoader(setting, offer);
  if (!address) return choice;
  const tls = /^\w+\+s(sc)?:/.test(access.url) || access.caFile !== undefined;
  return { ...choice, flight: flight ?? { ...address, tls } };
}

/** Whether Arrow Flight answers, lets the user in and imports databases. */
export async function askFlight(flight: FlightAccess, access: BoltAccess): Promise<ArrowOffer> {
  const client = new FlightClient(flightOptions(flight, access));
  try {
    return await askImportActions(client);
  } finally {
    client.close();
  }
}
