/**
 * What a statement from a person may be: one reading statement. The text is split into tokens by the lexical rules that
 * the dialects of Cypher share, back-slash escapes in strings and two kinds of comment. What is judged is what is sent:
 * comments are taken out.
 */

import { GraphshiftError } from '../platform/errors.ts';

/** Where stores differ. */
export interface ReadingDialect {
  /** A comment from `//` ends before one of these characters, as in a class of a regular expression. */
  readonly lineEnds: string;
  /** A name in back-ticks, as in a regular expression. */
  readonly quotedName: string;
  /** Words, in capitals, that begin a clause which writes, leaves the database or changes the session. */
  readonly refused: ReadonlySet<string>;
  /** After one of these characters such a word is a property, label or type. */
  readonly beforeNames: ReadonlySet<string>;
  /** What is wrong with a string or a name in back-ticks, where the store reads them in its own way. */
  readonly textProblem?: (text: string) => string | undefined;
  /** What is wrong with a character that stands outside of words, strings and names, apart from what none takes. */
  readonly characterProblem?: (character: string) => string | undefined;
}

const BEGINNINGS: ReadonlySet<string> = new Set(['MATCH', 'OPTIONAL', 'UNWIND', 'WITH', 'RETURN']);

interface Token {
  readonly kind: string;
  readonly value: string;
}

/** @returns gives the statement to send; it throws QUERY_REFUSED */
export function statementReader(dialect: ReadingDialect): (text: string) => string {
  const pattern = new RegExp(
    String.raw`(?<comment>\/\*[\s\S]*?\*\/|\/\/[^${dialect.lineEnds}]*)|(?<text>'(?:[^'\\]|\\[\s\S])*'|"(?:[^"\\]|\\[\s\S])*"|${dialect.quotedName})|(?<word>[\p{L}_$][\p{L}\p{N}_$]*)|(?<space>\s+)|(?<other>[\s\S])`,
    'gu',
  );
  return (text) => {
    const tokens = tokensOf(text, pattern);
    const code = tokens.filter(({ kind }) => kind !== 'space');
    while (code.at(-1)?.value === ';') code.pop();
    const first = code[0]?.value;
    if (first === undefined) throw refused('the statement is empty');
    if (!BEGINNINGS.has(first.toUpperCase())) throw refused(`a statement does not begin with ${first}`);
    for (const [index, token] of code.entries()) judge(token, code[index - 1]?.value, dialect);
    return tokens
      .map(({ value }) => value)
      .join('')
      .replace(/[;\s]+$/, '');
  };
}

/** Comments become spaces. */
function tokensOf(text: string, pattern: RegExp): Token[] {
  return [...text.matchAll(pattern)].map(({ 0: value, groups = {} }) => {
    if (groups.comment !== undefined) return { kind: 'space', value: ' ' };
    const kind = Object.keys(groups).find((name) => groups[name] !== undefined) ?? 'other';
    return { kind, value };
  });
}

function judge({ kind, value }: Token, before: string | undefined, dialect: ReadingDialect): void {
  const problem =
    kind === 'other'
      ? characterProblem(value, dialect)
      : kind === 'text'
        ? dialect.textProblem?.(value)
        : undefined;
  if (problem !== undefined) throw refused(problem);
  if (kind !== 'word' || !dialect.refused.has(value.toUpperCase())) return;
  if (before !== undefined && dialect.beforeNames.has(before)) return;
  throw refused(`${value} is not for reading; a name of that sort goes into back-ticks`);
}

function characterProblem(character: string, dialect: ReadingDialect): string | undefined {
  if (character === ';') return 'the text holds more than one statement';
  if (character === "'" || character === '"' || character === '`')
    return `a ${character} is opened and not closed`;
  return dialect.characterProblem?.(character);
}

export function refused(problem: string): GraphshiftError {
  return new GraphshiftError('QUERY_REFUSED', `query refused: ${problem}`);
}
