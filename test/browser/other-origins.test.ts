// SPDX-License-Identifier: GPL-3.0-or-later
/** Pages of other origins on the same site, to which the browser gives the cookie although it is `SameSite=Strict`. */
import { createServer, type Server } from 'node:http';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  call,
  createSale,
  isWithoutBrowser,
  sharedConsole,
  useConsole,
} from '../support/console-page.ts';

const servers: Server[] = [];
const cookies: string[] = [];

beforeAll(async () => {
  if (isWithoutBrowser) return;
  for (const origin of Object.values(sharedConsole().otherOrigins)) {
    const server = createServer((request, response) => {
      if (request.url === '/') cookies.push(request.headers.cookie ?? '');
      response.setHeader('Content-Type', 'text/html').end('<!doctype html><title>other</title>');
    });
    await new Promise<void>((resolve) => {
      server.listen(Number(new URL(origin).port), '127.0.0.1', resolve);
    });
    servers.push(server);
  }
});

afterAll(() => {
  for (const server of servers) server.close().closeAllConnections();
});

/** Adds stock with the cookie of the browser, from whatever page this is. Returns the status of the answer. */
async function addStock(page: Page, coupon: string): Promise<number> {
  const { url } = sharedConsole();
  const answered = page.waitForResponse((response) => response.url().endsWith('/stock'));
  // A form could send this too: no preflight precedes it.
  await page.evaluate(`fetch('${url}/api/coupons/${coupon}/stock', {
    method: 'POST', body: '{"add":100}', credentials: 'include', mode: 'no-cors',
  }).then(() => undefined)`);
  return (await answered).status();
}

describe.skipIf(isWithoutBrowser)('the session of an operator', () => {
  const { open } = useConsole();

  it.each(['invited', 'unknown'] as const)(
    'is of no use to a page of another origin (%s), although the browser sends it across ports',
    async (kind) => {
      const coupon = await createSale();
      const origin = sharedConsole().otherOrigins[kind];
      const page = await open({ at: origin, pageOrigins: [origin] });
      expect(cookies.at(-1)).toContain('firstcome-session=');
      expect(await addStock(page, coupon)).toBe(403);
      const { amount } = await call<{ amount: number }>('GET', `/api/coupons/${coupon}`);
      expect(amount).toBe(500);
    },
  );

  it('lets a page of the service add stock by the same request', async () => {
    const coupon = await createSale();
    const page = await open();
    expect(await addStock(page, coupon)).toBe(200);
  });
});
