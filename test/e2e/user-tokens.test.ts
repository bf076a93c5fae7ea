// SPDX-License-Identifier: GPL-3.0-or-later
/** The file with the keys of user tokens, in a service of several processes. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { familyOf } from '../support/process-family.ts';
import {
  endServiceProcesses,
  patience,
  type ServiceProcess,
  startServiceProcess,
} from '../support/service-process.ts';
import { createTemporaryFolder, removeTemporaryFolder } from '../support/temporary-folder.ts';
import { accepted, newSigningKey, signToken, toKeySet, toPem } from '../support/user-tokens.ts';
import { waitFor } from '../support/wait-for.ts';

const [oldKey, newKey] = [newSigningKey('EdDSA', 'old'), newSigningKey('ES256', 'new')];
let folder: string;
beforeEach(async () => {
  folder = await createTemporaryFolder('tokens');
});
afterEach(async () => {
  await endServiceProcesses();
  await removeTemporaryFolder(folder);
});

/** The statuses of claims of a coupon that does not exist, each over its own connection, so that every worker gets some. */
async function statusesOf(service: ServiceProcess, token: string): Promise<number[]> {
  const statuses = await Promise.all(
    Array.from({ length: 12 }, async () => {
      const { status } = await fetch(`${service.url}/api/coupons/claim`, {
        ...{ method: 'POST', body: '{"coupon_name":"NONE"}' },
        headers: { Authorization: `Bearer ${token}`, Connection: 'close' },
      });
      return status;
    }),
  );
  return [...new Set(statuses)];
}

it('every worker uses the keys of the file, also one that starts while the file is broken', async () => {
  const file = join(folder, 'keys');
  await writeFile(file, toKeySet([oldKey]));
  const service = await startServiceProcess({
    ...patience,
    ...{ DATA_DIR: join(folder, 'data'), WORKERS: '2', LOG_LEVEL: 'info' },
    ...{ USER_TOKEN_KEYS: file, ...accepted },
  });
  const [oldToken, newToken] = [await signToken(oldKey), await signToken(newKey)];
  expect(await statusesOf(service, oldToken)).toEqual([404]);
  expect(await statusesOf(service, newToken)).toEqual([401]);

  await writeFile(file, 'not a key');
  service.signal('SIGHUP');
  await waitFor('log of the mistake', () => service.output().includes('the keys were not changed'));
  if (process.platform === 'linux') {
    const workers = familyOf(service.pid).filter(({ command }) =>
      /main\.[jt]s worker /.test(command),
    );
    expect(workers).toHaveLength(2);
    for (const { pid } of workers) process.kill(pid, 'SIGKILL');
    await waitFor('answers of other workers', async () => {
      const statuses = await statusesOf(service, oldToken).catch(() => []);
      return statuses.length === 1 && statuses[0] === 404;
    });
  }

  await writeFile(file, toPem(newKey));
  service.signal('SIGHUP');
  await waitFor('new keys in every worker', async () => {
    const [old, next] = [await statusesOf(service, oldToken), await statusesOf(service, newToken)];
    return `${old} ${next}` === '401 404';
  });
  await waitFor('log of the change', () =>
    service.output().includes('"changed":["USER_TOKEN_KEYS"]'),
  );
});
