// SPDX-License-Identifier: GPL-3.0-or-later
/** Connections for tests that write requests byte by byte, and requests as bytes. */
import net from 'node:net';
import { type Answer, type Client, parseAnswer } from './contract-client.ts';
import { waitFor } from './wait-for.ts';

/** A connection on which a test can write bytes at any time. It stays open until the service closes it. */
export function connectTo({ client }: { client: Client }) {
  const socket = net.connect({ port: client.port, host: '127.0.0.1', allowHalfOpen: true });
  const connection = {
    socket,
    received: '',
    failed: undefined as Error | undefined,
    closed: new Promise((resolve) => socket.once('close', resolve)),
    /** The answers so far; the last one may not be complete. */
    answers: (): Answer[] => textsOf(connection.received).map(parseAnswer),
    /** Waits for this many answers with their bodies. */
    untilAnswers: (count: number) =>
      waitFor(`answer ${count}`, () => {
        const texts = textsOf(connection.received);
        return texts.length >= count && texts.every(isWhole) ? texts.map(parseAnswer) : undefined;
      }),
  };
  socket.setEncoding('utf8').on('data', (text: string) => {
    connection.received += text;
  });
  socket.on('error', (error) => {
    connection.failed = error;
  });
  return connection;
}

function textsOf(received: string): string[] {
  return received.split(/(?=HTTP\/1\.1 \d{3} )/).filter((text) => text !== '');
}

function isWhole(text: string): boolean {
  const answer = parseAnswer(text);
  const length = Number(answer.headers['content-length'] ?? 0);
  return text.includes('\r\n\r\n') && Buffer.byteLength(answer.text) === length;
}

/** A request of HTTP/1.1 as bytes. */
export function requestOf(line: string, headers: string[], body = ''): string {
  return `${line} HTTP/1.1\r\n${['Host: localhost', ...headers].join('\r\n')}\r\n\r\n${body}`;
}

/** A claim as bytes. */
export function claimOf(coupon: string, user: string, ...headers: string[]): string {
  const body = JSON.stringify({ user_id: user, coupon_name: coupon });
  return requestOf('POST /api/coupons/claim', [`Content-Length: ${body.length}`, ...headers], body);
}

/** A complete body of this many bytes in one chunk. */
export function chunked(bytes: number): string {
  return `${bytes.toString(16)}\r\n${'x'.repeat(bytes)}\r\n0\r\n\r\n`;
}
