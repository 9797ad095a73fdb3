/** What is wrong with a value, in this project's words where the schema has none of its own. */

import type { z } from 'zod';

/** Without a message of the schema's own. */
const SCHEMA_WORDS = /^(Invalid|Too|Unrecognized|Expected)\b/;

const KINDS: Readonly<Record<string, string>> = {
  string: 'text',
  number: 'a number',
  boolean: 'true or false',
  array: 'a list',
  object: 'a section with keys of its own',
};

export function describeProblem(issue: z.core.$ZodIssue): string {
  if (!SCHEMA_WORDS.test(issue.message)) return issue.message;
  switch (issue.code) {
    case 'too_small':
      return issue.origin === 'array' ? 'must have at least one entry' : 'must not be empty';
    case 'invalid_type':
      return `must be ${KINDS[issue.expected] ?? issue.expected}`;
    case 'invalid_value':
      return `must be one of ${issue.values.map(String).join(', ')}`;
    case 'invalid_union':
      return unionProblem(issue.errors);
    default:
      return 'is not what it may be';
  }
}

/** What each of the ways to write a value asks for; a value that is near one is told of that one. */
function unionProblem(ways: readonly (readonly z.core.$ZodIssue[])[]): string {
  const deep = ways.flat().filter(({ code }) => code !== 'invalid_type');
  const kinds = ways.flatMap(([first]) =>
    first?.code === 'invalid_type' ? [KINDS[first.expected] ?? first.expected] : [],
  );
  const [near] = deep;
  if (near) return describeProblem(near);
  return `must be ${[...new Set(kinds)].join(' or ')}`;
}
