/** The words of a Cypher command, for looking at administrative statements without rewriting what is inside of quotes. */

export interface Token {
  /** `name` is an identifier or keyword, quoted or not; `text` a string literal; `sign` one other character. */
  readonly kind: 'name' | 'text' | 'sign';
  /** As it stands in the command. */
  readonly raw: string;
  /** Of a name: what it names. Else as `raw`. */
  readonly value: string;
  /** A quoted name is never a keyword. */
  readonly quoted: boolean;
  /** Where it begins and ends in the command. */
  readonly start: number;
  readonly end: number;
}

const PASSED_OVER = /\s+|\/\/[^\n]*|\/\*[\s\S]*?\*\//y;
const QUOTED = /`((?:``|[^`])*)`/y;
const PLAIN = /[\p{L}_$][\p{L}\p{N}_]*/uy;
const TEXT = /'(?:\\[\s\S]|[^'\\])*'|"(?:\\[\s\S]|[^"\\])*"/y;

export function tokensOf(command: string): Token[] {
  const tokens: Token[] = [];
  const match = (pattern: RegExp, at: number): RegExpExecArray | null => {
    pattern.lastIndex = at;
    return pattern.exec(command);
  };
  for (let start = 0; start < command.length; ) {
    const passed = match(PASSED_OVER, start);
    if (passed) {
      start += passed[0].length;
      continue;
    }
    const quoted = match(QUOTED, start);
    const found = quoted ?? match(PLAIN, start) ?? match(TEXT, start);
    const raw = found?.[0] ?? command.charAt(start);
    const end = start + raw.length;
    const kind = !found ? 'sign' : /^['"]/.test(raw) ? 'text' : 'name';
    const value = quoted ? (quoted[1] ?? '').replaceAll('``', '`') : raw;
    tokens.push({ kind, raw, value, quoted: quoted !== null, start, end });
    start = end;
  }
  return tokens;
}

/** Whether the token is one of these keywords, which are in capitals. */
export function isWord(token: Token | undefined, ...words: readonly string[]): boolean {
  return token?.kind === 'name' && !token.quoted && words.includes(token.value.toUpperCase());
}

/**
 * A command that the server wrote, as text that it reads back the same. It quotes names but writes a backslash in them as
 * it is, and reads `\u0060` anywhere as the character: a label of that name would end its own quotes.
 */
export function literally(command: string): string {
  return command.replaceAll('\\', '\\u005C');
}
