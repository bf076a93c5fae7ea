// SPDX-License-Identifier: GPL-3.0-or-later
/** Many idle connections to a real service, as clients, monitors and operators see them. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { CloseCounts } from '../../src/entrypoints/http/connections/connection-log.ts';
import { Crowd, range, tally } from '../support/crowd.ts';
import { get, RawConnection } from '../support/raw-connection.ts';
import {
  commandOf,
  endServiceProcesses,
  patience,
  type ServiceProcess,
  startServiceProcess,
} from '../support/service-process.ts';
import { waitFor } from '../support/wait-for.ts';

const [workers, max, attackers] = [2, 40, 300];
let dataDir: string;

beforeAll(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'firstcome-connections-'));
});

afterEach(() => endServiceProcesses());

afterAll(() => {
  rmSync(dataDir, { recursive: true, force: true, maxRetries: 5 });
});

function logLines(service: ServiceProcess, text: string): Record<string, unknown>[] {
  return (
    service
      .output()
      .split('\n')
      // The last line may not be complete yet.
      .slice(0, -1)
      .filter((line) => line.includes(text) && line.startsWith('{'))
      .map((line) => JSON.parse(line))
  );
}

describe('a service with two workers', () => {
  it('a service with two workers serves every client while many idle connections are opened, and logs it', async () => {
    const service = await startServiceProcess({
      ...{ ...patience, DATA_DIR: dataDir, WORKERS: String(workers) },
      HTTP_CONNECTIONS_MAX: String(max),
    });
    const port = Number(new URL(service.url).port);
    const crowd = new Crowd({ connectionsMax: 10 });
    await crowd.createCoupon(service.url, 'ATTACKED', 200);

    const idle: RawConnection[] = [];
    const attack = async () => {
      for (const _ of range(attackers)) {
        const connection = await RawConnection.open(port);
        expect((await connection.send(get('/livez')))?.status).toBe(200);
        idle.push(connection);
      }
    };
    const claims = range(200).map((user) =>
      crowd.claimUntilDecided(service.url, {
        ...{ couponName: 'ATTACKED', userId: `user-${user}`, key: `key-${user}` },
      }),
    );
    const health = async () => {
      for (const _ of range(50)) {
        const connection = await RawConnection.open(port);
        expect((await connection.send(get('/readyz')))?.status).toBe(200);
        connection.end();
      }
    };
    const [histories] = await Promise.all([Promise.all(claims), attack(), health()]);
    const answers = histories.flatMap(({ answers: [...all] }) => all);
    // No claim was refused or lost.
    expect(tally(answers)).toEqual({ '200': 200 });

    await waitFor('end of most', () => {
      const open = idle.filter(({ isClosed }) => !isClosed).length;
      return open > 0 && open <= workers * max * 0.9;
    });
    const metrics = await waitFor('metrics of all workers', async () => {
      const { status, body } = await crowd.send(service.url, { path: '/metrics' });
      return status === 200 ? String(body) : undefined;
    });
    const value = (series: string) =>
      Number(
        metrics
          .split('\n')
          .find((line) => line.startsWith(`firstcome_http_connections${series} `))
          ?.split(' ')[1],
      );
    expect(value('_max')).toBe(workers * max);
    expect(value('')).toBeLessThanOrEqual(workers * max * 0.9);
    expect(value('_ratio')).toBeLessThanOrEqual(0.9);
    expect(value('_closed_total{reason="idle"}')).toBeGreaterThan(100);
    const [line] = await waitFor('line of the log', () => {
      const found = logLines(service, 'HTTP_CONNECTIONS_MAX');
      return found.length > 0 ? found : undefined;
    });
    expect(line).toMatchObject({ level: 40, max, closed: { refused: 0, dropped: 0 } });
    expect((line as { closed: CloseCounts } | undefined)?.closed.idle).toBeGreaterThan(0);
    for (const connection of idle) connection.end();
    crowd.close();
  });
});

describe.runIf(process.platform === 'linux')('a service that may open few files', () => {
  it('a service warns at its start if it may open fewer files than connections', async () => {
    const command = ['bash', '-c', 'ulimit -n 1000 && exec "$0" "$@"', ...commandOf(['serve'])];
    const service = await startServiceProcess({ DATA_DIR: dataDir }, command);
    const [line] = logLines(service, 'raise ulimit');
    expect(line).toMatchObject({
      ...{ level: 40, msg: expect.stringContaining('the limit is 1000: raise ulimit -n') },
    });
  });
});
