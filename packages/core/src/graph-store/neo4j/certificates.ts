/**
 * Certificates of the databases of an installation, in its bookkeeping database: they cannot stay in the databases
 * themselves, whose readers would find them. One node a database, with the certificate as JSON.
 */

import neo4j, { type Driver } from 'neo4j-driver';
import type { LoadCertificate } from '../graph-store.ts';
import { told } from './bookkeeping.ts';

export class Certificates {
  readonly #driver: Driver;
  readonly #database: string;

  /** @param database the bookkeeping database, which is there */
  constructor(driver: Driver, database: string) {
    this.#driver = driver;
    this.#database = database;
  }

  /** Makes what is missing in the bookkeeping database. */
  async prepare(): Promise<void> {
    await this.#run(
      'CREATE CONSTRAINT graphshift_certificate IF NOT EXISTS FOR (c:Certificate) REQUIRE c.database IS UNIQUE',
    );
  }

  /** Takes the place of one of the same database, unless that one has a higher epoch. */
  async keep(certificate: LoadCertificate): Promise<void> {
    const { database, epoch } = certificate;
    await this.#run(
      `MERGE (c:Certificate {database: $database}) SET c.touched = true
       WITH c WHERE coalesce(c.epoch, 0) <= $epoch SET c.epoch = $epoch, c.json = $json`,
      { database, epoch: neo4j.int(epoch), json: JSON.stringify(certificate) },
    );
  }

  /** The certificate, or undefined when there is none that can be read. */
  async find(database: string): Promise<LoadCertificate | undefined> {
    const [json] = await this.#run('MATCH (c:Certificate {database: $database}) RETURN c.json AS json', {
      database,
    });
    try {
      return typeof json === 'string' ? (JSON.parse(json) as LoadCertificate) : undefined;
    } catch {
      return undefined;
    }
  }

  /** Databases that have one, each with its epoch. */
  async kept(): Promise<{ database: string; epoch: number }[]> {
    const found = await this.#run(
      'MATCH (c:Certificate) RETURN {database: c.database, epoch: coalesce(c.epoch, 0)} AS kept',
    );
    return found.map((kept) => {
      const { database, epoch } = kept as { database: unknown; epoch: unknown };
      return { database: String(database), epoch: Number(epoch) };
    });
  }

  /** When the database was dropped. @param epoch only one of this epoch; default: any */
  async forget(database: string, epoch?: number): Promise<void> {
    await this.#run(
      `MATCH (c:Certificate {database: $database})
       WHERE $epoch IS NULL OR coalesce(c.epoch, 0) = $epoch DELETE c`,
      { database, epoch: epoch === undefined ? null : neo4j.int(epoch) },
    );
  }

  async #run(statement: string, parameters: Record<string, unknown> = {}): Promise<unknown[]> {
    const { records } = await told(this.#database, () =>
      this.#driver.executeQuery(statement, parameters, { database: this.#database }),
    );
    return records.map((record) => record.get(0));
  }
}
