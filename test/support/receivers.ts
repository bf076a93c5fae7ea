// SPDX-License-Identifier: GPL-3.0-or-later
/** Receivers of events on this machine. */
import { once } from 'node:events';
import http from 'node:http';
import https from 'node:https';
import net, { type AddressInfo } from 'node:net';

/** A request as a receiver got it. */
export type Received = { path: string; headers: http.IncomingHttpHeaders; body: string };

/** A server that a test has started. */
export type Receiver = {
  port: number;
  /** How many connections were opened to it. */
  connections: number;
  received: Received[];
  close(): Promise<void>;
};

/** Answers a request, after it was read. Without it: 204. */
export type Respond = (response: http.ServerResponse, received: Received) => void;

/** Starts a receiver, with HTTPS if it has a certificate. */
export function startReceiver(
  respond: Respond = (response) => response.writeHead(204).end(),
  tls?: { cert: string; key: string },
): Promise<Receiver> {
  const onRequest = async (request: http.IncomingMessage, response: http.ServerResponse) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const { url: path = '', headers } = request;
    const one = { path, headers, body: Buffer.concat(chunks).toString() };
    receiver.received.push(one);
    respond(response, one);
  };
  const server = tls ? https.createServer(tls, onRequest) : http.createServer(onRequest);
  const receiver = receiverOn(server);
  return listening(server, receiver);
}

/** Starts a server that does this with each connection, which has a number from 1. */
export function startRawReceiver(
  onConnection: (socket: net.Socket, number: number) => void,
): Promise<Receiver> {
  const server = net.createServer((socket) => {
    socket.on('error', () => undefined);
    onConnection(socket, receiver.connections);
  });
  const receiver = receiverOn(server);
  return listening(server, receiver);
}

function receiverOn(server: net.Server): Receiver {
  const sockets = new Set<net.Socket>();
  const receiver: Receiver = {
    ...{ port: 0, connections: 0, received: [] },
    async close() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
  server.prependListener('connection', (socket: net.Socket) => {
    receiver.connections += 1;
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });
  return receiver;
}

async function listening(server: net.Server, receiver: Receiver): Promise<Receiver> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  receiver.port = (server.address() as AddressInfo).port;
  return receiver;
}
