// SPDX-License-Identifier: GPL-3.0-or-later
import { once } from 'node:events';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { type ClientRequest, type IncomingMessage, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  endServiceProcesses,
  familyOf,
  killFamily,
  stillAlive,
} from '../support/service-process.ts';
import { hasTerminals, startInTerminal } from '../support/terminal.ts';
import { waitFor } from '../support/wait-for.ts';

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'firstcome-terminal-'));
  await chmod(folder, 0o755);
});

afterEach(async () => {
  await endServiceProcesses();
  await rm(folder, { recursive: true, force: true, maxRetries: 5 });
});

const start = (env: Record<string, string> = {}) =>
  startInTerminal(folder, { DATA_DIR: join(folder, 'data'), ...env });

/** A request whose body is missing, which a stop waits for. */
async function askHalf(url: string): Promise<ClientRequest> {
  const asking = request(`${url}/api/coupons`, {
    ...{ method: 'POST', headers: { Expect: '100-continue' } },
  });
  asking.on('error', () => undefined);
  asking.flushHeaders();
  await once(asking, 'continue');
  return asking;
}

describe.runIf(hasTerminals)('a service in a terminal', () => {
  it('logs in plain lines that fit, and no JSON', async () => {
    const service = await start({ LOG_LEVEL: 'info', ALLOW_ANONYMOUS_ADMIN: 'true' });
    const lines = service.output().split('\n');
    expect(lines).toContainEqual(
      expect.stringMatching(/^\d\d:\d\d:\d\d WARN ALLOW_ANONYMOUS_ADMIN is true: /),
    );
    expect(lines).toContainEqual(
      expect.stringMatching(/^\d\d:\d\d:\d\d service started url=http:\S+ version=/),
    );
    expect(lines.filter((line) => line.startsWith('{'))).toEqual([]);
    // But those that name the folder, which is as long as it is.
    const ours = lines.filter((line) => !line.includes(folder));
    expect(ours.filter((line) => line.length > 80)).toEqual([]);
  });

  it('says at the first Ctrl-C that the next one ends it at once, and then it does', async () => {
    const service = await start({ SHUTDOWN_TIMEOUT_MS: '600000' });
    const family = familyOf(service.terminal.pid);
    const asking = await askHalf(service.url);
    service.signal('SIGINT');
    await waitFor('word of the stop', () =>
      service
        .output()
        .includes('stopping: answering what is under way; Ctrl-C again ends at once\n'),
    );
    await waitFor('end at a later Ctrl-C', () => {
      service.signal('SIGINT');
      return service.exitCode() !== undefined;
    });
    expect(service.exitCode()).toBe(130);
    asking.destroy();
    await waitFor('end of every process', () => stillAlive(family).length === 0, {
      timeoutMs: 30_000,
    });
  });

  it('leaves a request the time it needs, however often the terminal says that it closes', async () => {
    const service = await start({ SHUTDOWN_TIMEOUT_MS: '60000' });
    const asking = await askHalf(service.url);
    const firstMs = performance.now();
    await waitFor('signals beyond the time in which two are one', () => {
      service.signal('SIGHUP');
      return performance.now() - firstMs > 1_500;
    });
    asking.end('{"name":"LATE","amount":1}');
    const [answer] = (await once(asking, 'response')) as [IncomingMessage];
    expect(answer.statusCode).toBe(201);
    answer.resume();
    await waitFor('end of the service', () => service.exitCode() !== undefined);
    expect(service.exitCode()).toBe(0);
    expect(service.output().match(/stopping/g)).toHaveLength(1);
  });

  it.each(['1', '2'])('stops, with %s processes, in order when it closes', async (workers) => {
    const { terminal, exitCode } = await start({ WORKERS: workers, LOG_LEVEL: 'debug' });
    const family = familyOf(terminal.pid);
    try {
      terminal.signal('SIGKILL');
      await waitFor('end of every process', () => stillAlive(family).length === 0);
      expect(exitCode()).toBe(0);
    } finally {
      for (const { pid } of stillAlive(family)) killFamily(pid);
    }
  });
});
