import { describe, expect, it } from 'vitest';
import { type Service, ServiceStack } from './service.ts';

function recording(name: string, events: string[], fails: 'start' | 'stop' | undefined = undefined): Service {
  const act = (what: 'start' | 'stop') => async () => {
    events.push(`${what} ${name}`);
    if (fails === what) throw new Error(`${name} fails to ${what}`);
  };
  return { start: act('start'), stop: act('stop') };
}

describe('ServiceStack', () => {
  it('starts in order and stops last in, first out, once each however often it is asked', async () => {
    const events: string[] = [];
    const stack = new ServiceStack([recording('a', events), recording('b', events)]);
    await Promise.all([stack.start(), stack.start()]);
    await Promise.all([stack.stop(), stack.stop()]);
    expect(events).toEqual(['start a', 'start b', 'stop b', 'stop a']);
  });

  it('quiesces those that can be, all of them even when one fails to, and stops them afterwards', async () => {
    const events: string[] = [];
    const quiet = (name: string, act: () => Promise<void>) => ({ ...recording(name, events), quiesce: act });
    const stack = new ServiceStack([
      recording('a', events),
      quiet('b', async () => {
        throw new Error('b does not listen');
      }),
      quiet('c', async () => void events.push('quiesce c')),
    ]);
    await stack.start();
    await expect(stack.quiesce()).rejects.toThrow('b does not listen');
    await stack.stop();
    expect(events.slice(3)).toEqual(['quiesce c', 'stop c', 'stop b', 'stop a']);
  });

  it('stops what had started when one fails to, and tells why', async () => {
    const events: string[] = [];
    const stack = new ServiceStack([
      recording('a', events),
      recording('b', events, 'start'),
      recording('c', events),
    ]);
    await expect(stack.start()).rejects.toThrow('b fails to start');
    expect(events).toEqual(['start a', 'start b', 'stop a']);
  });

  it('stops all even when one fails to, and keeps the first error', async () => {
    const events: string[] = [];
    const stack = new ServiceStack([recording('a', events, 'stop'), recording('b', events, 'stop')]);
    await stack.start();
    await expect(stack.stop()).rejects.toThrow('b fails to stop');
    expect(events.slice(2)).toEqual(['stop b', 'stop a']);
  });
});
