import { findBrowser, NO_BROWSER } from '@graphshift/testkit';
import { type Browser, chromium, type Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { addDead, open, openDesk } from './open-dashboard.ts';

const program = findBrowser();

describe.skipIf(program === undefined)(
  `in a real browser${program === undefined ? ` (NOT RUN: ${NO_BROWSER})` : ''}`,
  () => {
    let browser: Browser;
    let page: Page;

    beforeAll(async () => {
      browser = await chromium.launch({
        executablePath: program ?? '',
        args: [
          '--no-sandbox',
          '--disable-gpu',
          '--disable-background-networking',
          '--disable-component-update',
          '--disable-sync',
          '--no-first-run',
        ],
      });
    });
    afterAll(() => browser?.close());
    beforeEach(async () => {
      page = await browser.newPage();
    });
    afterEach(() => page.close());

    it("a dead letter's Retry button starts the deployment over with fresh attempts", async () => {
      const { backend, url } = await open();
      const id = await addDead(backend, 'acme', 'id 7 stands twice in part-0.parquet');
      await openDesk(backend);
      await page.goto(`${url}/queues/queue/dead-letter?status=failed`);
      await page.getByText('id 7 stands twice in part-0.parquet').first().waitFor();
      // An icon without a name: the first of the actions in the job's own list.
      await page.locator('li button:has(.lucide-refresh-cw)').first().click();
      await confirmIfAsked(page);
      await vi.waitFor(async () => {
        expect(await backend.deployments.get(id)).toMatchObject({ state: 'queued', run: 2, attempts: 0 });
      }, 60_000);
    });

    it('Retry all starts every dead deployment over', async () => {
      const { backend, url } = await open();
      const ids = [await addDead(backend, 'acme', 'one'), await addDead(backend, 'beta', 'two')];
      await openDesk(backend);
      await page.goto(`${url}/queues/queue/dead-letter?status=failed`);
      await page.getByRole('button', { name: 'Retry all' }).first().click();
      await confirmIfAsked(page);
      await vi.waitFor(async () => {
        for (const id of ids)
          expect(await backend.deployments.get(id)).toMatchObject({ state: 'queued', run: 2 });
      }, 60_000);
    });

    it('Bull Board works from its own files alone, and says what it may not do', async () => {
      const { backend, url } = await open();
      await addDead(backend, 'acme', 'id 7 stands twice in part-0.parquet');
      await openDesk(backend);
      const complaints: string[] = [];
      const elsewhere: string[] = [];
      page.on('console', (message) => message.type() === 'error' && complaints.push(message.text()));
      page.on('pageerror', (error) => complaints.push(error.message));
      page.on('request', (request) => request.url().startsWith(url) || elsewhere.push(request.url()));
      await page.goto(`${url}/queues/queue/dead-letter?status=failed`);
      await page.getByText('acme@1700000000 · NODE_ID_DUPLICATE').first().waitFor();
      await page.getByText('id 7 stands twice in part-0.parquet').first().waitFor();
      expect(complaints).toEqual([]);
      expect(elsewhere.filter((address) => !address.startsWith('data:'))).toEqual([]);
      await page.locator('li button:has(.lucide-trash-2, .lucide-trash)').first().click();
      await confirmIfAsked(page);
      await page.getByText('allowed are retry, promote, pause and resume').waitFor();
      expect(await backend.letters.queue.getFailedCount()).toBe(1);
    });

    it('the page shows deployments, and nothing from a snapshot as markup', async () => {
      const { backend, url } = await open();
      await addDead(backend, 'acme', '<img src=x onerror="document.title=\'broken\'"> is no id');
      await backend.instances.beat({
        ...({ id: 'worker-9', kind: 'worker', state: 'running', host: 'h', pid: 1, version: '1' } as const),
        ...{
          capacity: 2,
          active: 1,
          busyMs: 0,
          uptimeMs: 1,
          deployments: ['acme@7'],
          chunks: ['giant@8#3'],
          memory: 64 * 2 ** 20,
        },
      });
      const complaints: string[] = [];
      page.on('console', (message) => message.type() === 'error' && complaints.push(message.text()));
      await page.goto(url);
      await page.getByText('<img src=x').first().waitFor();
      expect(await page.title()).toBe('Graphshift');
      expect(await page.locator('#health').textContent()).toMatch(/^DEGRADED score \d+$/);
      expect(await page.locator('#reasons').textContent()).toContain('1 dead letter');
      expect(await page.locator('#instances').textContent()).toBe('worker-9workerrunningacme@7, giant@8#364');
      expect(await page.locator('#work').textContent()).toBe(
        '2 loads at once, 0 completed, 1 failed, success 0.0 %',
      );
      expect(complaints.filter((text) => !text.includes('favicon'))).toEqual([]);
    });
  },
);

/** Bull Board asks before some actions. */
async function confirmIfAsked(page: Page): Promise<void> {
  const confirm = page.getByRole('button', { name: /^(confirm|ok|yes)$/i });
  await confirm.or(page.locator('body')).first().waitFor();
  if (await confirm.isVisible()) await confirm.click();
}
