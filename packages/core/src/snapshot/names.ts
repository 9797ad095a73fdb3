/**
 * Names of customers, deployments and databases. The rules are Neo4j's for database and alias names (operations
 * manual, "Administrative rules for database names"), the strictest of the supported stores, so that a customer
 * can move from one store to another.
 */

/** `<customer>@<timestamp>`. */
export type DeploymentId = `${string}@${number}`;

export interface SnapshotName {
  readonly customer: string;
  /** Unix time in seconds. */
  readonly timestamp: number;
}

/** Longest database name that Neo4j takes. */
const NAME_MAX = 63;
/** `-` and ten digits are added to a customer's name; eleven would do from the year 2286 on. */
const CUSTOMER_MAX = NAME_MAX - 11;

/** Why a store could not name this customer, or undefined when it can. */
export function customerNameProblem(customer: string): string | undefined {
  if (customer.length < 3) return 'is shorter than three characters';
  if (customer.length > CUSTOMER_MAX) return `is longer than ${CUSTOMER_MAX} characters`;
  if (!/^[a-z]/i.test(customer)) return 'does not begin with a letter';
  if (!/^[a-z0-9.-]+$/i.test(customer)) return 'has a character other than letters, digits, dots and dashes';
  if (/[.-]$/.test(customer)) return 'ends in a dot or a dash';
  if (/^system/i.test(customer)) return 'begins with the reserved word system';
  if (/-\d+$/.test(customer)) return 'ends in a dash and digits, as only database names do';
  return undefined;
}

/** The snapshot's unix time, or undefined when the directory's name is none (1 to 11 digits, no leading zero). */
export function parseTimestamp(name: string): number | undefined {
  return /^[1-9]\d{0,10}$/.test(name) ? Number(name) : undefined;
}

export function deploymentId(name: SnapshotName): DeploymentId {
  return `${name.customer}@${name.timestamp}`;
}

/** The snapshot that a deployment id names, or undefined when the text is no id. */
export function parseDeploymentId(id: string): SnapshotName | undefined {
  const match = /^([^@]+)@(\d+)$/.exec(id);
  const timestamp = match?.[2] === undefined ? undefined : parseTimestamp(match[2]);
  const customer = match?.[1];
  if (customer === undefined || timestamp === undefined || customerNameProblem(customer)) return undefined;
  return { customer, timestamp };
}

/** `<customer>-<timestamp>`, in lower case because stores compare names without case. */
export function databaseName(name: SnapshotName): string {
  return `${name.customer.toLowerCase()}-${name.timestamp}`;
}

/** The snapshot that a database holds by its exact name, or undefined when the name is not one of ours. */
export function parseDatabaseName(database: string): SnapshotName | undefined {
  const match = /^(.+)-(\d+)$/.exec(database);
  const timestamp = match?.[2] === undefined ? undefined : parseTimestamp(match[2]);
  const customer = match?.[1];
  if (customer === undefined || timestamp === undefined || customerNameProblem(customer)) return undefined;
  return { customer, timestamp };
}

/** The alias that a customer's readers use. */
export function aliasName(customer: string): string {
  return customer.toLowerCase();
}
