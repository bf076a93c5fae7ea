// SPDX-License-Identifier: GPL-3.0-or-later
import type { BrowserContext, Page, Request } from 'playwright-core';
import { describe, expect, it } from 'vitest';
import {
  call,
  claimFor,
  createSale,
  isWithoutBrowser,
  saleAt,
  useConsole,
} from '../support/console-page.ts';
import { waitFor } from '../support/wait-for.ts';

const minuteMs = 60_000;
const isLive = (page: Page) => page.getByText('live', { exact: true }).waitFor();

/** How many streams of outcomes the pages of a context have open. */
function countStreams(context: BrowserContext): () => number {
  const open = new Set<Request>();
  context.on('request', (request) => {
    if (request.url().endsWith('/outcomes')) open.add(request);
  });
  context.on('requestfinished', (request) => void open.delete(request));
  context.on('requestfailed', (request) => void open.delete(request));
  // The requests of a page that is closed end without an event.
  return () => [...open].filter((request) => !request.frame().page().isClosed()).length;
}

/** What a page sees when it is hidden behind another one, or shown again. */
const setHidden = (page: Page, isHidden: boolean) =>
  page.evaluate(`Object.defineProperty(document, 'hidden', { value: ${isHidden}, configurable: true });
    document.dispatchEvent(new Event('visibilitychange'));`);

describe.skipIf(isWithoutBrowser)('the page of a sale', () => {
  const { open } = useConsole();

  it('shares one stream with six other tabs, also after the tab that reads it is closed', async () => {
    const coupon = await createSale({ amount: 500 });
    let streams = () => 0;
    const first = await open({
      at: saleAt(coupon),
      prepare: async (context) => {
        streams = countStreams(context);
      },
    });
    await isLive(first);
    const others: Page[] = [];
    for (let tab = 2; tab <= 7; tab += 1) {
      const page = await first.context().newPage();
      await page.goto(saleAt(coupon));
      others.push(page);
    }
    await Promise.all(others.map(isLive));
    await waitFor('a stream', () => streams() > 0);
    await claimFor(coupon, ['ada']);
    const sees = (remaining: string) => (page: Page) =>
      page.getByText(remaining, { exact: true }).first().waitFor();
    await Promise.all([first, ...others].map(sees('499')));
    expect(streams()).toBe(1);

    await first.close();
    await claimFor(coupon, ['bob']);
    await Promise.all(others.map(sees('498')));
    await waitFor('the stream of the next tab', () => streams() > 0);
    expect(streams()).toBe(1);
  });

  it('has its history after a reload', async () => {
    const coupon = await createSale({ amount: 500 });
    await claimFor(coupon, ['ada']);
    await waitFor('the outcome of the claim', async () => {
      const path = `/api/coupons/${coupon}/outcomes/history?minutes=15`;
      const { seconds } = await call<{ seconds: { outcomes: Record<string, number> }[] }>(
        'GET',
        path,
      );
      return seconds.some(({ outcomes }) => outcomes.claimed === 1);
    });
    // No page was there when it was claimed.
    const page = await open({ at: saleAt(coupon) });
    const seesTheClaim = async () => {
      const chart = page.getByRole('region', { name: 'Outcomes a second' });
      await chart.getByRole('button', { name: 'Show as table' }).click();
      // "At least" where the service was still starting in a second of the row.
      await chart.getByRole('cell', { name: /^(at least )?1$/ }).waitFor();
    };
    await seesTheClaim();
    await page.reload();
    await seesTheClaim();
  });

  it('stops reading some time after it was hidden, and reads again when it is visible', async () => {
    const coupon = await createSale({ amount: 500 });
    let streams = () => 0;
    const page = await open({
      at: saleAt(coupon),
      prepare: async (context) => {
        streams = countStreams(context);
        await context.clock.install();
      },
    });
    await isLive(page);
    await waitFor('a stream', () => streams() === 1);
    await setHidden(page, true);
    await page.clock.runFor(31_000);
    await waitFor('the end of the stream', () => streams() === 0);
    // As a stream that is only opened again is not.
    await page.clock.runFor(60_000);
    expect(streams()).toBe(0);
    await setHidden(page, false);
    await isLive(page);
    await waitFor('a stream', () => streams() === 1);
  });

  it.each([10, -10])(
    'shows the time of the service to a computer that is %d minutes wrong',
    async (minutes) => {
      const opensAt = Date.now() + 59 * minuteMs;
      const coupon = await createSale({ opens_at: new Date(opensAt).toISOString() });
      const page = await open({
        at: saleAt(coupon),
        prepare: (context) =>
          context.addInitScript(`{
          const Real = Date;
          Date = class extends Real {
            constructor(...given) {
              if (given.length === 0) super(Real.now() + ${minutes * minuteMs});
              else super(...given);
            }
            static now() { return Real.now() + ${minutes * minuteMs}; }
          };
        }`),
      });
      await isLive(page);
      expect(Math.abs((await page.evaluate<number>('Date.now()')) - Date.now())).toBeGreaterThan(
        9 * minuteMs,
      );
      const opening = /Opens\s*in (\d+) min/;
      const shown = page.getByRole('main').locator('header').filter({ hasText: opening });
      // The stream may be live before the overview is there.
      await shown.waitFor();
      const header = (await shown.textContent()) ?? '';
      const [, left] = opening.exec(header) ?? [];
      // This test may take some of these minutes, but not ten.
      expect(Number(left)).toBeGreaterThan(50);
      expect(Number(left)).toBeLessThanOrEqual(59);
      const [, clock = ''] =
        /Clock of the service.*?(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d) UTC/.exec(header) ?? [];
      expect(Math.abs(Date.parse(`${clock.replace(' ', 'T')}Z`) - Date.now())).toBeLessThan(
        9 * minuteMs,
      );
    },
  );
});
