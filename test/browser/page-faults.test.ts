// SPDX-License-Identifier: GPL-3.0-or-later
/** What watches the pages of all other tests finds what it is there for. */
import { type Browser, chromium } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { hangMs, isWithoutBrowser, sharedConsole } from '../support/console-page.ts';
import { watchFaults } from '../support/page-faults.ts';
import { waitFor } from '../support/wait-for.ts';

describe.skipIf(isWithoutBrowser)('a page of the console that is watched', () => {
  let browser: Browser;
  beforeAll(async () => {
    browser = await chromium.connect(sharedConsole().browser);
  });
  afterAll(() => browser?.close());

  it.each([
    ['an error in its console', `console.error('planted')`, 'console error: planted'],
    [
      'an uncaught error',
      `setTimeout(() => { throw new Error('planted') })`,
      'uncaught: Error: pl',
    ],
    [
      'a promise that nobody awaits',
      `void Promise.reject(new Error('planted'))`,
      'uncaught: Error',
    ],
    ['a dialog of a script', `setTimeout(() => alert('planted'))`, 'alert: planted'],
    [
      'a script in the text of others',
      `document.body.innerHTML = '<img src="x:" onerror="alert(1)">'`,
      'content security policy: script-src-attr inline',
    ],
    [
      'an attribute with a style',
      `document.body.setAttribute('style', 'color: red')`,
      'content security policy: style-src-attr inline',
    ],
    [
      'a file from elsewhere',
      `document.head.append(Object.assign(document.createElement('script'), { src: 'http://127.0.0.1:1/a.js' }))`,
      'content security policy: script-src-elem http://127.0.0.1:1/a.js',
    ],
    [
      'a visit to another host',
      `void open('http://127.0.0.1:1/')`,
      'request to http://127.0.0.1:1/',
    ],
  ])('has a fault by %s', async (_name, script, fault) => {
    const { url } = sharedConsole();
    const context = await browser.newContext();
    context.setDefaultTimeout(hangMs);
    const faults = await watchFaults(context, { origins: [url], mayLoseConnection: false });
    const page = await context.newPage();
    await page.goto(`${url}/console`);
    await page.getByLabel('Admin key or viewer key').waitFor();
    expect(faults).toEqual([]);
    await page.evaluate(script);
    await waitFor('fault', () => faults.some((found) => found.startsWith(fault)));
    await context.close();
  });
});
