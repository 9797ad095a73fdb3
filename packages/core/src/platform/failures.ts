import { GraphshiftError } from './errors.ts';

/**
 * Several things that are wrong as one error: its message has one line for each, its code is the first one's.
 * @param failures at least one
 */
export function combineFailures(failures: readonly [GraphshiftError, ...GraphshiftError[]]): GraphshiftError {
  const [first] = failures;
  if (failures.length === 1) return first;
  const message = failures.map((failure) => failure.message).join('\n  ');
  return new GraphshiftError(first.code, message, { cause: new AggregateError(failures) });
}

/** What was combined, or the error itself. */
export function failuresOf(error: GraphshiftError): readonly GraphshiftError[] {
  return error.cause instanceof AggregateError ? (error.cause.errors as GraphshiftError[]) : [error];
}

/** @throws what is wrong, unless nothing is */
export function throwIfAny(failures: readonly GraphshiftError[]): void {
  const [first, ...others] = failures;
  if (first) throw combineFailures([first, ...others]);
}
