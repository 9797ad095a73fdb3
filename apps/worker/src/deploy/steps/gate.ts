import {
  type Demand,
  databaseName,
  describeShortage,
  type Estimate,
  type GateReading,
  inUnits,
  limitInWords,
  type Shortage,
  type TransitionResult,
} from '@graphshift/core';
import { type HeldDeployment, Hold } from '../deployment.ts';

/** A load that ends makes way at once, so it is worth to look again soon. */
const BUSY_SECONDS = 5;

/**
 * Reads the store's health and reserves room for one more database, and for one more load with the disk and memory of its
 * estimate. A closed gate delays without an attempt.
 */
export async function gate(held: HeldDeployment): Promise<void> {
  const database = databaseName(held.record);
  let reading = await readOpen(held);
  const estimate = await held.context.capacity.estimate(held.record);
  // A shared reading may show this database, which stands for its own room, after it was dropped.
  if (reading.room.existing.includes(database)) reading = await readOpen(held, reading.listedAt);
  let asked = await reserve(held, database, reading, estimate);
  if (asked.result.kind === 'full' || asked.result.kind === 'no-disk') {
    // Or one that was dropped to make room, with its share of the disk.
    reading = await readOpen(held, reading.listedAt);
    asked = await reserve(held, database, reading, estimate);
  }
  if (asked.result.kind !== 'ok') return refuse(held, reading, asked, estimate);
  const { max } = reading.room;
  const databases = reading.room.existing.length;
  await held.say(`gate open: ${databases} of ${max} databases${inWords(estimate)}`, {
    gate: 'open',
    databases,
    max,
    ...reading.health.percent,
    ...(estimate && { estimate }),
  });
}

interface Asked {
  readonly result: TransitionResult;
  readonly demand: Demand | undefined;
}

/** @throws Hold with what there is not enough of */
async function refuse(
  held: HeldDeployment,
  reading: OpenReading,
  { result, demand }: Asked,
  estimate: Estimate | undefined,
): Promise<void> {
  const { health_check_retry_delay: delaySeconds, max_concurrent_loads: maxLoads } =
    held.context.backend.settings.orchestrator;
  const soon = Math.min(BUSY_SECONDS, delaySeconds);
  const hold = async (gateIs: string, reason: string, seconds: number, fields = {}): Promise<never> => {
    await held.say(`gate closed: ${reason}`, { gate: gateIs, ...fields });
    throw new Hold(reason, seconds * 1000);
  };
  if (result.kind === 'full') {
    const databases = reading.room.existing.length;
    const reason = `the store has ${databases} of ${limitInWords(reading.room)}, those being loaded aside; it waits for room`;
    return hold('full', reason, delaySeconds, { databases, max: reading.room.max });
  }
  if (result.kind === 'busy') {
    const reason = `${maxLoads} loads run, as many as max_concurrent_loads allows; it waits for one to end`;
    return hold('busy', reason, soon);
  }
  if (!demand || result.kind === 'ok') return;
  // Where it waits the footers need not be read again.
  if (!held.record.estimate) await held.context.backend.deployments.note(held.record, { estimate });
  const reserved = Number(result.found);
  const { reason, never } = describeShortage(
    result.kind as Shortage,
    demand.needed,
    demand.budgets,
    reserved,
  );
  const fields = { never, reserved, ...demand.needed };
  return hold(result.kind, reason, reserved > 0 && !never ? soon : delaySeconds, fields);
}

function inWords(estimate: Estimate | undefined): string {
  if (!estimate) return '';
  const { disk, memory, seconds, rows } = estimate;
  const room = disk === undefined ? '' : `${inUnits(disk)} of disk, `;
  return `; ${rows} rows may take ${room}${inUnits(memory)} of memory, ${seconds} s`;
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
async function reserve(
  held: HeldDeployment,
  database: string,
  { room: store, listedAt, health }: OpenReading,
  estimate: Estimate | undefined,
): Promise<Asked> {
  const { existing, max } = store;
  const { capacity, holder, backend } = held.context;
  const { max_concurrent_loads: maxLoads } = backend.settings.orchestrator;
  const demand = estimate && (await capacity.demand(estimate, health, holder));
  const fields = { database, estimate, reserves: demand?.reserves, reason: undefined, dueAt: undefined };
  const room = {
    database,
    max,
    listedAt,
    ...(maxLoads !== undefined && { maxLoads }),
    ...(demand && { needs: demand.needs }),
  };
  const result = await held.enter('gated', fields, { ...room, existing: [], unnamed: existing.length });
  if (result.kind !== 'full') return { result, demand };
  return { result: await held.enter('gated', fields, { ...room, existing }), demand };
}
