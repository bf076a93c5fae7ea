// SPDX-License-Identifier: GPL-3.0-or-later
/** A service of this file: it is killed, and it has no keys. */
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  claimFor,
  createSale,
  isWithoutBrowser,
  saleAt,
  useConsole,
} from '../support/console-page.ts';
import { freePort } from '../support/free-port.ts';
import {
  endServiceProcesses,
  patience,
  type ServiceProcess,
  startServiceProcess,
} from '../support/service-process.ts';
import { createTestDatabase, type TestDatabase } from '../support/test-database.ts';

let database: TestDatabase;
let service: ServiceProcess;
let port: string;

const start = () => startServiceProcess({ ...patience, DATABASE_URL: database.url, PORT: port });

beforeAll(async () => {
  if (isWithoutBrowser) return;
  database = await createTestDatabase();
  port = String(await freePort());
  service = await start();
});

afterAll(async () => {
  await endServiceProcesses();
  await database?.drop();
});

const isLive = (page: Page) => page.getByText('live', { exact: true }).waitFor();

describe.skipIf(isWithoutBrowser)('a service without keys', () => {
  const { open } = useConsole();

  it('opens the console at once, and says that anybody is an operator', async () => {
    const page = await open({ serviceUrl: service.url });
    await page.getByText('anybody who reaches this address is an operator').waitFor();
    await page.getByRole('heading', { level: 1, name: 'Sales' }).waitFor();
    expect(await page.getByRole('button', { name: 'Log out' }).count()).toBe(0);
  });

  it('is killed during a sale: the page says so within 3 seconds, and is live again by itself', async () => {
    const { url } = service;
    const coupon = await createSale({ amount: 500 }, { url });
    const page = await open({
      ...{ serviceUrl: url, at: saleAt(coupon), mayLoseConnection: true },
      // The time of the page, so that seconds of this machine do not count.
      prepare: (context) => context.clock.install(),
    });
    await isLive(page);
    await service.killGroup();
    const stale = page.locator('.alarm', { hasText: 'No data arrives.' });
    await page.clock.runFor(3_100);
    expect(await stale.count()).toBe(1);
    await page.getByText('stale', { exact: true }).waitFor();
    // Nothing else says the same again.
    expect(await page.locator('.note').count()).toBe(0);

    service = await start();
    await claimFor(coupon, ['ada', 'bob'], { url });
    await isLive(page);
    await stale.waitFor({ state: 'detached' });
    await page.getByText('498', { exact: true }).first().waitFor();
  });
});
