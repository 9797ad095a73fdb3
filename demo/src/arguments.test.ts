import { expect, test } from 'vitest';
import { parseDemoArguments } from './arguments.ts';

test('without arguments a run takes the twelve largest states and three months', () => {
  expect(parseDemoArguments([])).toEqual({
    once: false,
    states: 12,
    months: 3,
    store: undefined,
    port: undefined,
    workers: 2,
  });
});

test('states are all, a number or names', () => {
  expect(parseDemoArguments(['--states', 'all', '--months=6', '--once'])).toMatchObject({
    once: true,
    states: 'all',
    months: 6,
  });
  expect(parseDemoArguments(['--states', '3']).states).toBe(3);
  expect(parseDemoArguments(['--states', 'us-ca,us-tx']).states).toEqual(['us-ca', 'us-tx']);
});

test.each([
  [['--month', '3'], /^Unknown option '--month'; usage: npm run demo/],
  [['now'], /^Unexpected argument 'now'/],
  [['--months'], /^Option '--months <value>' argument missing/],
  [['--months', '7'], /^--months is "7"; it must be 1 to 6$/],
  [['--months', ''], /^--months is ""; it must be 1 to 6$/],
  [['--months', '1.5'], /^--months is "1.5"; it must be 1 to 6$/],
  [['--states', '0'], /^--states is "0"; it must be 1 to 52$/],
  [['--states', 'us-ca,tx'], /^--states is "us-ca,tx"; it must be all, a number of 1 to 52, or customers/],
  [['--port', '70000'], /^--port is "70000"; it must be 1 to 65535$/],
  [['--port', '0'], /^--port is "0"; it must be 1 to 65535$/],
  [['--port', ''], /^--port is ""; it must be 1 to 65535$/],
  [['--workers', '0'], /^--workers is "0"; it must be 1 to 64$/],
])('%j is refused in one line', (values, message) => {
  const parse = () => parseDemoArguments(values);
  expect(parse).toThrow(message);
  expect(parse).toThrow(expect.objectContaining({ code: 'USAGE' }));
  expect(parse).not.toThrow(/\n/);
});
