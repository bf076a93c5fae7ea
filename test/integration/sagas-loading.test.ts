// SPDX-License-Identifier: GPL-3.0-or-later
/** What a service loads for jobs: nothing without a webhook and without SAGAS_FILE, and before it is ready with the file. */
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { clientOf } from '../support/contract-client.ts';
import { lackingPackage } from '../support/lacking-package.ts';
import { SagaShop } from '../support/saga-shop.ts';
import { endServiceProcesses, runToEnd, startServiceProcess } from '../support/service-process.ts';
import { createTemporaryFolder, removeTemporaryFolder } from '../support/temporary-folder.ts';
import { waitFor } from '../support/wait-for.ts';

const shop = new SagaShop();
let folder: string;
/** Without the package that runs jobs, and with a line for each attempt to load it. */
let lacking: Record<string, string>;

beforeAll(async () => {
  await shop.open();
  folder = await createTemporaryFolder('lacking');
  lacking = await lackingPackage(folder, 'graphile-worker');
});

afterEach(() => endServiceProcesses());

afterAll(async () => {
  await removeTemporaryFolder(folder);
  await shop.close();
});

it('without a webhook and without SAGAS_FILE no package is loaded, and no connection opened', async () => {
  const { SAGAS_FILE: _, ...env } = shop.env;
  const own = await lackingPackage(folder, 'graphile-worker', 'ipaddr.js');
  const service = await startServiceProcess({ ...env, ...own });
  // The relay and the jobs look twice a second; its lease is prolonged every two seconds.
  const leases = new Set<string>();
  await waitFor('the relay to prolong its lease twice', async () => {
    const [held] = await shop.database.query<{ until: string }>(
      `select expires_at::text as until from duties
       where name = 'event_relay' and expires_at > clock_timestamp()`,
    );
    if (held) leases.add(held.until);
    return leases.size >= 3;
  });
  const client = clientOf(service.url);
  expect((await client.post('/api/coupons', { name: 'plain', amount: 1 })).status).toBe(201);
  const claimed = await client.post('/api/coupons/claim', { user_id: 'ada', coupon_name: 'plain' });
  expect(claimed.status, claimed.text).toBe(200);
  client.close();
  const opened = await shop.database.query<{ name: string }>(
    `select distinct application_name as name from pg_stat_activity
     where datname = current_database() and application_name like 'firstcome%'`,
  );
  service.signal('SIGTERM');
  await service.ended();
  expect(opened).toEqual([{ name: 'firstcome' }]);
  const stored = await shop.database.query(
    `select nspname from pg_namespace where nspname = 'firstcome_jobs'
     union all select worker_id from job_workers
     union all select coupon_id::text from event_cursors`,
  );
  expect(stored).toEqual([]);
  expect(service.output()).not.toContain('asked for');
});

it('with SAGAS_FILE a missing package ends the start, with its name', async () => {
  const { code, output } = await runToEnd({ ...shop.env, ...lacking });
  expect(code).not.toBe(0);
  expect(output).toContain('SAGAS_FILE is set, but the package graphile-worker is not installed');
  expect(output).not.toContain('serves on');
});

it('sagas go on where a service that lacks the package for jobs was the first to run the relay', async () => {
  const { SAGAS_FILE: _, ...env } = shop.env;
  const first = await startServiceProcess({ ...env, ...lacking });
  await waitFor('the relay', async () => {
    const held = await shop.database.query(
      `select from duties where name = 'event_relay' and expires_at > clock_timestamp()`,
    );
    return held.length > 0;
  });
  const other = await startServiceProcess(shop.env);
  const { sagaId } = await shop.claim(other.url);
  await shop.until(sagaId, 'D');
  const warning = 'this process cannot run the duty, and another one may';
  await waitFor('the warning', () => first.output().includes(warning));
});

it('with SAGAS_FILE the steps are stored before the service is ready', async () => {
  await startServiceProcess(shop.env);
  const stored = await shop.database.query<{ name: string; steps: number }>(
    `select name, jsonb_array_length(definition -> 'steps') as steps from saga_definitions`,
  );
  expect(stored).toEqual([{ name: 'checkout', steps: 3 }]);
});
