// SPDX-License-Identifier: GPL-3.0-or-later
import { describe, expect, it } from 'vitest';
import { createSale, isWithoutBrowser, saleAt, useConsole } from '../support/console-page.ts';

/** Elements that move by themselves or while they change, as `tag.class: how`. */
const moving = `[...document.querySelectorAll('*')].flatMap((element) => {
  const style = getComputedStyle(element);
  const lasts = (text) => text.split(',').some((duration) => parseFloat(duration) > 0);
  const name = element.tagName.toLowerCase() + '.' + element.className;
  return [
    ...(lasts(style.animationDuration) && style.animationName !== 'none' ? [name + ': animation'] : []),
    ...(lasts(style.transitionDuration) ? [name + ': transition'] : []),
    ...(style.scrollBehavior === 'smooth' ? [name + ': smooth scrolling'] : []),
  ];
})`;

describe.skipIf(isWithoutBrowser)('a page for people who want less motion', () => {
  const { open } = useConsole();

  it.each(['the list of sales', 'a sale with a dialog'])('moves nothing: %s', async (view) => {
    const isSale = view === 'a sale with a dialog';
    const coupon = await createSale();
    const context = { reducedMotion: 'reduce' as const };
    const page = await open({ at: isSale ? saleAt(coupon) : '/console', context });
    await page.getByText(coupon).first().waitFor();
    if (isSale) await page.getByRole('button', { name: 'Add stock' }).click();
    expect(await page.evaluate(moving)).toEqual([]);
  });
});
