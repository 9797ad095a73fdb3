import { databaseName, type GateReading, limitInWords } from '@graphshift/core';
import { type HeldDeployment, Hold } from '../deployment.ts';

/** A load that ends makes way at once, so it is worth to look again soon. */
const BUSY_SECONDS = 5;

/**
 * Reads the store's health and reserves room for one more database, and for one more load. A closed gate delays
 * without an attempt.
 */
export async function gate(held: HeldDeployment): Promise<void> {
  const { settings } = held.context.backend;
  const { health_check_retry_delay: delaySeconds } = settings.orchestrator;
  const database = databaseName(held.record);
  let reading = await readOpen(held);
  // A shared reading may show this database, which stands for its own room, after it was dropped.
  if (reading.room.existing.includes(database)) reading = await readOpen(held, reading.listedAt);
  let passed = await reserve(held, database, reading);
  if (passed === 'full') {
    // Or one that was dropped to make room.
    reading = await readOpen(held, reading.listedAt);
    passed = await reserve(held, database, reading);
  }
  const { max } = reading.room;
  const databases = reading.room.existing.length;
  if (passed === 'full') {
    const reason = `the store has ${databases} of ${limitInWords(reading.room)}, those being loaded aside; it waits for room`;
    await held.say(`gate closed: ${reason}`, { gate: 'full', databases, max });
    throw new Hold(reason, delaySeconds * 1000);
  }
  if (passed === 'busy') {
    const reason = `${settings.orchestrator.max_concurrent_loads} loads run, as many as max_concurrent_loads allows; it waits for one to end`;
    await held.say(`gate closed: ${reason}`, { gate: 'busy' });
    throw new Hold(reason, Math.min(BUSY_SECONDS, delaySeconds) * 1000);
  }
  await held.say(`gate open: ${databases} of ${max} databases`, {
    gate: 'open',
    databases,
    max,
    ...reading.health.percent,
  });
}

type OpenReading = Extract<GateReading, { open: true }>;

/** @throws Hold while the gate is closed */
async function readOpen(held: HeldDeployment, newerThan?: number): Promise<OpenReading> {
  const { backend, gate: storeGate } = held.context;
  const reading = await storeGate.read(newerThan === undefined ? {} : { newerThan });
  if (reading.open) return reading;
  await held.say(`gate closed: ${reading.reason}`, { gate: 'closed', ...reading.health.percent });
  throw new Hold(reading.reason, backend.settings.orchestrator.health_check_retry_delay * 1000);
}

/**
 * By the number of databases first: one that is reserved and listed counts twice, which errs on the safe side. Only where
 * that leaves no room are the names compared, thousands of them perhaps.
 */
async function reserve(held: HeldDeployment, database: string, { room: store, listedAt }: OpenReading) {
  const { existing, max } = store;
  const { max_concurrent_loads: maxLoads } = held.context.backend.settings.orchestrator;
  const fields = { database, reason: undefined, dueAt: undefined };
  const room = { database, max, listedAt, ...(maxLoads !== undefined && { maxLoads }) };
  const passed = await held.advance('gated', fields, { ...room, existing: [], unnamed: existing.length });
  return passed === 'full' ? held.advance('gated', fields, { ...room, existing }) : passed;
}
