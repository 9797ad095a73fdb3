import type { ErrorRecord } from '../../platform/errors.ts';
import type { Look, ReadinessRule } from '../readiness.ts';
import type { CustomerTimes, ScanOptions } from './root-view.ts';

/** What the scanning process answers: a scan, then its differences page by page. */
export type ScanCommands = {
  check: { input: { root: string }; output: undefined };
  scan: { input: ScanRequest; output: ScanSummary };
  page: { input: { root: string }; output: ScanPage | undefined };
  look: { input: LookRequest; output: LookReply[] };
};

export interface ScanRequest extends ScanOptions {
  readonly root: string;
  /** The pages have everything that is there, as if it had been found just now. */
  readonly everything: boolean;
}

export interface ScanSummary {
  /** The pages have everything: it was asked for, or this process scans the root for the first time. */
  readonly everything: boolean;
  readonly refusalsMoved: boolean;
  /** So many customers were there, and none is any more. */
  readonly emptied?: number;
}

/** Bounded, so that nobody holds an event loop with it; what is gone comes before what was found. */
export interface ScanPage {
  readonly found: readonly CustomerTimes[];
  readonly gone: readonly CustomerTimes[];
  /** All refusals, where they have moved or everything was asked for. */
  readonly refused: readonly { readonly path: string; readonly error: ErrorRecord }[];
}

export interface LookRequest {
  readonly root: string;
  readonly rule: ReadinessRule;
  /** Absolute directories. */
  readonly paths: readonly string[];
}

export type LookReply = Omit<Look, 'problem'> & { readonly problem?: ErrorRecord };
