/** What may stand in schema.cypher: CREATE INDEX and CREATE CONSTRAINT, and nothing else. */

import { isWord, type Token, tokensOf } from './tokens.ts';

export interface SchemaStatement {
  readonly kind: 'index' | 'constraint';
  /** `RANGE` unless the statement says another; of an index alone. */
  readonly type?: string;
  readonly name?: string;
  /** Whether it asks for a key, which a uniqueness constraint does not stand in for. */
  readonly key: boolean;
  /** Without IF NOT EXISTS: the server then says what is there already, and whether it is the same. */
  readonly bare: string;
}

const INDEX_TYPES = ['RANGE', 'TEXT', 'POINT', 'FULLTEXT', 'VECTOR', 'LOOKUP'];
const FORMS = `CREATE [${INDEX_TYPES.join(' | ')}] INDEX … FOR … ON … or CREATE CONSTRAINT … FOR … REQUIRE …`;

/** Labels and names of the loader's own, which are gone before readers come. */
export const INTERNAL = /^_graphshift/i;

/** The statement, or what is wrong with it in words that go on from the place. */
export function parseSchemaStatement(text: string): SchemaStatement | string {
  const tokens = tokensOf(text);
  const head = readHead(tokens);
  if (!head) return `${shorten(text)} is not allowed; it may be ${FORMS}`;
  const { kind, type, name, condition, body } = head;
  if (name?.startsWith('$')) return `${shorten(text)} has a parameter; names are written out here`;
  const internal = tokens.find((token) => token.kind === 'name' && INTERNAL.test(token.value));
  if (internal) return `${shorten(text)} names ${internal.value}, which is the loader's own`;
  return {
    kind,
    ...(type !== undefined && { type }),
    ...(name !== undefined && { name }),
    key: kind === 'constraint' && tokens.slice(body).some((token) => isWord(token, 'KEY')),
    bare: condition === undefined ? text : without(text, tokens[condition], tokens[body - 1]),
  };
}

interface Head {
  readonly kind: SchemaStatement['kind'];
  readonly type: string | undefined;
  readonly name: string | undefined;
  /** Where IF NOT EXISTS stands, if it does. */
  readonly condition: number | undefined;
  /** Where FOR stands. */
  readonly body: number;
}

/** `CREATE [type] INDEX | CONSTRAINT [name] [IF NOT EXISTS] FOR`, or undefined. */
function readHead(tokens: readonly Token[]): Head | undefined {
  if (!isWord(tokens[0], 'CREATE')) return undefined;
  const typed = isWord(tokens[1], ...INDEX_TYPES);
  let at = typed ? 2 : 1;
  const kind = kindOf(tokens[at]);
  if (kind === undefined || (typed && kind === 'constraint')) return undefined;
  const type = typed ? tokens[1]?.value.toUpperCase() : 'RANGE';
  at++;
  const named = tokens[at]?.kind === 'name' && !isWord(tokens[at], 'IF', 'FOR', 'ON');
  const name = named ? tokens[at++]?.value : undefined;
  const conditional = ['IF', 'NOT', 'EXISTS'].every((word, index) => isWord(tokens[at + index], word));
  const condition = conditional ? at : undefined;
  if (conditional) at += 3;
  if (!isWord(tokens[at], 'FOR')) return undefined;
  return { kind, type: kind === 'index' ? type : undefined, name, condition, body: at };
}

function kindOf(token: Token | undefined): SchemaStatement['kind'] | undefined {
  if (isWord(token, 'INDEX')) return 'index';
  return isWord(token, 'CONSTRAINT') ? 'constraint' : undefined;
}

function without(text: string, from: Token | undefined, to: Token | undefined): string {
  return text.slice(0, from?.start) + text.slice(to?.end);
}

/** The beginning of a statement, on one line. */
export function shorten(text: string): string {
  const line = text.replaceAll(/\s+/g, ' ').trim();
  return line.length > 80 ? `${line.slice(0, 79)}…` : line;
}
