import { once } from 'node:events';
import { createServer } from 'node:net';
import { settingsSchema } from '@graphshift/core';

/**
 * The port that the dashboard will take: the one asked for, else the usual one, else a free one.
 * A port that a person names is not exchanged for another; the dashboard says when it is taken.
 */
export async function choosePort(asked: number | undefined): Promise<number> {
  if (asked !== undefined) return asked;
  const usual = settingsSchema.parse({}).dashboard.port;
  return (await tryPort(usual)) ?? (await tryPort(0)) ?? usual;
}

/** @param port 0 for any free one @returns the port that could be listened on, or undefined when it is taken. */
async function tryPort(port: number): Promise<number | undefined> {
  const server = createServer();
  try {
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    return typeof address === 'object' ? address?.port : undefined;
  } catch {
    return undefined;
  } finally {
    server.close();
  }
}
