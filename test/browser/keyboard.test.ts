// SPDX-License-Identifier: GPL-3.0-or-later
import type { Page } from 'playwright-core';
import { describe, expect, it } from 'vitest';
import { adminKey } from '../support/access-keys.ts';
import {
  call,
  claimFor,
  createSale,
  isWithoutBrowser,
  useConsole,
} from '../support/console-page.ts';
import { waitFor } from '../support/wait-for.ts';

const stopsMax = 80;

/** The name of the element that has the focus, as a screen reader says it. */
const focused = (page: Page) =>
  page.evaluate<string>(`(() => {
    const { ariaLabel, labels, textContent } = document.activeElement;
    return (ariaLabel ?? labels?.[0]?.textContent ?? textContent).trim();
  })()`);

/** Whether the element that has the focus has a visible outline. */
const isFocusVisible = (page: Page) =>
  page.evaluate<boolean>(`(() => {
    const { outlineStyle, outlineWidth } = getComputedStyle(document.activeElement);
    return outlineStyle !== 'none' && parseFloat(outlineWidth) >= 2;
  })()`);

/** Presses Tab until the element with this name has the focus. */
async function tabTo(page: Page, name: string | RegExp): Promise<void> {
  const passed: string[] = [];
  for (let stop = 1; stop <= stopsMax; stop += 1) {
    await page.keyboard.press('Tab');
    const now = await focused(page);
    if (typeof name === 'string' ? now === name : name.test(now)) {
      expect(await isFocusVisible(page), `the focus of "${now}" is visible`).toBe(true);
      return;
    }
    passed.push(now.slice(0, 40));
  }
  throw new Error(`Tab never reaches ${name}, but ${JSON.stringify(passed)}`);
}

async function press(page: Page, name: string | RegExp, key = 'Enter'): Promise<void> {
  await tabTo(page, name);
  await page.keyboard.press(key);
}

describe.skipIf(isWithoutBrowser)('an operator without a mouse', () => {
  const { open } = useConsole();

  it('logs in, pauses a sale, adds stock, undoes a claim and archives the sale', async () => {
    const coupon = await createSale({ amount: 500 });
    await claimFor(coupon, ['ada', 'bob']);
    const state = () => call<Record<string, unknown>>('GET', `/api/coupons/${coupon}`);
    const page = await open({ as: 'nobody', at: `/console?prefix=${coupon}` });

    await page.getByLabel('Admin key or viewer key').waitFor();
    await tabTo(page, 'Admin key or viewer key');
    await page.keyboard.type(adminKey);
    await page.keyboard.press('Enter');
    await page.getByRole('link', { name: coupon }).waitFor();
    await press(page, coupon);

    await page.getByRole('button', { name: 'Pause the sale' }).waitFor();
    await press(page, 'Pause the sale', 'Space');
    await page.getByText('The sale is paused.').waitFor();
    expect(await focused(page)).toBe('Resume the sale');
    await page.keyboard.press('Enter');
    await page.getByText('The sale is resumed.').waitFor();

    await press(page, 'Add stock');
    await page.getByRole('dialog').waitFor();
    if ((await focused(page)) !== 'Units to add') await tabTo(page, 'Units to add');
    await page.keyboard.type('200');
    await page.keyboard.press('Enter');
    await page.getByText('200 units added. The amount is 700.').waitFor();
    // The focus is back where it was.
    expect(await focused(page)).toBe('Add stock');

    await tabTo(page, 'User id');
    await page.keyboard.press('Tab');
    await page.keyboard.type('ada');
    await page.keyboard.press('Enter');
    await page.getByRole('link', { name: 'Timeline' }).waitFor();
    await press(page, 'Timeline');
    await page.getByRole('heading', { name: 'Timeline' }).waitFor();
    await press(page, /^Undo/);
    await page.getByRole('dialog').waitFor();
    if ((await focused(page)) !== 'Reason') await tabTo(page, 'Reason');
    await page.keyboard.type('sold to a robot');
    await press(page, 'Release the claim');
    await page
      .getByRole('dialog')
      .getByText(/released/i)
      .first()
      .waitFor();
    await press(page, /^(Close|Done)$/);
    expect(await state()).toMatchObject({ amount: 700, remaining_amount: 699 });

    await press(page, coupon);
    await page.getByRole('button', { name: 'Archive' }).waitFor();
    await press(page, 'Archive');
    await page.getByRole('dialog').waitFor();
    await press(page, 'Archive the sale');
    await page.getByText('The sale is archived.').waitFor();
    expect(await state()).toMatchObject({ archived: true });
  });

  it('leaves a dialog with Escape, and is where it was opened', async () => {
    const coupon = await createSale();
    const page = await open({ at: `/console/sale?name=${coupon}` });
    await page.getByRole('button', { name: 'Schedule' }).waitFor();
    await page.getByRole('button', { name: 'Schedule', disabled: false }).waitFor();
    await press(page, 'Schedule');
    await page.getByRole('dialog').waitFor();
    await page.keyboard.press('Escape');
    await page.getByRole('dialog').waitFor({ state: 'detached' });
    expect(await focused(page)).toBe('Schedule');
  });

  it('is at the content of a view after a link to it', async () => {
    const coupon = await createSale();
    const page = await open({ at: `/console?prefix=${coupon}` });
    await page.getByRole('link', { name: coupon }).waitFor();
    await press(page, coupon);
    await page.getByRole('heading', { name: coupon }).waitFor();
    await waitFor(
      'focus on the content',
      async () => (await page.evaluate('document.activeElement.id')) === 'main',
    );
  });

  it('skips the head of the page', async () => {
    const page = await open();
    await page.getByRole('heading', { level: 1, name: 'Sales' }).waitFor();
    await press(page, 'Skip to the content');
    await waitFor(
      'focus on the content',
      async () => (await page.evaluate('document.activeElement.id')) === 'main',
    );
  });
});
