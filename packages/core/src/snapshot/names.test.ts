import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  customerNameProblem,
  databaseName,
  deploymentId,
  parseDatabaseName,
  parseDeploymentId,
  parseTimestamp,
} from './names.ts';

describe('customer names', () => {
  it.each([
    ['ab', 'shorter than three'],
    ['a'.repeat(53), 'longer than 52'],
    ['1abc', 'begin with a letter'],
    ['a_b_c', 'a character other than'],
    ['../etc', 'begin with a letter'],
    ['a/../b', 'a character other than'],
    ['acme.', 'ends in a dot'],
    ['system-x', 'reserved word'],
    ['acme-1700000000', 'ends in a dash and digits'],
  ])('%s is refused', (name, problem) => {
    expect(customerNameProblem(name)).toContain(problem);
  });

  it.each(['us-ca', 'Acme', 'acme.west', 'a1b', 'a'.repeat(52)])('%s is taken', (name) => {
    expect(customerNameProblem(name)).toBeUndefined();
  });
});

describe('databases and deployments', () => {
  const customers = fc
    .stringMatching(/^[a-z][a-z0-9.-]{1,50}[a-z0-9]$/)
    .filter((name) => customerNameProblem(name) === undefined);
  const times = fc.integer({ min: 1, max: 99_999_999_999 });

  it('lead back to exactly the snapshot they were made of', () => {
    fc.assert(
      fc.property(customers, times, (customer, timestamp) => {
        const name = { customer, timestamp };
        expect(parseDatabaseName(databaseName(name))).toEqual(name);
        expect(parseDeploymentId(deploymentId(name))).toEqual(name);
        expect(databaseName(name).length).toBeLessThanOrEqual(63);
      }),
    );
  });

  it('tells customers apart whose names begin alike', () => {
    expect(parseDatabaseName('acme-west-1700000000')?.customer).toBe('acme-west');
    expect(parseDatabaseName('acme-1700000000')?.customer).toBe('acme');
    expect(parseDatabaseName('neo4j')).toBeUndefined();
  });

  it.each(['0', '01', '1e9', '-5', '1700000000.5', '123456789012', ''])('%s is no timestamp', (text) => {
    expect(parseTimestamp(text)).toBeUndefined();
  });
});
