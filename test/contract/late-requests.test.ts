// SPDX-License-Identifier: GPL-3.0-or-later
/** When a request is late, and what happens to a connection without one. */
import { afterEach, describe, expect, it } from 'vitest';
import { expectProblem } from '../support/contract-problems.ts';
import { useService } from '../support/contract-service.ts';
import { claim, get, RawConnection } from '../support/raw-connection.ts';
import { missed } from '../support/wait-for.ts';

const opened: RawConnection[] = [];

afterEach(() => {
  for (const connection of opened.splice(0)) connection.end();
});

async function openOne(port: number): Promise<RawConnection> {
  const connection = await RawConnection.open(port);
  opened.push(connection);
  return connection;
}

describe('a connection that sends nothing at first', () => {
  const service = useService({ HTTP_HEADERS_TIMEOUT_MS: '300', HTTP_REQUEST_TIMEOUT_MS: '300' });

  /** A silent connection for which the service has checked the time for headers after it was over. */
  async function openLongAgo(): Promise<RawConnection> {
    const silent = await openOne(service.client.port);
    // This one is opened later and closed as slow, so the time of the silent one is over too.
    const slow = await openOne(service.client.port);
    slow.write('G');
    await slow.closed;
    expect((await slow.answer())?.status).toBe(408);
    return silent;
  }

  it('a connection is served although its first request comes later than headers may take', async () => {
    const silent = await openLongAgo();
    const coupon = await service.createCoupon();
    const answer = await silent.send(claim('ada', coupon));
    expect(answer?.status, answer?.text).toBe(200);
    expect((await silent.send(get('/livez')))?.status).toBe(200);
    expect(silent.received).toBe('');
  });

  it('a late first request has no more time from its first byte than any other', async () => {
    const silent = await openLongAgo();
    silent.write('G');
    const answer = await silent.answer();
    expect(answer).toBeDefined();
    if (answer !== undefined) expectProblem(answer, 'request_timeout');
    await silent.closed;
  });
});

describe('a connection that never sends anything', () => {
  const service = useService({
    ...{ HTTP_HEADERS_TIMEOUT_MS: '100', HTTP_REQUEST_TIMEOUT_MS: '100' },
    HTTP_KEEP_ALIVE_TIMEOUT_MS: '100',
  });

  it('a connection that never sends anything is closed without a response', async () => {
    const silent = await openOne(service.client.port);
    await silent.closed;
    expect(silent.received).toBe('');
  });
});

describe('a request that has arrived when the service checks the time', () => {
  const [timeoutMs, checkMs] = [500, 1000];
  const service = useService({
    HTTP_HEADERS_TIMEOUT_MS: String(timeoutMs),
    HTTP_REQUEST_TIMEOUT_MS: String(timeoutMs),
  });

  /** Blocks this process, and with it the service, until all timeouts are over and unread bytes have arrived. */
  function pauseService(): void {
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, timeoutMs + 2 * checkMs);
  }

  it.each([
    ['headers', 30],
    ['body', -5],
  ])(
    'a request that arrived in time is decided although its %s is read late',
    async (_part, cut) => {
      const coupon = await service.createCoupon();
      const request = claim('ada', coupon);
      const openedMs = performance.now();
      const connection = await openOne(service.client.port);
      connection.write(request.slice(0, cut));
      // The first part is read, since a later call on another connection is answered.
      expect((await service.client.get('/livez')).status).toBe(200);
      connection.write(request.slice(cut));
      if (performance.now() - openedMs > timeoutMs / 2) missed('the request was sent too late');
      pauseService();
      const answer = await connection.answer();
      expect(answer?.status, answer?.text).toBe(200);
      expect(answer?.json).toMatchObject({ user_id: 'ada', position: 1 });
    },
  );
});
