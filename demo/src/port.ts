import { once } from 'node:events';
import { createServer } from 'node:net';
import { settingsSchema } from '@graphshift/core';

/**
 * The port that the dashboard will take: the one asked for, else the usual one, else a free one.
 * A port that a person names is not exchanged for another; the dashboard says when it is taken.
 * @param asked 0 for any free one
 */
export async function choosePort(asked: number | undefined): Promise<number> {
  if (asked !== undefined && asked !== 0) return asked;
  const usual = settingsSchema.parse({}).dashboard.port;
  return (asked === undefined ? await tryPort(usual) : undefined) ?? (await tryPort(0)) ?? usual;
}

/** The port that could be listened on, or undefined when it is taken. */
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
