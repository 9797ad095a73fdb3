/**
 * What a statement for Neo4j may be. The server refuses writing in a reading transaction; it does not refuse CALL of what
 * changes the server, LOAD CSV from any address, or USE of another database. So the text is looked at first, and the
 * plan that the server makes of it second.
 */

import type { Plan } from 'neo4j-driver';
import { refused, statementReader } from '../reading-statement.ts';

/** Procedures that read this database and nothing else. */
const READING =
  /^db\.(labels|relationshipTypes|propertyKeys|info|schema\.\w+|index\.(fulltext|vector)\.query\w+)$/;

/** The statement to send. @throws QUERY_REFUSED */
export const readingStatement = statementReader({
  lineEnds: String.raw`\n\r`,
  quotedName: '`(?:[^`]|``)*`',
  refused: new Set([
    ...['CREATE', 'INSERT', 'MERGE', 'SET', 'DELETE', 'DETACH', 'NODETACH', 'REMOVE', 'FOREACH', 'DROP'],
    ...['ALTER', 'LOAD', 'USE', 'GRANT', 'DENY', 'REVOKE', 'TERMINATE', 'EXPLAIN', 'PROFILE', 'FINISH'],
  ]),
  beforeNames: new Set(['.', ':', '|', '&']),
  // The server turns \uXXXX into its character before it looks for the end of a text.
  textProblem: (text) =>
    /\\u+00(0a|0d|22|27|5c|60)/i.test(text) ? 'a quote or a back-slash is not written as \\u00…' : undefined,
  characterProblem: (character) => (character === '\\' ? 'a back-slash stands outside a text' : undefined),
});

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
