/**
 * A privilege as `SHOW PRIVILEGES AS COMMANDS` writes it, and the same for another database. It is read word by word: a
 * database's name can be part of another's, and can stand in a role's name, a property's or a pattern's text too.
 */

import { quoteName } from '../names.ts';
import { isWord, literally, type Token, tokensOf } from './tokens.ts';

export interface PrivilegeCommand {
  /** Names of the databases or graphs that it is for, in lower case; none where it is for all, for the home or for the server. */
  readonly databases: readonly string[];
  readonly immutable: boolean;
  /** The same privilege for this database alone, as a statement; only where it is for named ones. */
  forDatabase(database: string): string;
  /** The same text for two commands that give this database the same, however they are quoted. */
  normal(database: string): string;
}

const NAMED_SCOPES = ['GRAPH', 'GRAPHS', 'DATABASE', 'DATABASES'];
const OTHER_SCOPES = ['HOME', 'DEFAULT', 'DBMS', 'ALL', 'CIDR', 'URL'];

/** @throws SyntaxError for what is no GRANT or DENY */
export function parsePrivilege(command: string): PrivilegeCommand {
  const tokens = tokensOf(command);
  if (!isWord(tokens[0], 'GRANT', 'DENY')) throw new SyntaxError('it is neither GRANT nor DENY');
  const on = findScope(tokens);
  if (on === -1) throw new SyntaxError('it does not say ON what');
  const { names, next } = isWord(tokens[on + 1], ...NAMED_SCOPES)
    ? readNames(tokens, on + 2)
    : { names: [], next: on + 2 };
  const [start, end] = [tokens[on + 2]?.start ?? 0, tokens[next - 1]?.end ?? 0];
  const values = (from: number, to?: number) => tokens.slice(from, to).map(({ value }) => value);
  return {
    databases: names,
    immutable: isWord(tokens[1], 'IMMUTABLE'),
    forDatabase: (database) =>
      literally(`${command.slice(0, start)}${quoteName(database)}${command.slice(end)}`),
    normal: (database) => {
      // GRAPHS and GRAPH are one.
      const scope = tokens[on + 1]?.value.toUpperCase().replace(/S$/, '');
      return JSON.stringify([values(0, on), scope, database.toLowerCase(), values(next)]);
    },
  };
}

/** Where the `ON` stands that the scope follows; braces and parentheses hold properties and users. */
function findScope(tokens: readonly Token[]): number {
  let depth = 0;
  return tokens.findIndex((token, index) => {
    if (token.kind === 'sign' && '({['.includes(token.raw)) depth++;
    if (token.kind === 'sign' && ')}]'.includes(token.raw)) depth--;
    return depth === 0 && isWord(token, 'ON') && isWord(tokens[index + 1], ...NAMED_SCOPES, ...OTHER_SCOPES);
  });
}

/** Names apart at commas, each of parts apart at dots; none for `*`. `next`: the token behind them. */
function readNames(
  tokens: readonly Token[],
  first: number,
): { readonly names: readonly string[]; readonly next: number } {
  const names: string[] = [];
  for (let at = first; ; at += 2) {
    let name = nameAt(tokens, at);
    for (; tokens[at + 1]?.raw === '.'; at += 2) name += `.${nameAt(tokens, at + 2)}`;
    if (tokens[at]?.raw === '*') return { names: [], next: at + 1 };
    names.push(name.toLowerCase());
    if (tokens[at + 1]?.raw !== ',') return { names, next: at + 1 };
  }
}

function nameAt(tokens: readonly Token[], at: number): string {
  const token = tokens[at];
  if (token?.kind === 'name' || token?.raw === '*') return token.value;
  throw new SyntaxError('it does not name the databases that it is for');
}
