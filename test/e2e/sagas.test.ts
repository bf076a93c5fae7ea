// SPDX-License-Identifier: GPL-3.0-or-later
/** What an operator does about sagas on the command line, while the service runs them. */
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { clientOf } from '../support/contract-client.ts';
import {
  endServiceProcesses,
  patience,
  runToEnd,
  startServiceProcess,
} from '../support/service-process.ts';
import { createTemporaryFolder, removeTemporaryFolder } from '../support/temporary-folder.ts';
import { waitFor } from '../support/wait-for.ts';

const adminKey = 'admin-key-of-thirty-two-characters!';

let folder: string;
let participant: Server;
/** What the participant answers. */
let status: number;

beforeEach(async () => {
  folder = await createTemporaryFolder('sagas');
  participant = createServer((request, response) => {
    request.resume();
    response.writeHead(status).end();
  });
  await once(participant.listen(0, '127.0.0.1'), 'listening');
});

afterEach(async () => {
  await endServiceProcesses();
  participant.closeAllConnections();
  participant.close();
  await removeTemporaryFolder(folder);
});

/** A service with a saga of one step that cannot be undone, and is called once. */
async function startService() {
  const { port } = participant.address() as AddressInfo;
  const step = { name: 'code', kind: 'http', participant: 'mailer', run: '/codes' };
  const sagas = {
    participants: { mailer: { url: `http://127.0.0.1:${port}`, secret_env: 'MAILER_SECRET' } },
    sagas: { checkout: { steps: [{ ...step, can_be_undone: false, attempts: 1 }] } },
  };
  const file = join(folder, 'sagas.json');
  await writeFile(file, JSON.stringify(sagas));
  const service = await startServiceProcess({
    ...patience,
    ...{ DATA_DIR: join(folder, 'data'), ADMIN_API_KEY: adminKey },
    ...{ SAGAS_FILE: file, MAILER_SECRET: 'm'.repeat(32) },
  });
  return {
    url: service.url,
    client: clientOf(service.url, { Authorization: `Bearer ${adminKey}` }),
  };
}

it('an operator finds the sagas that need attention, retries one, resolves one, and reads who did', async () => {
  status = 500;
  const { url, client } = await startService();
  const run = (...args: string[]) => runToEnd({ ADMIN_API_KEY: adminKey }, [...args, '--url', url]);
  const sale = { name: 'LAUNCH', amount: 5, hold_seconds: 600, saga: 'checkout' };
  expect((await client.post('/api/coupons', sale)).status).toBe(201);
  const ids: Record<string, string> = {};
  for (const user of ['ada', 'bob']) {
    ids[user] = (await client.claim(user, 'LAUNCH')).json.saga_id;
  }
  const { ada = '', bob = '' } = ids;
  const inAttention = async () => {
    const { json } = await client.get('/api/sagas?state=needs_attention');
    return json.sagas.length === 2;
  };
  await waitFor('need of attention', inAttention, { timeoutMs: 120_000 });

  const listed = await run('sagas', 'list', '--state', 'needs_attention');
  expect(listed.code, listed.output).toBe(0);
  expect(listed.output).toContain(`${ada}  needs_attention  20`);
  expect(listed.output).toContain('saga "checkout", coupon "LAUNCH", user "bob"');
  const shown = await run('sagas', 'show', ada);
  expect(shown.output).toMatch(/^step 1 +code \(mailer\): unknown, 1 call, status 500$/m);
  const refused = await run('claims', 'confirm', 'LAUNCH', 'ada');
  expect(refused.code).toBe(1);
  expect(refused.output).toContain(`See it with: firstcome sagas show ${ada}`);

  status = 204;
  const retried = await run('sagas', 'retry', ada);
  expect(retried.code, retried.output).toBe(0);
  const note = 'the code was never sent';
  const resolved = await run('sagas', 'resolve', bob, '--as', 'compensated', '--note', note);
  expect(resolved.code, resolved.output).toBe(0);
  const hasEnded = (state: string, id: string) => async () =>
    (await client.get(`/api/sagas/${id}`)).json.state === state;
  await waitFor('end of the retried saga', hasEnded('done', ada), { timeoutMs: 120_000 });
  await waitFor('end of the resolved saga', hasEnded('compensated', bob), { timeoutMs: 120_000 });

  const claim = await run('claims', 'show', 'LAUNCH', 'ada');
  expect(claim.output).toMatch(/^state +confirmed$/m);
  expect(claim.output).toMatch(/^saga_state +done$/m);
  const gone = await run('claims', 'show', 'LAUNCH', 'bob');
  expect(gone.code).toBe(1);
  const again = await run('sagas', 'retry', ada);
  expect(again.code).toBe(1);
  expect(again.output).toContain('must be a saga that needs attention');
  const log = await run('log');
  expect(log.output).toMatch(new RegExp(`admin +retry_saga +"LAUNCH" +saga_id ${ada}`));
  expect(log.output).toMatch(
    new RegExp(`resolve_saga +"LAUNCH" +saga_id ${bob}.*reason "${note}"`),
  );
  client.close();
});
