/**
 * What a statement from a person may be: one reading statement. LadybugDB's own word for it does not do: a read-only
 * handle still takes COPY TO, LOAD FROM any path, ATTACH and CALL, and calls LOAD and CALL read-only.
 *
 * The text is split into tokens by LadybugDB's lexical rules (0.19.1: back-slash escapes in strings, none in
 * back-ticks, two kinds of comment). What is judged is what is sent: comments are taken out.
 */

import { GraphshiftError } from '../../platform/errors.ts';

const BEGINNINGS = ['MATCH', 'OPTIONAL', 'UNWIND', 'WITH', 'RETURN'];

/** Words that begin a clause which writes, leaves the database or changes the session. */
const REFUSED = new Set([
  ...['CREATE', 'MERGE', 'SET', 'DELETE', 'DETACH', 'REMOVE', 'DROP', 'ALTER', 'RENAME', 'COMMENT'],
  ...['COPY', 'LOAD', 'ATTACH', 'USE', 'EXPORT', 'IMPORT', 'INSTALL', 'UNINSTALL', 'UPDATE', 'EXTENSION'],
  ...['CALL', 'PROJECT_GRAPH', 'BEGIN', 'COMMIT', 'ROLLBACK', 'CHECKPOINT', 'EXPLAIN', 'PROFILE', 'MACRO'],
]);

const TOKEN =
  /(?<comment>\/\*[\s\S]*?\*\/|\/\/[^\n]*)|(?<text>'(?:[^'\\]|\\[\s\S])*'|"(?:[^"\\]|\\[\s\S])*"|`[^`]*`)|(?<word>[\p{L}_$][\p{L}\p{N}_$]*)|(?<space>\s+)|(?<other>[\s\S])/gu;

interface Token {
  readonly kind: string;
  readonly value: string;
}

/**
 * The statement to send.
 * @throws QUERY_REFUSED
 */
export function readingStatement(text: string): string {
  const tokens = tokensOf(text);
  const code = tokens.filter(({ kind }) => kind !== 'space');
  while (code.at(-1)?.value === ';') code.pop();
  const first = code[0]?.value;
  if (first === undefined) throw refused('the statement is empty');
  if (!BEGINNINGS.includes(first.toUpperCase())) throw refused(`a statement does not begin with ${first}`);
  for (const [index, token] of code.entries()) judge(token, code[index - 1]?.value);
  return tokens
    .map(({ value }) => value)
    .join('')
    .replace(/[;\s]+$/, '');
}

/** Comments become spaces. */
function tokensOf(text: string): Token[] {
  return [...text.matchAll(TOKEN)].map(({ 0: value, groups = {} }) => {
    if (groups.comment !== undefined) return { kind: 'space', value: ' ' };
    const kind = Object.keys(groups).find((name) => groups[name] !== undefined) ?? 'other';
    return { kind, value };
  });
}

function judge(token: Token, before: string | undefined): void {
  if (token.kind === 'other') refuseCharacter(token.value);
  if (token.kind !== 'word' || !REFUSED.has(token.value.toUpperCase())) return;
  // After one of these it is a property, label or type.
  if (before === '.' || before === ':' || before === '|') return;
  throw refused(`${token.value} is not for reading; a name of that sort goes into back-ticks`);
}

function refuseCharacter(character: string): void {
  if (character === ';') throw refused('the text holds more than one statement');
  if (character === "'" || character === '"' || character === '`')
    throw refused(`a ${character} is opened and not closed`);
}

function refused(problem: string): GraphshiftError {
  return new GraphshiftError('QUERY_REFUSED', `query refused: ${problem}`);
}
