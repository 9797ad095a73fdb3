/** Records that do not say what the alias says are made to. */

import { alignRecords } from '../../cutover/align-records.ts';
import { databaseName } from '../../snapshot/names.ts';
import { mendHead } from './heads.ts';
import { recoverLost } from './recover-lost.ts';
import { type Bench, left, outcomeOf, type Repair, SETTLED } from './repair.ts';

/** Records follow the alias; what is called live without an alias is left to a person. */
export const mendLive: Repair = async (bench, finding) => {
  const { backend } = bench;
  const { deployments, store, wakeUps } = backend;
  const { customer = '' } = finding;
  const alias = await store.alias(customer);
  if (!alias) return left('there is no alias that says what is live');
  const done = await recoverLost(bench, customer);
  const before = await statesOf(bench, customer);
  await wakeUps.ensureHead(deployments, await alignRecords(deployments, alias));
  const after = await statesOf(bench, customer);
  for (const [id, state] of after) {
    if (before.get(id) === state) continue;
    const line = `${id} is ${state}, as alias ${customer} says`;
    await deployments.recordAction({ by: bench.by, action: `doctor: ${line}`, target: id });
    done.push(line);
  }
  const head = await mendHead(bench, finding);
  if (head.kind === 'mended') done.push(head.did);
  return outcomeOf(done);
};

async function statesOf({ backend }: Bench, customer: string): Promise<Map<string, string>> {
  const records = await backend.deployments.list({ customer, limit: Number.MAX_SAFE_INTEGER });
  return new Map(records.map(({ id, state }) => [id, state]));
}

/** What a rollback left and holds is rolled-back, whatever its record says. */
export const mendHeld: Repair = async ({ backend, by }, { customer = '', subject = '' }) => {
  const { deployments, store, wakeUps } = backend;
  const alias = await store.alias(customer);
  const record = await deployments.get(subject);
  const hold = alias?.properties.holds?.find(({ timestamp }) => timestamp === record?.timestamp);
  if (!record) return left('its content is held by nothing, and only a person knows whether it may go live');
  if (!alias || !hold || alias.properties.snapshot === record.timestamp)
    return left('the alias and its holds say two things of it');
  const { created, head } = await deployments.restore({
    customer,
    timestamp: record.timestamp,
    path: record.path,
    state: 'rolled-back',
    fields: { database: databaseName(record), contentHash: hold.contentHash, reason: hold.reason },
    detail: `doctor (${by}): the alias holds it: ${hold.reason}`,
    epoch: alias.properties.epoch,
    instead: ['live', 'replaced', 'retired'],
  });
  await wakeUps.ensureHead(deployments, head);
  return created ? { kind: 'mended', did: `${subject} is rolled-back, as the alias says` } : SETTLED;
};
