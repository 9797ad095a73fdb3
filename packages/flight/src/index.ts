export type { FlightCredentials } from './authentication.ts';
export type { ChannelSettings, TlsOptions } from './channel.ts';
export {
  type FlightActionType,
  type FlightCallOptions,
  FlightClient,
  type FlightClientOptions,
} from './client.ts';
export { FlightError, type FlightStatus, hasStatus } from './errors.ts';
export { allocateFrame, type FlightDescriptor, type Frame } from './flight-data.ts';
export type { Put, PutOptions, PutSummary } from './put.ts';
