// SPDX-License-Identifier: GPL-3.0-or-later
/** A trace collector that stores nothing: counts the exports and their bytes, and returns the counts on GET. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

let count = 0;
let bytes = 0;

const server = createServer((request, response) => {
  if (request.method === 'GET') {
    response.end(JSON.stringify({ count, bytes }));
    return;
  }
  const isExport = request.url === '/v1/traces';
  request.on('data', (chunk: Buffer) => {
    if (isExport) bytes += chunk.length;
  });
  request.on('end', () => {
    if (isExport) count += 1;
    // An empty response, in either encoding.
    const type = request.headers['content-type'] ?? 'application/x-protobuf';
    const body = type.includes('json') ? '{}' : '';
    response.writeHead(isExport ? 200 : 404, { 'content-type': type }).end(body);
  });
});

server.listen(0, '127.0.0.1', () => {
  const { port } = server.address() as AddressInfo;
  process.stdout.write(`receives on http://127.0.0.1:${port}\n`);
});
