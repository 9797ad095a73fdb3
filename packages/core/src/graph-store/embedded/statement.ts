/**
 * What a statement for LadybugDB may be. Its own word for reading does not do: a read-only handle still takes COPY TO,
 * LOAD FROM any path, ATTACH and CALL, and calls LOAD and CALL read-only. Lexical rules are those of 0.19.1: no escapes
 * in back-ticks.
 */

import { statementReader } from '../reading-statement.ts';

/** The statement to send. @throws QUERY_REFUSED */
export const readingStatement = statementReader({
  lineEnds: String.raw`\n`,
  quotedName: '`[^`]*`',
  refused: new Set([
    ...['CREATE', 'MERGE', 'SET', 'DELETE', 'DETACH', 'REMOVE', 'DROP', 'ALTER', 'RENAME', 'COMMENT'],
    ...['COPY', 'LOAD', 'ATTACH', 'USE', 'EXPORT', 'IMPORT', 'INSTALL', 'UNINSTALL', 'UPDATE', 'EXTENSION'],
    ...['CALL', 'PROJECT_GRAPH', 'BEGIN', 'COMMIT', 'ROLLBACK', 'CHECKPOINT', 'EXPLAIN', 'PROFILE', 'MACRO'],
  ]),
  beforeNames: new Set(['.', ':', '|']),
});
