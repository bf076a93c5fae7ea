// SPDX-License-Identifier: GPL-3.0-or-later
/** What a service loads for jobs: nothing without a webhook and without SAGAS_FILE, and before it is ready with the file. */
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
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
  const service = await startServiceProcess({ ...env, ...lacking });
  const jobsOf = () =>
    shop.database.query(
      `select nspname from pg_namespace where nspname = 'firstcome_jobs'
       union all select worker_id from job_workers`,
    );
  await waitFor('the relay', async () => {
    const held = await shop.database.query(
      `select from duties where name = 'event_relay' and expires_at > clock_timestamp()`,
    );
    return held.length > 0;
  });
  service.signal('SIGTERM');
  await service.ended();
  expect(await jobsOf()).toEqual([]);
  expect(service.output()).not.toContain('graphile-worker');
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
  expect(first.output()).toContain('this process cannot run the duty, and another one may');
});

it('with SAGAS_FILE the steps are stored before the service is ready', async () => {
  await startServiceProcess(shop.env);
  const stored = await shop.database.query<{ name: string; steps: number }>(
    `select name, jsonb_array_length(definition -> 'steps') as steps from saga_definitions`,
  );
  expect(stored).toEqual([{ name: 'checkout', steps: 3 }]);
});
