// SPDX-License-Identifier: GPL-3.0-or-later
/**
 * Clients of event streams in a process of their own: `node stream-clients.js <url of the events> <count>`. Prints a line when
 * all streams are open, and then every half second what they show.
 */
import { connect } from 'node:net';

const [address = '', countText = ''] = process.argv.slice(2);
const { hostname, port, pathname } = new URL(address);
const count = Number(countText);
// As many at a time as a service accepts without a wait.
const openingMax = 200;
// How long the events of all streams gather before they are read.
const gatherMs = 250;

// All sockets read into it, one after the other.
const buffer = Buffer.alloc(65_536);
const name = Buffer.from('"remaining_amount":');
const zero = 48;
const pause = new Int32Array(new SharedArrayBuffer(4));

let opened = 0;
let closed = 0;
/** What each stream showed last, and how many streams show each. */
const last: (number | undefined)[] = [];
const streamsOf = new Map<number, number>();

for (let index = 0; index < Math.min(openingMax, count); index += 1) openFrom(index);

setInterval(() => {
  const shown = [...streamsOf.keys()];
  say({ closed, lowest: Math.min(...shown), highest: Math.max(...shown) });
}, 500);

/**
 * Opens a stream, and the next one of its row when the first event has arrived. The clients share the processor with what is
 * measured, so they look for one number and allocate nothing.
 */
function openFrom(index: number): void {
  const onRead = (bytes: number) => {
    const remaining = lastRemaining(bytes);
    if (remaining === undefined) return true;
    const isFirst = last[index] === undefined;
    show(index, remaining);
    if (!isFirst) return true;
    opened += 1;
    if (index + openingMax < count) openFrom(index + openingMax);
    if (opened === count) {
      process.stdout.write(`all streams are open: ${count}\n`);
      readInTurns();
    }
    return true;
  };
  const onread = { buffer, callback: onRead };
  const socket = connect({ host: hostname, port: Number(port), onread });
  socket.on('error', () => undefined);
  socket.once('close', () => {
    closed += 1;
  });
  socket.write(`GET ${pathname} HTTP/1.1\r\nHost: ${hostname}\r\n\r\n`);
}

/**
 * Lets events gather, and then reads those of all streams. A process that waits for the next event is woken by each write, and
 * the service pays for that. Clients on other machines cost it nothing of the kind.
 */
function readInTurns(): void {
  Atomics.wait(pause, 0, 0, gatherMs);
  setImmediate(readInTurns);
}

/** The number in the last event among these bytes. An event is written at once, so it arrives whole. */
function lastRemaining(bytes: number): number | undefined {
  const start = buffer.lastIndexOf(name, bytes - 1);
  if (start < 0) return undefined;
  let remaining = 0;
  for (let at = start + name.length; at < bytes; at += 1) {
    const digit = (buffer[at] as number) - zero;
    if (digit < 0 || digit > 9) break;
    remaining = remaining * 10 + digit;
  }
  return remaining;
}

function show(index: number, remaining: number): void {
  const before = last[index];
  if (before !== undefined) {
    const others = (streamsOf.get(before) ?? 1) - 1;
    if (others === 0) streamsOf.delete(before);
    else streamsOf.set(before, others);
  }
  last[index] = remaining;
  streamsOf.set(remaining, (streamsOf.get(remaining) ?? 0) + 1);
}

function say(figures: Record<string, number>): void {
  process.stdout.write(`SHOWN ${JSON.stringify(figures)}\n`);
}
