import { expect, test } from 'vitest';
import { type ArrowOffer, askArrowOffer, chooseLoader } from './loader-choice.ts';

const row = { enabled: true, running: true, versions: ['v1', 'v2'], listenAddress: '10.0.0.5:8491' };
const offerOf = (change: object) => askArrowOffer(async () => [{ ...row, ...change }], 'graphs.example');
const address = (host: string, port: number) => ({ offered: true, address: { host, port } });

test.each([
  [{}, address('10.0.0.5', 8491)],
  [{ listenAddress: 'localhost:8491' }, address('graphs.example', 8491)],
  [{ listenAddress: '0.0.0.0:1' }, address('graphs.example', 1)],
  [{ listenAddress: ':8491' }, address('graphs.example', 8491)],
  [{ listenAddress: '[::]:8491' }, address('graphs.example', 8491)],
  [{ listenAddress: '[fe80::1]:8491' }, address('fe80::1', 8491)],
  [{ versions: undefined }, address('10.0.0.5', 8491)],
  [{ enabled: false }, { offered: false, why: expect.stringContaining('gds.arrow.enabled') }],
  [{ running: false }, { offered: false, why: expect.stringContaining('does not run') }],
  [{ versions: ['v2'] }, { offered: false, why: 'its Arrow Flight speaks v2; v1 is needed' }],
  [
    { listenAddress: 'nowhere' },
    { offered: false, why: expect.stringContaining('"nowhere"; it may be HOST:PORT') },
  ],
])('a server that says %j', async (change, offer) => {
  expect(await offerOf(change)).toEqual(offer);
});

test('an error that is not about the procedure is no answer', async () => {
  await expect(askArrowOffer(() => Promise.reject(new Error('connection lost')), 'x')).rejects.toThrow(
    'lost',
  );
});

test('the setting decides; auto takes what there is and says so; arrow falls back to nothing', () => {
  const offered: ArrowOffer = { offered: true, address: { host: 'h', port: 8491 } };
  const not: ArrowOffer = { offered: false, why: 'it is turned off' };
  expect(chooseLoader('bolt', offered).loader).toBe('bolt');
  expect(chooseLoader('auto', undefined).loader).toBe('bolt');
  expect(chooseLoader('auto', offered)).toEqual({
    loader: 'arrow',
    address: { host: 'h', port: 8491 },
    says: 'rows go over Arrow Flight at h:8491: the server offers it',
  });
  expect(chooseLoader('arrow', offered).loader).toBe('arrow');
  expect(chooseLoader('auto', not).says).toBe('rows go over Bolt, not over Arrow Flight: it is turned off');
  expect(() => chooseLoader('arrow', not)).toThrow('store.loader is arrow, and it is turned off');
});
