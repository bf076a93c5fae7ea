// SPDX-License-Identifier: GPL-3.0-or-later
import { randomUUID } from 'node:crypto';
import type { Page } from 'playwright-core';
import { describe, expect, it } from 'vitest';
import { adminKey } from '../support/access-keys.ts';
import {
  call,
  claimFor,
  createSale,
  isWithoutBrowser,
  saleAt,
  useConsole,
} from '../support/console-page.ts';
import { logIn, logOut } from '../support/console-session.ts';
import { waitFor } from '../support/wait-for.ts';

const amountOf = async (coupon: string) =>
  (await call<{ amount: number }>('GET', `/api/coupons/${coupon}`)).amount;

/** Opens the dialog, and enters how much to add. */
async function enterStock(page: Page, units: string) {
  await page.getByRole('button', { name: 'Add stock' }).click();
  await page.getByLabel('Units to add').fill(units);
}

describe.skipIf(isWithoutBrowser)('an operator', () => {
  const { open } = useConsole();

  it('adds stock once, also when the answer is lost after the commit', async () => {
    const coupon = await createSale({ amount: 500 });
    const keys = new Set<string | undefined>();
    let isLost = true;
    const page = await open({
      ...{ at: saleAt(coupon), mayLoseConnection: true },
      prepare: (context) =>
        context.route('**/stock', async (route) => {
          const headers = await route.request().allHeaders();
          keys.add(headers['idempotency-key']);
          const response = await route.fetch({
            headers: { ...headers, 'sec-fetch-site': 'same-origin' },
          });
          expect(response.status()).toBe(200);
          if (isLost) await route.abort('connectionfailed');
          else await route.fulfill({ response });
        }),
    });
    await enterStock(page, '200');
    const dialog = page.getByRole('dialog', { name: 'Add stock' });
    await dialog.getByText('500 → 700').first().waitFor();
    await dialog.getByRole('button', { name: 'Add 200 units' }).click();
    await dialog.getByRole('alert').filter({ hasText: 'may have been added' }).waitFor();
    expect(await amountOf(coupon)).toBe(700);
    // It must not be closed by mistake while the outcome is unknown.
    await page.keyboard.press('Escape');
    isLost = false;
    await dialog.getByRole('button', { name: 'Ask again' }).click();
    await page.getByText('200 units added. The amount is 700.').waitFor();
    expect(await amountOf(coupon)).toBe(700);
    expect(keys.size).toBe(1);
  });

  it('keeps what was typed when the session ends, and goes on after a new login', async () => {
    const coupon = await createSale({ amount: 500 });
    const cookie = await logIn(adminKey);
    const page = await open({ at: saleAt(coupon), cookie });
    await enterStock(page, '200');
    await logOut(cookie);
    const login = page.getByRole('dialog', { name: 'Your session has ended' });
    await login.waitFor();
    await login.getByLabel('Admin key or viewer key').fill(adminKey);
    await login.getByRole('button', { name: 'Log in' }).click();
    await login.waitFor({ state: 'detached' });
    expect(await page.getByLabel('Units to add').inputValue()).toBe('200');
    await page.getByRole('button', { name: 'Add 200 units' }).click();
    await page.getByText('200 units added. The amount is 700.').waitFor();
  });

  it('creates a sale that opens at a local time', async () => {
    const name = `SALE-${randomUUID().slice(0, 8)}`;
    const context = { timezoneId: 'Europe/Berlin' };
    const page = await open({ at: '/console/create', context });
    await page.getByLabel('Name', { exact: true }).fill(name);
    await page.getByLabel('Amount').fill('300');
    await page.getByLabel('Opens (Europe/Berlin)').fill('2199-01-31T18:00');
    await page.getByText('2199-01-31 17:00:00 UTC').first().waitFor();
    await page.getByRole('button', { name: 'Create the sale' }).click();
    await page.getByRole('heading', { name }).waitFor();
    expect(await call('GET', `/api/coupons/${name}`)).toMatchObject({
      ...{ amount: 300, state: 'scheduled', opens_at: '2199-01-31T17:00:00Z' },
    });
  });

  it('ends a sale only after its name was typed', async () => {
    const coupon = await createSale({ amount: 500 });
    const page = await open({ at: saleAt(coupon) });
    await page.getByRole('button', { name: 'End the sale' }).click();
    const dialog = page.getByRole('dialog', { name: 'End the sale' });
    const end = dialog.getByRole('button', { name: 'End the sale' });
    await dialog.getByText('500 of 500 units are not sold').waitFor();
    const name = dialog.getByLabel('Type the name of the sale');
    await name.fill(coupon.toLowerCase());
    expect(await end.isDisabled()).toBe(true);
    await name.fill(coupon);
    await end.click();
    await page.getByText(/^The sale (has ended|ends now)\.$/).waitFor();
    await waitFor('end of the sale', async () => {
      const { state } = await call<{ state: string }>('GET', `/api/coupons/${coupon}`);
      return state === 'closed';
    });
  });

  it('undoes a claim with a saga, which undoes its steps first', async () => {
    const coupon = await createSale({ amount: 1, hold_seconds: 600, saga: 'checkout' });
    const [claim = { claim_id: '' }] = await claimFor(coupon, ['ada']);
    const query = new URLSearchParams({ coupon, id: claim.claim_id });
    const page = await open({ at: `/console/claim?${query}` });
    await page.getByRole('button', { name: 'Undo the claim …' }).click();
    await page.getByText('The saga of the claim undoes its steps. Then the claim ends').waitFor();
    await page.getByLabel('Reason').fill('paid twice');
    await page.getByRole('button', { name: 'Release the claim' }).click();
    const done = page.getByRole('dialog', { name: 'The saga undoes the claim' });
    await done.getByText('The claim is released when they are undone.').waitFor();
    await done.getByRole('button', { name: 'Close' }).click();
    await done.waitFor({ state: 'detached' });
    await waitFor('unit on sale again', async () => {
      const path = `/api/coupons/${coupon}`;
      const { remaining_amount: left } = await call<{ remaining_amount: number }>('GET', path);
      return left === 1;
    });
    await page.getByRole('button', { name: 'Read again' }).click();
    await page.locator('.badge', { hasText: 'released' }).first().waitFor();
  });

  it('reads beside the field why a change is refused', async () => {
    const coupon = await createSale({ amount: 500 });
    const page = await open({ at: saleAt(coupon) });
    await enterStock(page, '3000000000');
    await page.getByRole('button', { name: /^Add 3,000,000,000 units/ }).click();
    const field = page.getByLabel('Units to add');
    await page.locator('.field-error').waitFor();
    expect(await field.getAttribute('aria-invalid')).toBe('true');
    expect(await field.inputValue()).toBe('3000000000');
    expect(await amountOf(coupon)).toBe(500);
  });
});

describe.skipIf(isWithoutBrowser)('a viewer', () => {
  const { open } = useConsole();

  it('reads why actions are disabled, and the service refuses them', async () => {
    const coupon = await createSale();
    const page = await open({ as: 'viewer', at: saleAt(coupon) });
    const pause = page.getByRole('button', { name: 'Pause the sale' });
    await pause.waitFor();
    expect(await pause.isDisabled()).toBe(true);
    expect(await describedBy(page, 'Pause the sale')).toContain('Actions need the admin key');
    await page.getByText('Actions need the admin key').waitFor();
    const answered = page.waitForResponse((response) => response.request().method() === 'PATCH');
    await page.evaluate(`fetch('/api/coupons/${coupon}', {
      method: 'PATCH', body: '{"paused":true}', headers: { 'Content-Type': 'application/json' },
    }).then((response) => response.text())`);
    const response = await answered;
    expect([response.status(), (await response.json()).code]).toEqual([403, 'forbidden']);
    expect(await call('GET', `/api/coupons/${coupon}`)).toMatchObject({ paused: false });
  });
});

/** The description that a screen reader reads after the name of a button. */
async function describedBy(page: Page, button: string): Promise<string> {
  const id = await page.getByRole('button', { name: button }).getAttribute('aria-describedby');
  return (await page.locator(`[id="${id}"]`).textContent()) ?? '';
}
