/**
 * What a process logs in with. A password that stands in a file is read again once the server has refused it, so that one
 * that is changed while processes run costs no restart: the driver then logs in again with the new one.
 */

import { readFileSync } from 'node:fs';
import neo4j, { type AuthToken, type AuthTokenManager } from 'neo4j-driver';
import { isLoginRefused } from './server-errors.ts';

export class Login implements AuthTokenManager {
  readonly #username: string;
  readonly #file: string | undefined;
  #password: string;
  /** The server has refused it, and nobody has written another one yet. */
  #refused = false;

  /** @param file from which `password` was read */
  constructor({ username, password, passwordFile: file }: LoginOptions) {
    this.#username = username;
    this.#password = password;
    this.#file = file;
  }

  getToken(): AuthToken {
    if (this.#refused) this.#readAgain();
    return neo4j.auth.basic(this.#username, this.#password);
  }

  /** The driver asks where a connection that was open is refused; of a new one it says nothing. */
  handleSecurityException({ credentials }: AuthToken, code: string): boolean {
    return isLoginRefused({ code }) && this.#isReplaced(credentials);
  }

  /** Does it once more where the server refused the password and there is another one by now: nothing was done then. */
  async using<Result>(work: () => Promise<Result>): Promise<Result> {
    const { credentials } = this.getToken();
    try {
      return await work();
    } catch (error) {
      if (!isLoginRefused(error) || !this.#isReplaced(credentials)) throw error;
      return work();
    }
  }

  /** As the file has it at this moment, for a process that logs in by itself. */
  newest(): string {
    return this.#inFile() ?? this.#password;
  }

  #isReplaced(refused: unknown): boolean {
    if (refused === this.#password) this.#refused = true;
    return this.getToken().credentials !== refused;
  }

  #readAgain(): void {
    const password = this.newest();
    if (password === this.#password) return;
    this.#password = password;
    this.#refused = false;
  }

  /** Undefined while it is away, as it may be for a moment when it is replaced. */
  #inFile(): string | undefined {
    if (this.#file === undefined) return undefined;
    try {
      return readPassword(this.#file);
    } catch {
      return undefined;
    }
  }
}

export interface LoginOptions {
  readonly username: string;
  readonly password: string;
  /** From which the password was read. */
  readonly passwordFile?: string;
}

/** One line end after it is no part of it. @throws what the file system says */
export function readPassword(file: string): string {
  return readFileSync(file, 'utf8').replace(/\r?\n$/, '');
}
