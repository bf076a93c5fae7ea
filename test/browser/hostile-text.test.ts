// SPDX-License-Identifier: GPL-3.0-or-later
/** Names that others choose. The watch of each page fails a test whose page runs a script or leaves the service. */
import { randomUUID } from 'node:crypto';
import type { Page } from 'playwright-core';
import { beforeAll, describe, expect, it } from 'vitest';
import {
  call,
  claimFor,
  createSale,
  isWithoutBrowser,
  saleAt,
  useConsole,
} from '../support/console-page.ts';

// What a name holds, and how the page shows it.
const texts: [text: string, shown: string][] = [
  ['"><script>alert(1)</script>', '"><script>alert(1)</script>'],
  ['<img src=x onerror=alert(1)>', '<img src=x onerror=alert(1)>'],
  ['\u202Egnp.exe', '[U+202E]gnp.exe'],
  ['a/b', 'a/b'],
  ['../..', '../..'],
  ['%2e%2e', '%2e%2e'],
];

const prefix = `${randomUUID().slice(0, 4)}-`;

const nameOf = (text: string) => `${prefix}${text}`;

beforeAll(async () => {
  if (isWithoutBrowser) return;
  for (const [text] of texts) {
    const name = await createSale({ name: nameOf(text), title: text, description: text });
    await claimFor(name, [text]);
    await call('PATCH', `/api/coupons/${encodeURIComponent(name)}`, {
      paused: true,
      pause_reason: text,
    });
  }
});

/** Whether an element of the page came from a text, such as an image. */
const foreignElements = (page: Page) =>
  page.evaluate<number>(`document.querySelectorAll('main img, main script, main iframe').length`);

describe.skipIf(isWithoutBrowser)('a text of others', () => {
  const { open } = useConsole();

  it.each(texts)('is only a text in each view: %j', async (text, shown) => {
    const name = nameOf(text);
    const shownName = nameOf(shown);
    const page = await open({ at: saleAt(name) });
    await page.getByRole('heading', { level: 1, name: shownName, exact: true }).waitFor();
    await page.getByText(`Reason of the pause: ${shown}`).waitFor();
    expect(await page.title()).toContain(shownName);
    expect(await foreignElements(page)).toBe(0);

    // The claim of the user of the same name, found within the sale, and from there its history.
    await page.getByRole('searchbox', { name: 'User id' }).fill(text);
    await page.getByRole('button', { name: 'Find the claim' }).click();
    await page.getByRole('link', { name: 'Timeline' }).click();
    await page.getByRole('heading', { name: 'Timeline' }).waitFor();
    await page.getByRole('main').getByRole('link', { name: shown, exact: true }).first().click();
    await page.getByRole('heading', { level: 2, name: shown, exact: true }).waitFor();
    expect(await foreignElements(page)).toBe(0);

    // Its actions reach this sale, and no other.
    await page.goto(saleAt(name));
    await page.getByRole('button', { name: 'Resume the sale' }).click();
    await page.getByText('The sale is resumed.').waitFor();
    expect(await call('GET', `/api/coupons/${encodeURIComponent(name)}`)).toMatchObject({
      ...{ name, paused: false, pause_reason: null },
    });
  });

  it('is only a text in the list of sales, which shows them all', async () => {
    const page = await open({ at: `/console?${new URLSearchParams({ prefix })}` });
    for (const [, shown] of texts) {
      await page.getByRole('link', { name: nameOf(shown), exact: true }).waitFor();
    }
    expect(await foreignElements(page)).toBe(0);
  });

  it.each(['.', '..'])('is no name where it would lead to another path: %s', async (name) => {
    const page = await open({ at: saleAt(name) });
    await page.getByRole('heading', { level: 1, name: 'No such sale' }).waitFor();
  });
});
