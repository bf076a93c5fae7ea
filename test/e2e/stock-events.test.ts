// SPDX-License-Identifier: GPL-3.0-or-later
/** Many event streams of a service with two workers, and its stop. */
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Crowd, range } from '../support/crowd.ts';
import { EventClient } from '../support/event-client.ts';
import {
  endServiceProcesses,
  patience,
  type ServiceProcess,
  startServiceProcess,
} from '../support/service-process.ts';
import { createTemporaryFolder, removeTemporaryFolder } from '../support/temporary-folder.ts';
import { waitFor } from '../support/wait-for.ts';

const [couponName, streamCount] = ['LIVE', 1_000];
const path = `/api/coupons/${couponName}/events`;

let folder: string;

beforeEach(async () => {
  folder = await createTemporaryFolder('stock-events');
});

afterEach(async () => {
  await endServiceProcesses();
  await removeTemporaryFolder(folder);
});

async function start(env: Record<string, string>): Promise<ServiceProcess> {
  const service = await startServiceProcess({
    ...{ ...patience, DATA_DIR: join(folder, 'data') },
    // Longer than the timeout of the test.
    ...{ SHUTDOWN_TIMEOUT_MS: '600000', ...env },
  });
  return service;
}

/** Opens streams one after the other in a few rows. */
async function openAll({ url }: ServiceProcess): Promise<EventClient[]> {
  const streams: EventClient[] = [];
  const row = async () => {
    while (streams.length < streamCount) {
      const place = streams.push(undefined as never) - 1;
      streams[place] = await EventClient.open(url, path);
    }
  };
  await Promise.all(range(20).map(row));
  return streams;
}

async function metricOf({ url }: ServiceProcess, name: string): Promise<number> {
  const text = await (await fetch(`${url}/metrics`)).text();
  return Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(text)?.[1]);
}

describe('a service with a thousand event streams', () => {
  it('shows all of them the last claim of each worker, and ends them at once when it stops', async () => {
    const service = await start({ WORKERS: '2', EVENT_WRITES_PER_SECOND_MAX: '1000' });
    const crowd = new Crowd({ connectionsMax: 10 });
    await crowd.createCoupon(service.url, couponName, 500);
    const streams = await openAll(service);
    // Until both workers have sent their metrics, there are none.
    await waitFor('metrics of all streams', async () => {
      return (await metricOf(service, 'firstcome_event_streams')) === streamCount;
    });
    await Promise.all(
      range(200).map((user) =>
        crowd.claimUntilDecided(service.url, {
          ...{ couponName, userId: `user-${user}`, key: `key-${user}` },
        }),
      ),
    );
    crowd.close();
    await waitFor('last claim', () => streams.every(({ last }) => last?.remaining_amount === 300));
    for (const { events, status } of streams) {
      expect(status).toBe(200);
      const ids = events.map(({ id }) => Number(id));
      expect(ids).toEqual(ids.toSorted((one, other) => one - other));
    }

    service.signal('SIGTERM');
    expect(await service.ended(), service.output()).toEqual({ code: 0, signal: null });
    await waitFor('end of all streams', () => streams.every(({ isClosed }) => isClosed));
    for (const { received } of streams) expect(received).toMatch(/\n\nretry: \d+\n\n$/);
  });

  it('serves them during SHUTDOWN_DELAY_MS, while /readyz sends new clients elsewhere', async () => {
    // Long enough for all calls on a busy machine.
    const service = await start({ SHUTDOWN_DELAY_MS: '10000' });
    const crowd = new Crowd();
    await crowd.createCoupon(service.url, couponName, 10);
    const stream = await EventClient.open(service.url, path);
    await stream.until({ remaining_amount: 10 });
    service.signal('SIGTERM');
    await waitFor('drain', async () => (await fetch(`${service.url}/readyz`)).status === 503);
    await crowd.claim(service.url, { couponName, userId: 'ada' });
    crowd.close();
    await stream.until({ remaining_amount: 9 });
    expect(await service.ended(), service.output()).toEqual({ code: 0, signal: null });
    await stream.untilClosed();
    expect(stream.retries).toHaveLength(2);
  });
});
