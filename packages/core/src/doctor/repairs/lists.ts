import { parseDeploymentId } from '../../snapshot/names.ts';
import { recoverLost } from './recover-lost.ts';
import { outcomeOf, type Repair } from './repair.ts';

/** A deployment's lists are made to say what its record says. */
export const mendLists: Repair = async (bench, { subject = '' }) => {
  const { deployments } = bench.backend;
  const done: string[] = [];
  const customer = parseDeploymentId(subject)?.customer;
  // What is listed and has no record was lost: the store may know more of it than that it was there.
  if (customer !== undefined && (await deployments.known([subject])).size === 0)
    done.push(...(await recoverLost(bench, customer)));
  return outcomeOf([...done, ...(await bench.mending.lists(subject))]);
};
