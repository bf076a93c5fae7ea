// SPDX-License-Identifier: GPL-3.0-or-later
import { once } from 'node:events';
import { type ClientRequest, type IncomingMessage, request } from 'node:http';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { familyOf, killFamily, stillAlive } from '../support/process-family.ts';
import { endServiceProcesses } from '../support/service-process.ts';
import { createTemporaryFolder, removeTemporaryFolder } from '../support/temporary-folder.ts';
import { hasTerminals, startInTerminal } from '../support/terminal.ts';
import { waitFor } from '../support/wait-for.ts';

let folder: string;

beforeEach(async () => {
  folder = await createTemporaryFolder('terminal');
});

afterEach(async () => {
  await endServiceProcesses();
  await removeTemporaryFolder(folder);
});

const start = (env: Record<string, string> = {}) =>
  startInTerminal(folder, { DATA_DIR: join(folder, 'data'), ...env });

/** Sends a request without its body. A stop waits for the rest. */
async function sendHeaders(url: string): Promise<ClientRequest> {
  const sent = request(`${url}/api/coupons`, {
    ...{ method: 'POST', headers: { Expect: '100-continue' } },
  });
  sent.on('error', () => undefined);
  sent.flushHeaders();
  await once(sent, 'continue');
  return sent;
}

describe.runIf(hasTerminals)('a service in a terminal', () => {
  it('logs plain lines of at most 80 columns in a terminal', async () => {
    const service = await start({ LOG_LEVEL: 'info', ALLOW_ANONYMOUS_ADMIN: 'true' });
    const lines = service.output().split('\n');
    expect(lines).toContainEqual(
      expect.stringMatching(/^\d\d:\d\d:\d\d WARN ALLOW_ANONYMOUS_ADMIN is true: /),
    );
    expect(lines).toContainEqual(
      expect.stringMatching(/^\d\d:\d\d:\d\d service started url=http:\S+ version=/),
    );
    expect(lines.filter((line) => line.startsWith('{'))).toEqual([]);
    // The path of the folder can be longer.
    const others = lines.filter((line) => !line.includes(folder));
    expect(others.filter((line) => line.length > 80)).toEqual([]);
  });

  it('announces at the first Ctrl-C that the next one ends the service at once, and that one does', async () => {
    const service = await start({ SHUTDOWN_TIMEOUT_MS: '600000' });
    const family = familyOf(service.terminal.pid);
    const unfinished = await sendHeaders(service.url);
    service.signal('SIGINT');
    await waitFor('announcement of the stop', () =>
      service
        .output()
        .includes('stopping: finishing requests in hand; Ctrl-C again ends at once\n'),
    );
    await waitFor('end at a later Ctrl-C', () => {
      service.signal('SIGINT');
      return service.exitCode() !== undefined;
    });
    expect(service.exitCode()).toBe(130);
    unfinished.destroy();
    await waitFor('end of every process', () => stillAlive(family).length === 0, {
      timeoutMs: 30_000,
    });
  });

  it('finishes a request in hand after any number of SIGHUPs', async () => {
    const service = await start({ SHUTDOWN_TIMEOUT_MS: '60000' });
    const unfinished = await sendHeaders(service.url);
    service.signal('SIGHUP');
    await waitFor('announcement of the stop', () => service.output().includes('stopping'));
    for (let count = 0; count < 20; count += 1) service.signal('SIGHUP');
    unfinished.end('{"name":"LATE","amount":1}');
    const [answer] = (await once(unfinished, 'response')) as [IncomingMessage];
    expect(answer.statusCode).toBe(201);
    answer.resume();
    await waitFor('end of the service', () => service.exitCode() !== undefined);
    expect(service.exitCode()).toBe(0);
    expect(service.output().match(/stopping/g)).toHaveLength(1);
  });

  it.each(['1', '2'])(
    'stops a service of %s processes normally when its terminal closes',
    async (workers) => {
      const { terminal, exitCode } = await start({ WORKERS: workers, LOG_LEVEL: 'debug' });
      const family = familyOf(terminal.pid);
      try {
        terminal.signal('SIGKILL');
        await waitFor('end of every process', () => stillAlive(family).length === 0);
        expect(exitCode()).toBe(0);
      } finally {
        for (const { pid } of stillAlive(family)) killFamily(pid);
      }
    },
  );
});
