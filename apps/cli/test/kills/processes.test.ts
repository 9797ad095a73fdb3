/** The producer killed while it enqueues, the dashboard killed while it redrives: real ones, beside a worker that lives. */

import type { Point } from '@graphshift/testkit';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { FIRST, SUBJECT } from './scenarios.ts';
import { Stage } from './stage.ts';

let stage: Stage;
beforeAll(async () => {
  stage = await Stage.open();
  await stage.healthy();
});
afterAll(() => stage.close());

it('brings every snapshot live, once, whose producer was killed before, while and after recording it', async () => {
  const points: readonly Point[] = ['before discover', 'after discover', 'enqueued'];
  const customers = points.map((point) => `producer-${point.replace(' ', '-')}`);
  for (const [index, point] of points.entries()) {
    const customer = customers[index] ?? '';
    await stage.write(customer, SUBJECT);
    const plan = { runs: 'producer', deployments: { [`${customer}@${SUBJECT}`]: { point } } } as const;
    const producer = await stage.victim(plan);
    await producer.line(/^reached /);
    await stage.kill(producer);
  }
  const last = await stage.victim({ runs: 'producer', deployments: {} });
  await stage.reach(new Map(customers.map((customer) => [`${customer}@${SUBJECT}`, 'live'])));
  const audit = await stage.backend.deployments.audit();
  for (const customer of customers) {
    const loads = audit.filter(
      (entry) => entry.deployment === `${customer}@${SUBJECT}` && entry.to === 'loading',
    );
    expect([customer, loads.length]).toEqual([customer, 1]);
  }
  await stage.kill(last);
  await stage.heals();
});

it('brings every dead letter live, once, whose dashboard was killed while redriving it', async () => {
  const points: readonly Point[] = ['before dead>discovered', 'after dead>discovered', 'enqueued'];
  const ids = points.map((point) => `dashboard-${point.replace(/\W/g, '-')}@${FIRST}`);
  for (const id of ids) {
    const customer = id.slice(0, id.indexOf('@'));
    await stage.write(customer, FIRST);
    await stage.arrange(customer, { discover: FIRST, broken: true });
  }
  await stage.heals();
  const retry = (origin: string, id: string) =>
    fetch(`${origin}/api/v1/dead-letters/${encodeURIComponent(id)}/retry`, { method: 'POST' });
  const serve = async (deployments: Record<string, { point: Point }>) => {
    const dashboard = await stage.victim({ runs: 'dashboard', deployments });
    const origin = (await dashboard.line(/^serves /)).slice('serves '.length);
    return { dashboard, origin };
  };
  for (const [index, id] of ids.entries()) {
    const { dashboard, origin } = await serve({ [id]: { point: points[index] ?? 'enqueued' } });
    const answer = retry(origin, id).then(
      () => 'answered',
      () => 'cut off',
    );
    await dashboard.line(/^reached /);
    await stage.kill(dashboard);
    expect(await answer).toBe('cut off');
  }
  const { dashboard, origin } = await serve({});
  const again = await Promise.all(ids.map((id) => retry(origin, id).then(({ status }) => status)));
  // The first is dead still; the others have been started over and are not started over once more.
  expect(again[0]).toBe(200);
  expect(again.slice(1)).toEqual([409, 409]);
  await stage.reach(new Map(ids.map((id) => [id, 'live'])));
  for (const id of ids) expect((await stage.backend.deployments.get(id))?.run).toBe(2);
  await stage.kill(dashboard);
  await stage.heals();
});
