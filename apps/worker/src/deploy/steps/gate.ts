import { databaseName } from '@graphshift/core';
import { type HeldDeployment, Hold } from '../deployment.ts';

/** Reads the store's health and reserves room for one more database; a closed gate delays without an attempt. */
export async function gate(held: HeldDeployment): Promise<void> {
  const { backend, gate: storeGate } = held.context;
  const { health_check_retry_delay: delaySeconds, max_databases: max } = backend.settings.orchestrator;
  const reading = await storeGate.read();
  const percent = reading.health?.percent ?? {};
  if (!reading.open) {
    await held.say(`gate closed: ${reading.reason}`, { gate: 'closed', ...percent });
    throw new Hold(reading.reason, delaySeconds * 1000);
  }
  const database = databaseName(held.record);
  const passed = await held.advance(
    'gated',
    { database, reason: undefined, dueAt: undefined },
    { database, existing: reading.existing, max, listedAt: reading.listedAt },
  );
  if (passed === 'full') {
    const reason = `the store has ${reading.existing.length} of at most ${max} databases, those being loaded aside; it waits for room`;
    await held.say(`gate closed: ${reason}`, { gate: 'full', databases: reading.existing.length, max });
    throw new Hold(reason, delaySeconds * 1000);
  }
  await held.say(`gate open: ${reading.existing.length} of ${max} databases`, {
    gate: 'open',
    databases: reading.existing.length,
    max,
    ...percent,
  });
}
