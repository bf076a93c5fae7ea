// SPDX-License-Identifier: GPL-3.0-or-later
/** What a page must never do, whatever a test is about. */
import type { BrowserContext, ConsoleMessage, Page } from 'playwright-core';

/** The browser writes these itself for each status from 400 on. The tests judge statuses by what the page shows. */
const statusLine = /^Failed to load resource: the server responded with a status of/;
/** It writes these for a connection that breaks. */
const brokenConnection = /\bnet::ERR_/;

/** Faults of the pages of a context, in words. `mayLoseConnection`: the test itself breaks connections. */
export async function watchFaults(
  context: BrowserContext,
  { origins, mayLoseConnection }: { origins: readonly string[]; mayLoseConnection: boolean },
): Promise<readonly string[]> {
  const faults: string[] = [];
  const isAllowed = (text: string) =>
    statusLine.test(text) || (mayLoseConnection && brokenConnection.test(text));
  const onMessage = (message: ConsoleMessage) => {
    const text = message.text();
    const isError = message.type() === 'error' || message.type() === 'warning';
    if (isError && !isAllowed(text)) faults.push(`console ${message.type()}: ${text}`);
  };
  const watchPage = (page: Page) => {
    page.on('pageerror', (error) => faults.push(`uncaught: ${error.stack ?? error.message}`));
    page.on('dialog', (dialog) => {
      faults.push(`${dialog.type()}: ${dialog.message()}`);
      void dialog.dismiss();
    });
  };
  context.on('page', watchPage);
  context.on('console', onMessage);
  context.on('request', (request) => {
    const url = new URL(request.url());
    if (!origins.includes(url.origin)) faults.push(`request to ${request.url()}`);
  });
  await context.exposeBinding('reportViolation', (_source, violation: string) => {
    faults.push(`content security policy: ${violation}`);
  });
  await context.addInitScript(`addEventListener('securitypolicyviolation', (event) => {
    reportViolation(event.violatedDirective + ' ' + event.blockedURI + ' ' + event.sourceFile);
  })`);
  return faults;
}
