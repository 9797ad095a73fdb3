import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import recorded from './fixtures/privileges.json' with { type: 'json' };
import { parsePrivilege } from './privilege-command.ts';
import { planPrivileges } from './privileges.ts';

const plain = (command: string, immutable = false) => ({ command, immutable });

describe('planPrivileges, on a fixture in the form that the manual shows and no server has written', () => {
  it('takes what is for exactly the live database, word for word, to the new one', () => {
    const { missing, wanted, more } = planPrivileges(recorded.rows, 'acme-1', 'acme-2');
    expect(missing.map(({ statement }) => statement)).toEqual([
      "DENY MATCH {*} ON GRAPH `acme-2` FOR(n) WHERE n.classification <> 'UNCLASSIFIED' TO `analyst`",
      'DENY READ {ssn} ON GRAPH `acme-2` NODE Patient TO `analyst`',
      'DENY TRAVERSE ON GRAPH `acme-2` RELATIONSHIP DIAGNOSIS TO `analyst`',
      'GRANT ACCESS ON DATABASE `acme-2` TO `analyst`',
      'GRANT MATCH {*} ON GRAPH `acme-2` NODE * TO `analyst`',
      'GRANT MATCH {*} ON GRAPH `acme-2` RELATIONSHIP * TO `analyst`',
    ]);
    expect([wanted, more]).toEqual([6, []]);
  });

  it('has nothing left to do once they are there, and names what the new one has beyond', () => {
    const { missing } = planPrivileges(recorded.rows, 'acme-1', 'acme-2');
    const extra = 'GRANT WRITE ON GRAPH `acme-2` TO `analyst`';
    const after = [...recorded.rows, ...missing.map(({ statement }) => plain(statement)), plain(extra)];
    expect(planPrivileges(after, 'acme-1', 'acme-2')).toEqual({ wanted: 6, missing: [], more: [extra] });
  });

  it('does nothing for a database that has none of its own', () => {
    expect(planPrivileges(recorded.rows, 'acme', 'acme-2').missing).toEqual([]);
  });

  it('refuses an immutable one by name', () => {
    const rows = [plain('DENY IMMUTABLE WRITE ON GRAPH `acme-1` TO `analyst`', true)];
    expect(() => planPrivileges(rows, 'acme-1', 'acme-2')).toThrow(
      'privilege "DENY IMMUTABLE WRITE ON GRAPH `acme-1` TO `analyst`" on acme-1 is immutable',
    );
  });

  it('refuses one that it does not understand only where it could be about the live database', () => {
    const strange = [plain('ALLOW `acme-1` TO `analyst`'), plain('ALLOW `acme-10` TO `analyst`')];
    expect(() => planPrivileges(strange, 'acme-1', 'acme-2')).toThrow('ALLOW `acme-1`');
    expect(planPrivileges(strange, 'acme-2', 'acme-3').missing).toEqual([]);
  });
});

describe('a privilege as a command in the form of the manual', () => {
  const databasesOf = (command: string) => parsePrivilege(command).databases;

  it.each([
    ['GRANT ACCESS ON DATABASES `a-1`, `B-2` TO r', ['a-1', 'b-2']],
    ['GRANT WRITE ON GRAPHS neo4j, `x``y` TO r', ['neo4j', 'x`y']],
    ['GRANT ACCESS ON DATABASE composite.`a-1` TO r', ['composite.a-1']],
    ['GRANT SET LABEL ON ON GRAPH `a-1` TO r', ['a-1']],
    ['GRANT READ {`a`, `on`} ON GRAPH `a-1` ELEMENTS * TO r', ['a-1']],
    ["DENY READ {*} ON GRAPH * FOR (n {x: 'ON GRAPH `a-1`'}) TO r", []],
    ['GRANT ACCESS ON HOME DATABASE TO `a-1`', []],
    ['GRANT TRAVERSE ON HOME GRAPH NODES `a-1` TO r', []],
    ['GRANT EXECUTE PROCEDURE apoc.on.* ON DBMS TO `a-1`', []],
    ['GRANT LOAD ON ALL DATA TO r', []],
  ])('%s is for %j', (command, databases) => {
    expect(databasesOf(command)).toEqual(databases);
  });

  it('is for the new database alone where it was for several', () => {
    expect(parsePrivilege('GRANT WRITE ON GRAPHS `a-1`, other TO r').forDatabase('a-2')).toBe(
      'GRANT WRITE ON GRAPHS `a-2` TO r',
    );
  });

  it('reads back as the server wrote it, whatever a name looks like', () => {
    const { forDatabase } = parsePrivilege(
      String.raw`GRANT READ {x} ON GRAPH a NODE ${'`'}p\u0060q${'`'} TO r`,
    );
    expect(forDatabase('b')).toBe(
      String.raw`GRANT READ {x} ON GRAPH ${'`b`'} NODE ${'`'}p\u005Cu0060q${'`'} TO r`,
    );
  });

  it.each(['REVOKE ACCESS ON DATABASE a FROM r', 'GRANT ROLE x TO y', 'GRANT WRITE ON GRAPH ; TO r', ''])(
    'is not %j',
    (command) => {
      expect(() => parsePrivilege(command)).toThrow(SyntaxError);
    },
  );

  it('never touches another name, whatever names there are', () => {
    const name = fc
      .string({ unit: 'grapheme', minLength: 1, maxLength: 12 })
      .filter((one) => !/\\/.test(one));
    const quoted = (one: string) => `\`${one.replaceAll('`', '``')}\``;
    fc.assert(
      fc.property(
        name,
        name,
        name,
        fc.array(name, { minLength: 1, maxLength: 3 }),
        (role, label, to, graphs) => {
          const around = (names: string) =>
            `DENY READ {${quoted(label)}} ON GRAPH ${names} NODE ${quoted(label)} TO ${quoted(role)}`;
          const parsed = parsePrivilege(around(graphs.map(quoted).join(', ')));
          expect(parsed.databases).toEqual(graphs.map((one) => one.toLowerCase()));
          expect(parsed.forDatabase(to)).toBe(around(quoted(to)));
        },
      ),
    );
  });
});
