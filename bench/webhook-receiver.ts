// SPDX-License-Identifier: GPL-3.0-or-later
/** A receiver of events that reads each request and answers 204. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

const server = createServer((request, response) => {
  request.on('end', () => response.writeHead(204).end()).resume();
});

server.listen(0, '127.0.0.1', () => {
  const { port } = server.address() as AddressInfo;
  process.stdout.write(`receives on http://127.0.0.1:${port}\n`);
});
