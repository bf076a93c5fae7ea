// SPDX-License-Identifier: GPL-3.0-or-later
import { describe, expect, it } from 'vitest';
import { adminKey, claimKey, viewerKey } from '../support/access-keys.ts';
import { createSale, isWithoutBrowser, saleAt, useConsole } from '../support/console-page.ts';
import { logIn, logOut } from '../support/console-session.ts';
import { waitFor } from '../support/wait-for.ts';

describe.skipIf(isWithoutBrowser)('the login of the console', () => {
  const { open } = useConsole();

  it('takes the key once, and a reload needs none', async () => {
    const page = await open({ as: 'nobody' });
    await page.getByLabel('Admin key or viewer key').fill(`  ${viewerKey}\n`);
    await page.getByRole('button', { name: 'Log in' }).click();
    await page.getByRole('heading', { level: 1, name: 'Sales' }).waitFor();
    await page.reload();
    await page.getByRole('heading', { level: 1, name: 'Sales' }).waitFor();
    expect(await page.getByRole('banner').textContent()).toContain('viewer');
    await page.getByRole('button', { name: 'Log out' }).click();
    await page.getByLabel('Admin key or viewer key').waitFor();
  });

  it('in one tab ends the login dialog of another', async () => {
    const cookie = await logIn(adminKey);
    const coupon = await createSale();
    const page = await open({ at: saleAt(coupon), cookie });
    await page.getByRole('heading', { name: coupon }).waitFor();
    await logOut(cookie);
    const login = page.getByRole('dialog', { name: 'Your session has ended' });
    await login.waitFor();
    const [name = '', value = ''] = (await logIn(adminKey)).split('=');
    const { origin } = new URL(page.url());
    await page.context().addCookies([{ name, value, url: origin }]);
    // The page may not listen yet.
    await waitFor('end of the dialog', async () => {
      await page.evaluate("dispatchEvent(new Event('focus'))");
      return (await login.count()) === 0;
    });
  });

  it.each([
    ['a wrong key', 'not-a-key-of-thirty-two-characters', 'this is no key of the service'],
    ['the claim key', claimKey, 'this key is valid, but not for the console'],
  ])('refuses %s and says why', async (_name, key, reason) => {
    const page = await open({ as: 'nobody' });
    const field = page.getByLabel('Admin key or viewer key');
    await field.fill(key);
    await field.press('Enter');
    await page.getByRole('alert').filter({ hasText: reason }).waitFor();
    // It stays there to be corrected.
    expect(await field.inputValue()).toBe(key);
  });
});
