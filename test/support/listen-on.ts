// SPDX-License-Identifier: GPL-3.0-or-later
import { once } from 'node:events';
import { createServer, type Server } from 'node:net';

/** Listens as soon as the port is free. */
export async function listenOn(port: number): Promise<Server> {
  for (;;) {
    const server = createServer();
    server.listen(port, '127.0.0.1');
    const isListening = await Promise.race([
      once(server, 'listening').then(() => true),
      once(server, 'error').then(() => false),
    ]).catch(() => false);
    if (isListening) return server;
  }
}
