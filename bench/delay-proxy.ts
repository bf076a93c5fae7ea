// SPDX-License-Identifier: GPL-3.0-or-later
/**
 * A TCP proxy that makes the database far away: what goes through arrives later by half of the round trip, in order
 * and at any rate. A process of its own. Arguments: host, port, round trip in milliseconds.
 */
import { connect, createServer, type Socket } from 'node:net';
import { DelayLine } from './delay-line.ts';

const [host = '127.0.0.1', port = '5432', roundTripMs = '0'] = process.argv.slice(2);

type Arrival = { to: Socket; data: Buffer | undefined };

const line = new DelayLine<Arrival>(Number(roundTripMs) / 2);
const sleepCell = new Int32Array(new SharedArrayBuffer(4));
// Node's own timers know whole milliseconds only. Between looks at the sockets the thread sleeps this long at most.
const sliceMs = 0.05;
let turning = false;

const server = createServer({ noDelay: true }, (client) => {
  const database = connect({ host, port: Number(port), noDelay: true });
  join(client, database);
  join(database, client);
});

function join(from: Socket, to: Socket): void {
  from.on('data', (data: Buffer) => send({ to, data }));
  from.on('end', () => send({ to, data: undefined }));
  from.on('error', () => to.destroy());
}

function send(arrival: Arrival): void {
  line.put(arrival, performance.now());
  if (turning) return;
  turning = true;
  setImmediate(turn);
}

function turn(): void {
  line.deliver(performance.now(), receive);
  const dueMs = line.nextDueMs;
  if (dueMs === undefined) {
    turning = false;
    return;
  }
  const waitMs = Math.min(sliceMs, dueMs - performance.now());
  if (waitMs > 0) Atomics.wait(sleepCell, 0, 0, waitMs);
  setImmediate(turn);
}

function receive({ to, data }: Arrival): void {
  if (to.destroyed) return;
  if (data === undefined) to.end();
  else to.write(data);
}

server.listen(0, '127.0.0.1', () => {
  const address = server.address();
  const own = typeof address === 'object' && address !== null ? address.port : 0;
  process.stdout.write(`proxy on ${own}\n`);
});
for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => process.exit(0));
