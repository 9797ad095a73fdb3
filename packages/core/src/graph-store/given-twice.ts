import { GraphshiftError } from '../platform/errors.ts';

/** An epoch that must be new to the store is not: Redis lost that it gave it out before. */
export function givenTwice(customer: string, epoch: number): GraphshiftError {
  return new GraphshiftError('FENCED', `${customer}: epoch ${epoch} was given to another holder before`, {
    details: { customer, epoch },
  });
}
