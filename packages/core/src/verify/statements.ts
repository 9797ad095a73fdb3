/** A statement of a file of Cypher, with the line it begins on, from 1. */
export interface Statement {
  readonly line: number;
  readonly text: string;
}

/** What a semicolon inside of does not end a statement; the last alternative takes what is none of these. */
const TOKEN =
  /\/\/[^\n]*|\/\*[\s\S]*?\*\/|'(?:\\[\s\S]|[^'\\])*'|"(?:\\[\s\S]|[^"\\])*"|`(?:``|[^`])*`|[\s\S]/g;

/** The statements of a text, apart at semicolons; comments go, empty statements too. */
export function splitStatements(text: string): Statement[] {
  const statements: Statement[] = [];
  let [current, line, startLine] = ['', 1, 1];
  const end = () => {
    if (current.trim() !== '') statements.push({ line: startLine, text: current.trim() });
    current = '';
  };
  for (const [token] of text.matchAll(TOKEN)) {
    const comment = token.startsWith('//') || token.startsWith('/*');
    if (current.trim() === '') startLine = line;
    if (token === ';') end();
    else current += comment ? ' ' : token;
    line += token.split('\n').length - 1;
  }
  end();
  return statements;
}
