// SPDX-License-Identifier: GPL-3.0-or-later
/**
 * A TCP proxy that simulates a distant database. It delays the data of each direction by half of the round trip,
 * keeps its order and does not limit its rate. Runs as its own process. Arguments: host, port, round trip in ms.
 */
import { connect, createServer, type Socket } from 'node:net';
import { DelayLine } from './delay-line.ts';

const [host = '127.0.0.1', port = '5432', roundTripMs = '0'] = process.argv.slice(2);

/** `data` is undefined at the end of the stream. */
type Delivery = { to: Socket; data: Buffer | undefined };

const line = new DelayLine<Delivery>(Number(roundTripMs) / 2);
const sleepCell = new Int32Array(new SharedArrayBuffer(4));
// Node's timers know whole milliseconds only, so the thread sleeps, but never longer than this before it polls the
// sockets again.
const sliceMs = 0.05;
let isRunning = false;

const server = createServer({ noDelay: true }, (client) => {
  const database = connect({ host, port: Number(port), noDelay: true });
  forward(client, database);
  forward(database, client);
});

function forward(from: Socket, to: Socket): void {
  from.on('data', (data: Buffer) => send({ to, data }));
  from.on('end', () => send({ to, data: undefined }));
  from.on('error', () => to.destroy());
}

function send(delivery: Delivery): void {
  line.add(delivery, performance.now());
  if (isRunning) return;
  isRunning = true;
  setImmediate(deliverDue);
}

function deliverDue(): void {
  line.deliver(performance.now(), receive);
  const dueMs = line.nextDueMs;
  if (dueMs === undefined) {
    isRunning = false;
    return;
  }
  const waitMs = Math.min(sliceMs, dueMs - performance.now());
  if (waitMs > 0) Atomics.wait(sleepCell, 0, 0, waitMs);
  setImmediate(deliverDue);
}

function receive({ to, data }: Delivery): void {
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
