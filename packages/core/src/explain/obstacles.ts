/** What keeps any deployment from going on, the nearest first: one that cannot be taken needs no gate. */

import { type Verdict, verdict } from './explanation.ts';
import type { ExplainPicture } from './picture.ts';

export function pinned({ alias, customer }: ExplainPicture): Verdict | undefined {
  const pin = alias?.properties.pin;
  if (!pin) return undefined;
  const why = `${customer} is pinned to snapshot ${alias.properties.snapshot} since ${pin.since}: ${pin.reason}`;
  return verdict('pinned', why, `\`graphshift unpin ${customer}\`, when it may pass.`);
}

/** Nobody takes jobs. */
export function notTaken({ queuePaused, workers }: ExplainPicture): Verdict | undefined {
  if (queuePaused)
    return verdict(
      'queue-paused',
      'the queue deploy is paused',
      'Resume it in Bull Board, on the dashboard.',
    );
  if (workers > 0) return undefined;
  return verdict('no-worker', 'no worker is alive', 'Start one: `graphshift worker`, or `graphshift up`.');
}

/** The store would let nothing new in. */
export function gateClosed({ gate }: ExplainPicture): Verdict | undefined {
  if (!gate.reachable)
    return verdict(
      'store-unreachable',
      gate.closed ?? 'the store does not answer',
      'Check that the graph store runs and store.url is right.',
    );
  if (gate.closed === undefined) return undefined;
  const action =
    'Relieve the store of what the reading names, or raise that threshold; it is asked again by itself.';
  return verdict('gate-closed', `the gate is closed: ${gate.closed}`, action);
}
