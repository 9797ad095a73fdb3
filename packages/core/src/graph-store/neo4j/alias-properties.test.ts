/** Aliases as the server lists them: ours, others', and those that lead to other servers. */

import { describe, expect, it } from 'vitest';
import { aliasOf, encodeProperties, isCustomers } from './alias-properties.ts';

const OURS = {
  ...{ epoch: 7, snapshot: 1_700_000_000, contentHash: 'ab', since: '2024-01-01T00:00:00Z' },
  holds: [{ timestamp: 1, contentHash: 'cd', since: '2024-01-01T00:00:00Z', reason: 'bad' }],
  earlier: [3, 2],
};
const row = (more: Record<string, unknown> = {}) => ({
  ...{ name: 'acme', database: 'acme-1700000000', location: 'local', properties: {} },
  ...more,
});

describe('an alias that is listed', () => {
  it('is what a cutover wrote', () => {
    const alias = aliasOf(row({ properties: encodeProperties(OURS) }));
    expect(alias).toEqual({ customer: 'acme', database: 'acme-1700000000', properties: OURS });
  });

  it('has none of our properties where somebody else made it, whatever others it has', () => {
    const properties = { pin: 'board', holds: 3n, since: 'Monday', owner: 'team' };
    expect(aliasOf(row({ properties })).properties).toEqual({
      ...{ epoch: 0, snapshot: 1_700_000_000, contentHash: '', since: '1970-01-01T00:00:00.000Z' },
    });
  });

  it.each([
    ['pin', '{"since":1}'],
    ['pin', 'null'],
    ['holds', '{}'],
    ['holds', '[{"timestamp":"x"}]'],
    ['holds', 'torn'],
    ['holds', 5n],
  ])('is refused with the property %s %s, since it may keep something from going live', (name, value) => {
    const properties = { ...encodeProperties(OURS), [name]: value };
    expect(() => aliasOf(row({ properties }))).toThrow(`alias acme: its property ${name} is not what`);
  });

  it('is refused where it leads to another server', () => {
    const remote = row({ location: 'remote', database: 'northwind' });
    expect(() => aliasOf(remote)).toThrow('alias acme leads to northwind on another server');
  });

  it.each([
    ['written by a cutover', true, row({ properties: { epoch: 1n } })],
    ['written for a database of another name', true, row({ database: 'neo4j', properties: { EPOCH: 1n } })],
    ['made by hand for its own database', true, row()],
    ["made for a customer's database under another name", false, row({ name: 'acme-report' })],
    ['of nobody known', false, row({ name: 'reporting', database: 'neo4j', properties: null })],
  ])("%s is a customer's: %s", (_, ours, listed) => {
    expect(isCustomers(listed)).toBe(ours);
  });
});
