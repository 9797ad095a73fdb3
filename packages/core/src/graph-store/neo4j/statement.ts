/**
 * What a statement from a person may be: one reading statement. The server refuses writing in a reading transaction; it
 * does not refuse CALL of what changes the server, LOAD CSV from any address, or USE of another database. So the text is
 * looked at first, and the plan that the server makes of it second.
 *
 * The text is split into tokens by Cypher's lexical rules; what is sent is what was judged, with comments taken out.
 */

import type { Plan } from 'neo4j-driver';
import { GraphshiftError } from '../../platform/errors.ts';

const BEGINNINGS = new Set(['MATCH', 'OPTIONAL', 'UNWIND', 'WITH', 'RETURN']);

/** Words that begin a clause which writes or leaves the database; each may be a name in back-ticks. */
const REFUSED = new Set([
  ...['CREATE', 'INSERT', 'MERGE', 'SET', 'DELETE', 'DETACH', 'NODETACH', 'REMOVE', 'FOREACH', 'DROP'],
  ...['ALTER', 'LOAD', 'USE', 'GRANT', 'DENY', 'REVOKE', 'TERMINATE', 'EXPLAIN', 'PROFILE', 'FINISH'],
]);

/** Procedures that read this database and nothing else. */
const READING =
  /^db\.(labels|relationshipTypes|propertyKeys|info|schema\.\w+|index\.(fulltext|vector)\.query\w+)$/;

const TOKEN =
  /(?<comment>\/\*[\s\S]*?\*\/|\/\/[^\n\r]*)|(?<text>'(?:[^'\\]|\\[\s\S])*'|"(?:[^"\\]|\\[\s\S])*"|`(?:[^`]|``)*`)|(?<word>[\p{L}_$][\p{L}\p{N}_$]*)|(?<space>\s+)|(?<other>[\s\S])/gu;

interface Token {
  readonly kind: string;
  readonly value: string;
}

/** The statement to send. @throws QUERY_REFUSED */
export function readingStatement(text: string): string {
  const tokens = tokensOf(text);
  const code = tokens.filter(({ kind }) => kind !== 'space');
  while (code.at(-1)?.value === ';') code.pop();
  const first = code[0]?.value;
  if (first === undefined) throw refused('the statement is empty');
  if (!BEGINNINGS.has(first.toUpperCase())) throw refused(`a statement does not begin with ${first}`);
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

function judge({ kind, value }: Token, before: string | undefined): void {
  if (kind === 'other') refuseCharacter(value);
  // The server turns \uXXXX into its character before it looks for the end of a text.
  if (kind === 'text' && /\\u+00(0a|0d|22|27|5c|60)/i.test(value))
    throw refused('a quote or a back-slash is not written as \\u00…');
  if (kind !== 'word' || !REFUSED.has(value.toUpperCase())) return;
  // After one of these it is a property, label or type.
  if (before === '.' || before === ':' || before === '|' || before === '&') return;
  throw refused(`${value} is not for reading; a name of that sort goes into back-ticks`);
}

function refuseCharacter(character: string): void {
  if (character === ';') throw refused('the text holds more than one statement');
  if (character === '\\') throw refused('a back-slash stands outside a text');
  if (character === "'" || character === '"' || character === '`')
    throw refused(`a ${character} is opened and not closed`);
}

/** @throws QUERY_REFUSED for a plan that does more than read this database */
export function judgePlan(plan: Plan | false, queryType: string): void {
  if (queryType !== 'r') throw refused('it does more than read');
  const waiting = plan ? [plan] : [];
  for (let one = waiting.pop(); one; one = waiting.pop()) {
    waiting.push(...(one.children as Plan[]));
    if (/^LoadCSV/i.test(one.operatorType)) throw refused('LOAD CSV reads files and addresses');
    if (!/^ProcedureCall/i.test(one.operatorType)) continue;
    const name = /([A-Za-z_][\w.]*)\s*\(/.exec(String(one.arguments.Details ?? ''))?.[1] ?? '';
    if (!READING.test(name))
      throw refused(`procedure ${name || 'of that name'} is not among those that only read a database`);
  }
}

function refused(problem: string): GraphshiftError {
  return new GraphshiftError('QUERY_REFUSED', `query refused: ${problem}`);
}
