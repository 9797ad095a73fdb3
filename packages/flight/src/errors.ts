/** What can go wrong between a client and a Flight server; fields tell what happened. */

import { status } from '@grpc/grpc-js';

/** The names of gRPC's status codes. */
export type FlightStatus = keyof typeof status;

/** A call that did not end well: refused by the server, broken on its way, or used wrongly. */
export class FlightError extends Error {
  override readonly name = 'FlightError';
  /** `UNAVAILABLE`: not reached or gone; `UNAUTHENTICATED`, `NOT_FOUND`, `ALREADY_EXISTS`, …: the server's answer. */
  readonly status: FlightStatus;
  /** `DoPut`, or `DoAction` with the action's type. */
  readonly call: string;
  /** The server's own words, without the client's. */
  readonly details: string;

  constructor(call: string, code: FlightStatus, details: string, cause?: unknown) {
    super(`${call}: ${details} (${code})`, cause === undefined ? undefined : { cause });
    this.call = call;
    this.status = code;
    this.details = details;
  }
}

/** Whether a thrown value is a failure of Flight with one of these states. */
export function hasStatus(thrown: unknown, ...states: FlightStatus[]): thrown is FlightError {
  return thrown instanceof FlightError && states.includes(thrown.status);
}

/** @param code of gRPC */
export function statusNamed(code: number | undefined): FlightStatus {
  return (code === undefined ? undefined : (status[code] as FlightStatus | undefined)) ?? 'UNKNOWN';
}

/** The first line of a server's words: a stack or a chain of causes may follow it. */
export function flightError(call: string, thrown: unknown): FlightError {
  if (thrown instanceof FlightError) return thrown;
  const { code, details } = thrown as { code?: number; details?: string };
  const name = statusNamed(code);
  const words = details || (thrown instanceof Error ? thrown.message : String(thrown));
  return new FlightError(call, name, words.split('\n', 1)[0] ?? '', thrown);
}
