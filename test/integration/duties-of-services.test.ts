// SPDX-License-Identifier: GPL-3.0-or-later
/** Which of several services on one database runs the duties, and what each of them shows. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { App } from '../../src/app.ts';
import { patience, startService } from '../support/service.ts';
import { createTestDatabase, type TestDatabase } from '../support/test-database.ts';
import { missed, waitFor } from '../support/wait-for.ts';

let database: TestDatabase;
const apps: App[] = [];

beforeAll(async () => {
  database = await createTestDatabase();
});

afterEach(async () => {
  await Promise.all(apps.splice(0).map((app) => app.stop()));
});

afterAll(() => database.drop());

async function start(env: Record<string, string> = {}): Promise<App> {
  const app = await startService({ ...patience, DATABASE_URL: database.url, ...env });
  apps.push(app);
  return app;
}

const duties = async ({ url }: App) => {
  const health = (await (await fetch(`${url}/health`)).json()) as { duties?: { node?: string }[] };
  return health.duties;
};

/** The series of a metric, with its labels and values. */
async function series({ url }: App, name: string): Promise<string[]> {
  const text = await (await fetch(`${url}/metrics`)).text();
  return text.split('\n').filter((line) => line.startsWith(name));
}

const runs = async (app: App, duty: string) =>
  (await series(app, `firstcome_duty_running{duty="${duty}"}`))[0]?.endsWith(' 1') === true;

const dutyNames = ['event_relay', 'expiry_sweep', 'stock_check', 'ticket_retention'];

/** Waits until the service runs every duty. */
async function untilRunsAll(app: App): Promise<void> {
  for (const name of dutyNames) await waitFor(`the duty ${name} to run`, () => runs(app, name));
}

describe('two services on one database', () => {
  it('one runs each duty, both show which, and the other takes over when it stops', async () => {
    const first = await start({ STOCK_CHECK_INTERVAL_MS: '20' });
    await untilRunsAll(first);
    const second = await start({ STOCK_CHECK_INTERVAL_MS: '20' });
    const shown = dutyNames.map((name) => ({
      name,
      node: expect.stringMatching(/^.+\/\d+$/),
      since: expect.stringMatching(/^\d{4}-.*Z$/),
    }));
    for (const app of [first, second]) {
      await waitFor('holders', async () => (await duties(app))?.every(({ node }) => node));
      expect(await duties(app)).toEqual(shown);
    }
    const hasRound = async () => (await series(first, 'firstcome_stock_units')).length >= 2;
    const ended = await waitFor('a round of the first', async () =>
      (await hasRound()) ? 'round' : !(await runs(first, 'stock_check')) && 'lease',
    );
    // Both services share this process, so a machine that stalls may let the lease of the first one expire.
    if (ended === 'lease') missed('the first service keeps the duty');
    // What it shows of a duty that it does not run would be old.
    for (const name of ['stock_difference', 'stock_check_age', 'stock_units', 'holds_overdue']) {
      expect(await series(first, `firstcome_${name}`)).not.toEqual([]);
      expect(await series(second, `firstcome_${name}`)).toEqual([]);
    }
    expect(await series(second, 'firstcome_stock_check_steps_total')).toEqual([
      'firstcome_stock_check_steps_total{result="done"} 0',
      'firstcome_stock_check_steps_total{result="failed"} 0',
    ]);

    await first.stop();
    await untilRunsAll(second);
    await waitFor('a round of the second', async () => {
      return (await series(second, 'firstcome_stock_difference_units')).join().endsWith(' 0');
    });
  });

  it('gives the duties up at the beginning of a drain, while it still serves', async () => {
    const first = await start({ SHUTDOWN_DELAY_MS: '8000' });
    await waitFor('the duty to run', () => runs(first, 'expiry_sweep'));
    const second = await start();
    let isDrained = false;
    const drained = first.stop().then(() => {
      isDrained = true;
    });
    await waitFor('the second to run it', () => runs(second, 'expiry_sweep'));
    if (isDrained) missed('the drain of the first');
    await drained;
  });
});

it('a service with the check switched off shows no counts of it, and leaves it to another one', async () => {
  const off = await start({ STOCK_CHECK_INTERVAL_MS: '0' });
  await waitFor('the sweep to run', () => runs(off, 'expiry_sweep'));
  expect(await series(off, 'firstcome_stock_check')).toEqual([]);
  const running = await series(off, 'firstcome_duty_running');
  expect(running.map((line) => /duty="(\w+)"/.exec(line)?.[1]).sort()).toEqual([
    ...['event_relay', 'expiry_sweep', 'ticket_retention'],
  ]);
  const on = await start();
  await waitFor('the check to run', () => runs(on, 'stock_check'));
});
