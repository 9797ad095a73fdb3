import { closest, distance } from 'fastest-levenshtein';

/** More changed letters than this are another word. */
const NEAR = 4;

/** `; did you mean …?` where something close is known, else the list of what is. */
export function suggestion(name: string, known: readonly string[]): string {
  const begun = name.length < 3 ? undefined : known.find((candidate) => candidate.startsWith(name));
  const nearest = begun ?? near(name, known, NEAR);
  return nearest === undefined ? `; known are ${known.join(', ')}` : `; did you mean ${nearest}?`;
}

/** The known name that is at most so many letters away, or undefined. */
export function near(name: string, known: readonly string[], letters: number): string | undefined {
  if (known.length === 0) return undefined;
  const nearest = closest(name, [...known]);
  return distance(name, nearest) <= letters ? nearest : undefined;
}
