/**
 * Whether the store's directory is there. One that is not, as while its disk is not mounted, must not pass for a store in
 * which there is nothing: what is missing from a listing is taken for dropped.
 */

import { stat } from 'node:fs/promises';
import { GraphshiftError, messageOf } from '../../platform/errors.ts';
import { errorCode } from './durable-file.ts';
import type { Layout } from './layout.ts';

/** What the system says of a directory that cannot be reached, or not be read, just now. */
const AWAY: readonly string[] = [
  'ENOENT',
  'ENOTDIR',
  'EACCES',
  'EPERM',
  'EIO',
  'ESTALE',
  'ENOTCONN',
  'EHOSTDOWN',
];

export class Presence {
  readonly #layout: Layout;

  constructor(layout: Layout) {
    this.#layout = layout;
  }

  /**
   * Asks the store something, of which an answer counts only if the directory was there before and after.
   * @throws STORE_UNREACHABLE, or what the question throws
   */
  async during<Answer>(ask: () => Promise<Answer>): Promise<Answer> {
    await this.look();
    try {
      const answer = await ask();
      await this.look();
      return answer;
    } catch (error) {
      if (!(error instanceof GraphshiftError) && isAway(error)) throw this.#unreachable(error);
      throw error;
    }
  }

  /** @throws STORE_UNREACHABLE, saying how a new store comes to be */
  async require(): Promise<void> {
    try {
      await this.look();
    } catch (error) {
      const [databases, aliases] = [this.#layout.area('databases'), this.#layout.area('aliases')];
      const anew = `A worker makes a new one where nothing is live; where the old one is lost for good, make ${databases} and ${aliases} by hand, then see \`graphshift doctor\``;
      throw new GraphshiftError('STORE_UNREACHABLE', `${messageOf(error)} ${anew}`, { cause: error });
    }
  }

  /** @throws STORE_UNREACHABLE */
  async look(): Promise<void> {
    try {
      for (const area of ['databases', 'aliases'] as const) await stat(this.#layout.area(area));
    } catch (error) {
      throw this.#unreachable(error);
    }
  }

  #unreachable(error: unknown): GraphshiftError {
    const reason =
      errorCode(error) === 'ENOENT'
        ? 'is not there; is its disk mounted?'
        : `cannot be read: ${messageOf(error)}`;
    return new GraphshiftError('STORE_UNREACHABLE', `the store's directory ${this.#layout.root} ${reason}`, {
      cause: error,
    });
  }
}

function isAway(error: unknown): boolean {
  return AWAY.includes(errorCode(error) ?? '');
}
