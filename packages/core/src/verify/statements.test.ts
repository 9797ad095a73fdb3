import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { splitStatements } from './statements.ts';

describe('splitStatements', () => {
  it('splits at semicolons, drops comments and says the line that each begins on', () => {
    const text = `// first
MATCH (n) RETURN count(n) > 0;

/* a
   comment; */ MATCH (n {name: 'a;b'}) RETURN true; ;
RETURN "it's; fine" <> '' // no semicolon at the end`;
    expect(splitStatements(text)).toEqual([
      { line: 2, text: 'MATCH (n) RETURN count(n) > 0' },
      { line: 5, text: "MATCH (n {name: 'a;b'}) RETURN true" },
      { line: 6, text: `RETURN "it's; fine" <> ''` },
    ]);
  });

  it('takes quotes with escapes, back-ticks, and what is never closed', () => {
    expect(
      splitStatements("RETURN 'a\\'; b'; RETURN `x;``y`; RETURN 'open; ").map(({ text }) => text),
    ).toEqual(["RETURN 'a\\'; b'", 'RETURN `x;``y`', "RETURN 'open"]);
    expect(splitStatements(' \n ; // nothing')).toEqual([]);
  });

  it('gives back every statement that has neither quotes nor comments', () => {
    const statement = fc.stringMatching(/^[A-Z][a-z ()=<>0-9\n]{0,20}[a-z)]$/);
    fc.assert(
      fc.property(fc.array(statement, { maxLength: 6 }), (statements) => {
        expect(splitStatements(statements.join(';\n')).map(({ text }) => text)).toEqual(
          statements.map((one) => one.trim()),
        );
      }),
    );
  });
});
