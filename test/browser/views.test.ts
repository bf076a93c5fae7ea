// SPDX-License-Identifier: GPL-3.0-or-later
/** Every view in both colour schemes and at three widths: what axe finds, what does not fit, and pictures to look at. */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { beforeAll, describe, expect, it } from 'vitest';
import { axeViolations } from '../support/axe.ts';
import {
  call,
  claimFor,
  createSale,
  isWithoutBrowser,
  saleAt,
  useConsole,
} from '../support/console-page.ts';
import { screenshotFolder } from '../support/console-setup.ts';

const widths = [360, 768, 1280];
const schemes = ['light', 'dark'] as const;
// axe takes longest. The narrow page has most to go wrong, and the dark one other colours.
const looksForAxe = ['360 light', '1280 dark'];
const inAnHour = () => new Date(Date.now() + 3_600_000).toISOString();

type View = {
  as?: 'operator' | 'viewer' | 'nobody';
  at: () => string;
  /** Brings the view into the state under test. It waits until nothing is loading. */
  ready: (page: Page) => Promise<unknown>;
};

let open: string;
let scheduled: string;
let claim: { claim_id: string };

const heading = (name: string | RegExp) => (page: Page) =>
  page.getByRole('heading', { name }).first().waitFor();

const claimAt = () => `/console/claim?${new URLSearchParams({ coupon: open, id: claim.claim_id })}`;

const live = async (page: Page) => {
  await page.getByText('live', { exact: true }).waitFor();
  await page.getByRole('heading', { name: 'Remaining units' }).waitFor();
};

/** Opens a dialog of a view. */
const dialog = (button: string) => async (page: Page) => {
  await page.getByRole('button', { name: button, exact: true }).click();
  await page.getByRole('dialog').waitFor();
};

const views: Record<string, View> = {
  login: { as: 'nobody', at: () => '/console', ready: heading('firstcome console') },
  sales: { at: () => '/console', ready: (page) => page.getByText(open).first().waitFor() },
  'an open sale': { at: () => saleAt(open), ready: live },
  'an open sale of a viewer': { as: 'viewer', at: () => saleAt(open), ready: live },
  'a scheduled sale': { at: () => saleAt(scheduled), ready: live },
  'a sale that does not exist': {
    at: () => saleAt('there-is-none'),
    ready: heading('No such sale'),
  },
  'add stock': { at: () => saleAt(open), ready: dialog('Add stock') },
  schedule: { at: () => saleAt(open), ready: dialog('Schedule') },
  'edit the texts': { at: () => saleAt(open), ready: dialog('Edit texts') },
  'archive the sale': { at: () => saleAt(open), ready: dialog('Archive') },
  'create a sale': { at: () => '/console/create', ready: heading('Create a sale') },
  'end the sale': { at: () => saleAt(open), ready: dialog('End the sale') },
  'claims of a user': {
    at: () => '/console/claims?user=ada',
    ready: (page) => page.getByRole('link', { name: 'Timeline' }).first().waitFor(),
  },
  claim: { at: claimAt, ready: heading('Timeline') },
  'undo a claim': { at: claimAt, ready: dialog('Undo the claim …') },
  webhooks: { at: () => '/console/operations/webhooks', ready: heading('Webhooks') },
  sagas: { at: () => '/console/operations/sagas', ready: heading('Sagas') },
  'dead letters': { at: () => '/console/operations/dead-letters', ready: heading('Dead letters') },
  nodes: { at: () => '/console/operations/nodes', ready: heading(/nodes/i) },
  'operator log': {
    at: () => '/console/operations/log',
    ready: (page) => page.getByRole('row').nth(1).waitFor(),
  },
};

beforeAll(async () => {
  if (isWithoutBrowser) return;
  await mkdir(screenshotFolder, { recursive: true });
  open = await createSale({ title: 'Spring drop', closes_at: inAnHour(), hold_seconds: 600 });
  scheduled = await createSale({ opens_at: inAnHour() });
  [claim = { claim_id: '' }] = await claimFor(open, ['ada', 'bob', 'eve']);
  await call('POST', '/api/webhooks', {
    url: 'https://shop.example/hook',
    events: ['claim.confirmed'],
  });
});

describe.skipIf(isWithoutBrowser)('a view of the console', () => {
  const { open: openConsole } = useConsole();

  it.each(Object.entries(views))(
    'is accessible and fits, in light and dark, from 360 pixels on: %s',
    async (name, { as = 'operator', at, ready }) => {
      // axe runs as a script of the page, which the policy refuses.
      const context = { bypassCSP: true, reducedMotion: 'reduce' as const };
      const page = await openConsole({ as, at: at(), context });
      await ready(page);
      const found: string[] = [];
      for (const colorScheme of schemes) {
        await page.emulateMedia({ colorScheme });
        for (const width of widths) {
          const look = `${width} ${colorScheme}`;
          await page.setViewportSize({ width, height: 900 });
          const overflow = await page.evaluate<number>(
            'document.scrollingElement.scrollWidth - innerWidth',
          );
          if (overflow > 0) found.push(`${look}: scrolls sideways by ${overflow} px`);
          const path = join(screenshotFolder, `${name} ${look}.png`);
          await page.screenshot({ path, fullPage: true });
          if (!looksForAxe.includes(look)) continue;
          found.push(...(await axeViolations(page)).map((text) => `${look}: ${text}`));
        }
      }
      expect(found).toEqual([]);
    },
  );
});
