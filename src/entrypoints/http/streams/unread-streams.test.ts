// SPDX-License-Identifier: GPL-3.0-or-later
/** Streams over real connections whose clients stop reading. */
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import net, { type AddressInfo } from 'node:net';
import { afterEach, expect, it } from 'vitest';
import { aStockView, FakeStockViews } from '../../../../test/support/fake-stock-views.ts';
import { FixedClock } from '../../../../test/support/fixed-clock.ts';
import { waitFor } from '../../../../test/support/wait-for.ts';
import { StockStreams } from './stock-streams.ts';
import { StreamCounts } from './stream-counts.ts';

// More than the kernel keeps for a connection to this machine.
const unreadBytes = 32 * 1024 * 1024;

const servers: Server[] = [];

afterEach(() => {
  for (const server of servers.splice(0)) server.close().closeAllConnections();
});

/** Opens a stream to a client that does not read, and fills its connection. */
async function openUnread() {
  const clock = new FixedClock();
  const views = new FakeStockViews();
  views.set(aStockView({ name: 'C', remainingAmount: 9 }));
  const counts = new StreamCounts(10);
  const limits = { counts, writesPerSecondMax: 1_000, random: () => 0 };
  const streams = new StockStreams({ ...limits, clock, views });
  const server = createServer((request, response) => {
    response.removeHeader('Transfer-Encoding');
    response.write(Buffer.alloc(unreadBytes, ' '));
    const target = { response, connection: request.socket };
    void streams.open({
      ...{ couponName: 'C', lastEventId: undefined },
      startResponse: () => target,
    });
  });
  servers.push(server);
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const client = net.connect((server.address() as AddressInfo).port, '127.0.0.1').pause();
  client.on('error', () => undefined);
  client.write('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n');
  await waitFor('open stream', () => counts.state().opened >= 1);
  /** Reads all that arrives from now on; returns the end of it. */
  const read = () => {
    let end = '';
    client
      .setEncoding('latin1')
      .on('data', (text: string) => {
        end = (end + text).slice(-1_000);
      })
      .resume();
    return () => end;
  };
  return { clock, views, counts, streams, client, read };
}

it('a client that reads again gets the newest event, and none of those that it has missed', async () => {
  const { counts, clock, views, read } = await openUnread();
  for (const remainingAmount of [8, 7, 6]) {
    views.set(aStockView({ name: 'C', remainingAmount }));
    await clock.advance(1_000);
  }
  expect(counts.state().written).toBe(1);
  const end = read();
  await waitFor('newest event', async () => {
    await clock.advance(100);
    return end().includes('"remaining_amount":6');
  });
  expect(end()).not.toMatch(/"remaining_amount":[78]/);
});

it('a client that does not read is cut after 15 to 30 seconds', async () => {
  const { counts, clock } = await openUnread();
  await clock.advance(14_000);
  expect(counts.state().open).toBe(1);
  await clock.advance(16_000);
  await waitFor('end of the stream', () => counts.state().open === 0);
  expect(counts.state().dropped).toBe(1);
});

it('a stop cuts a client that does not read', async () => {
  const { counts, streams } = await openUnread();
  streams.stop();
  await waitFor('end of the stream', () => counts.state().open === 0);
});
