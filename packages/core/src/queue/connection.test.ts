import { Redis } from 'ioredis';
import { expect, it } from 'vitest';
import { asGraphshiftError, messageOf } from '../platform/errors.ts';

it('says of a command that was given up that Redis does not answer, and not how its client is set', async () => {
  // Nothing listens there.
  const redis = new Redis({ host: '127.0.0.1', port: 1, maxRetriesPerRequest: 0, retryStrategy: () => 1 });
  redis.on('error', () => {});
  try {
    const error: unknown = await redis.get('a').catch((thrown: unknown) => thrown);
    expect((error as Error).message).toMatch(/max retries per request/);
    expect(messageOf(error)).toBe('Redis does not answer');
    expect(asGraphshiftError(error)).toMatchObject({
      code: 'REDIS_UNREACHABLE',
      message: 'Redis does not answer',
      cause: error,
    });
  } finally {
    redis.disconnect();
  }
});
