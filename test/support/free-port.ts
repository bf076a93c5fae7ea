// SPDX-License-Identifier: GPL-3.0-or-later
import { randomInt } from 'node:crypto';
import { createServer } from 'node:net';

// Below the range of outgoing connections, and apart from the ports that a bundled PostgreSQL chooses.
const [portMin, portMax] = [10_000, 19_999];
const attemptsMax = 100;

// Each process takes one port after the other from a random one on. Random ones would be taken twice now and then: a
// program listens on its port only some time after it was chosen.
let next = randomInt(portMin, portMax);

/** A port of 127.0.0.1 on which nothing listens, and that no other test is about to use. */
export async function freePort(): Promise<number> {
  for (let attempt = 1; attempt <= attemptsMax; attempt += 1) {
    const port = next;
    next = port === portMax ? portMin : port + 1;
    if (await isFree(port)) return port;
  }
  throw new Error(`there is no free port among ${attemptsMax} below ${next}`);
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once('error', () => resolve(false));
    probe.listen(port, '127.0.0.1', () => probe.close(() => resolve(true)));
  });
}
