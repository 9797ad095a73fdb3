/**
 * Who calls. With a user and password the first call is a Handshake with basic authentication, and the bearer token that
 * comes back goes with every later one, until it runs out: by its age here, or when the server refuses it. A server
 * without a Handshake gets the basic credentials with each call; a token in the headers of any answer is taken up.
 */

import { Metadata } from '@grpc/grpc-js';
import { hasStatus } from './errors.ts';

export type FlightCredentials =
  | { readonly username: string; readonly password: string }
  | { readonly bearer: string };

/** Calls Handshake with these headers and answers the headers that came back. */
export type Handshake = (headers: Metadata) => Promise<Metadata>;

const HEADER = 'authorization';

export class Authentication {
  readonly #credentials: FlightCredentials | undefined;
  readonly #lifetimeMs: number;
  readonly #now: () => number;
  readonly #handshake: Handshake;
  #token: { readonly value: string; readonly until: number } | undefined;
  #without = false;
  #underWay: Promise<void> | undefined;
  #handshakes = 0;

  /**
   * @param lifetimeMs after which a token is not used any more
   * @param now milliseconds of a clock that never goes back
   */
  constructor(
    credentials: FlightCredentials | undefined,
    lifetimeMs: number,
    now: () => number,
    handshake: Handshake,
  ) {
    this.#credentials = credentials;
    this.#lifetimeMs = lifetimeMs;
    this.#now = now;
    this.#handshake = handshake;
  }

  /** Handshakes so far. */
  get handshakes(): number {
    return this.#handshakes;
  }

  /** The headers of the next call; a Handshake comes first where there is no fresh token. @throws FlightError */
  async headers(): Promise<Metadata> {
    const metadata = new Metadata();
    if (!this.#credentials) return metadata;
    if ('bearer' in this.#credentials) {
      metadata.set(HEADER, `Bearer ${this.#credentials.bearer}`);
      return metadata;
    }
    if (!this.#fresh() && !this.#without) await this.#renew();
    metadata.set(HEADER, this.#fresh() ?? basic(this.#credentials));
    return metadata;
  }

  /** Takes up a token that an answer's headers carry. */
  learn(headers: Metadata): void {
    if (!this.#credentials || 'bearer' in this.#credentials) return;
    const value = headers
      .get(HEADER)
      .map(String)
      .find((text) => /^bearer \S/i.test(text));
    if (value && value !== this.#token?.value) this.#token = { value, until: this.#now() + this.#lifetimeMs };
  }

  /**
   * Forgets the token that a refused call was sent with.
   * @returns whether another try may go better: the refused credentials were a token of ours
   */
  refused(headers: Metadata): boolean {
    const sent = headers.get(HEADER).map(String)[0] ?? '';
    if (!this.#credentials || 'bearer' in this.#credentials || !/^bearer /i.test(sent)) return false;
    if (this.#token?.value === sent) this.#token = undefined;
    return true;
  }

  #fresh(): string | undefined {
    return this.#token && this.#now() < this.#token.until ? this.#token.value : undefined;
  }

  /** One Handshake at a time: callers that come meanwhile share it. */
  async #renew(): Promise<void> {
    this.#underWay ??= this.#shake().finally(() => {
      this.#underWay = undefined;
    });
    await this.#underWay;
  }

  async #shake(): Promise<void> {
    const headers = new Metadata();
    if (this.#credentials && 'username' in this.#credentials) headers.set(HEADER, basic(this.#credentials));
    this.#token = undefined;
    this.#handshakes += 1;
    try {
      this.learn(await this.#handshake(headers));
    } catch (error) {
      if (!hasStatus(error, 'UNIMPLEMENTED')) throw error;
    }
    this.#without = this.#token === undefined;
  }
}

function basic({ username, password }: { username: string; password: string }): string {
  return `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;
}
