/** Puts batches that stand in memory, with the client of Graphshift. */

import { open } from 'node:fs/promises';
import { serveParent } from '@graphshift/core';
import { FlightClient } from '@graphshift/flight';
import { type IpcMessage, readFile } from '@graphshift/flight/ipc';
import { ownCpuSeconds } from '../process-cost.ts';
import type { PutCommands } from './put-commands.ts';

/** What goes over the same connections before the clock starts. */
const WARM_UP_BYTES = 64 * 2 ** 20;

serveParent<PutCommands>({
  put: async ({ port, file, batches: count, streams }) => {
    const [schema, ...batches] = await messagesOf(file);
    const [first] = batches;
    if (!schema || !first) throw new Error('there is no batch to put');
    const clients = Array.from({ length: streams }, () => new FlightClient({ host: '127.0.0.1', port }));
    const putAll = (each: number) =>
      Promise.all(clients.map((client) => client.put({ path: ['sink'] }, inTurns(schema, batches, each))));
    await putAll(Math.ceil(WARM_UP_BYTES / first.body.length / streams));
    const [before, cpuBefore] = [performance.now(), ownCpuSeconds()];
    await putAll(Math.floor(count / streams));
    const cost = { seconds: (performance.now() - before) / 1000, cpuSeconds: ownCpuSeconds() - cpuBefore };
    for (const client of clients) client.close();
    return cost;
  },
});

async function messagesOf(path: string): Promise<IpcMessage[]> {
  const file = await open(path);
  const messages: IpcMessage[] = [];
  try {
    for await (const message of readFile(file)) messages.push(message);
  } finally {
    await file.close();
  }
  return messages;
}

function* inTurns(schema: IpcMessage, batches: readonly IpcMessage[], count: number): Generator<IpcMessage> {
  yield schema;
  for (let sent = 0; sent < count; ) {
    const round = batches.slice(0, count - sent);
    yield* round;
    sent += round.length;
  }
}
