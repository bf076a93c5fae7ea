// SPDX-License-Identifier: GPL-3.0-or-later
/** The console in a browser, and its service past the page. */
import { randomUUID } from 'node:crypto';
import {
  type Browser,
  type BrowserContext,
  type BrowserContextOptions,
  chromium,
  type Page,
} from 'playwright-core';
import { afterAll, afterEach, beforeAll, expect, inject } from 'vitest';
import { bearers } from './access-keys.ts';
import type { SharedConsole } from './console-setup.ts';
import { watchFaults } from './page-faults.ts';

/** Who opens the page, and how. */
export type Opening = {
  /** Whose session the browser has. `nobody`: none. */
  as?: 'operator' | 'viewer' | 'nobody';
  /** The path and query of the page, below the service's address. By default the list of sales. */
  at?: string;
  /** Another service than the shared one, without its session. */
  serviceUrl?: string;
  /** A cookie `name=value` in place of the shared session. */
  cookie?: string;
  /** The test breaks connections on purpose, so the browser may report them. */
  mayLoseConnection?: boolean;
  /** Origins of other pages that the test itself opens. */
  pageOrigins?: readonly string[];
  /** Options of the browser context. */
  context?: BrowserContextOptions;
  /** Prepares the context before its first page. */
  prepare?: (context: BrowserContext) => Promise<unknown>;
};

/** A limit for what the browser does, which only ends a test that hangs. */
export const hangMs = 100_000;

/** An address below the service: that of the page of a sale. */
export const saleAt = (name: string) => `/console/sale?${new URLSearchParams({ name })}`;

/** For `describe.skipIf`: the setup of the project has said why there is no browser. */
export const isWithoutBrowser = inject('sharedConsole') === undefined;

/** What the project's setup has started. */
export function sharedConsole(): SharedConsole {
  const shared = inject('sharedConsole');
  if (shared === undefined) throw new Error('there is no browser: skip these tests');
  return shared;
}

/**
 * The console for the tests of a file. After each test its pages are closed, and the test fails when one of them wrote an
 * error, broke the content security policy, or requested anything from another host.
 */
export function useConsole(): { open(opening?: Opening): Promise<Page> } {
  let browser: Browser;
  const opened: { context: BrowserContext; faults: readonly string[] }[] = [];
  beforeAll(async () => {
    browser = await chromium.connect(sharedConsole().browser);
  });
  afterEach(async () => {
    const ended = opened.splice(0);
    await Promise.all(ended.map(({ context }) => context.close()));
    expect(ended.flatMap(({ faults }) => faults)).toEqual([]);
  });
  afterAll(() => browser?.close());
  return {
    async open({ as = 'operator', at = '/console', ...opening } = {}) {
      const { url, cookies } = sharedConsole();
      const origin = opening.serviceUrl ?? url;
      const context = await browser.newContext({ baseURL: origin, ...opening.context });
      context.setDefaultTimeout(hangMs);
      const { mayLoseConnection = false, pageOrigins = [] } = opening;
      const origins = [origin, ...pageOrigins];
      opened.push({ context, faults: await watchFaults(context, { origins, mayLoseConnection }) });
      const shared = opening.serviceUrl === undefined && as !== 'nobody' ? cookies[as] : undefined;
      const cookie = opening.cookie ?? shared;
      if (cookie !== undefined) await context.addCookies([cookieOf(cookie, origin)]);
      await opening.prepare?.(context);
      const page = await context.newPage();
      await page.goto(at);
      return page;
    },
  };
}

function cookieOf(pair: string, url: string) {
  const [name = '', value = ''] = pair.split('=');
  return { name, value, url, httpOnly: true, sameSite: 'Strict' as const };
}

/** Calls the service with the admin key. Returns the body, and rejects with it for any status from 400 on. */
export async function call<Body = unknown>(
  method: string,
  path: string,
  body?: unknown,
  { url = sharedConsole().url, headers = {} as Record<string, string> } = {},
): Promise<Body> {
  const response = await fetch(url + path, {
    ...{ method, headers: { ...bearers.admin, ...headers } },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  if (response.status >= 400) throw new Error(`${method} ${path}: ${text}`);
  return (text === '' ? undefined : JSON.parse(text)) as Body;
}

/** Creates a sale, by default an open one with a name of its own. Returns its name. */
export async function createSale(
  members: Record<string, unknown> = {},
  options: { url?: string } = {},
): Promise<string> {
  const name = (members.name as string | undefined) ?? `SALE-${randomUUID().slice(0, 8)}`;
  await call('POST', '/api/coupons', { name, amount: 500, ...members }, options);
  return name;
}

/** Claims a unit for each user. Returns the claims. */
export function claimFor(
  coupon: string,
  users: readonly string[],
  options: { url?: string } = {},
): Promise<{ claim_id: string; position: number }[]> {
  return Promise.all(
    users.map((user_id) =>
      call<{ claim_id: string; position: number }>(
        'POST',
        '/api/coupons/claim',
        { coupon_name: coupon, user_id },
        options,
      ),
    ),
  );
}
