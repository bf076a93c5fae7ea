// SPDX-License-Identifier: GPL-3.0-or-later
/** One connection to a service, on which a test can write requests as a whole or in pieces. */
import { once } from 'node:events';
import net from 'node:net';
import { type Answer, parseAnswer } from './contract-client.ts';

/** A connection that stays open until either side closes it. */
export class RawConnection {
  readonly socket: net.Socket;
  /** What has arrived and `answer` has not returned yet. */
  received = '';
  /** Resolves when the connection is closed for any reason. */
  readonly closed: Promise<void>;
  isClosed = false;

  private constructor(port: number, host: string) {
    this.socket = net.connect({ port, host });
    this.socket.setEncoding('utf8').on('data', (text: string) => {
      this.received += text;
    });
    // If the service has not read all bytes, it resets the connection.
    this.socket.on('error', () => undefined);
    this.closed = new Promise((resolve) => {
      this.socket.once('close', () => {
        this.isClosed = true;
        resolve();
      });
    });
  }

  static async open(port: number, host = '127.0.0.1'): Promise<RawConnection> {
    const connection = new RawConnection(port, host);
    await Promise.race([once(connection.socket, 'connect'), connection.closed]).catch(
      () => connection.closed,
    );
    return connection;
  }

  /** Sends a request and waits for its answer; undefined if the connection closes without one. */
  async send(request: string): Promise<Answer | undefined> {
    this.write(request);
    return this.answer();
  }

  write(bytes: string): void {
    this.socket.write(bytes);
  }

  /** Waits for the next answer; undefined if the connection closes without one. */
  async answer(): Promise<Answer | undefined> {
    let length = lengthOfFirst(this.received);
    while (length === 0 && !this.isClosed) {
      await Promise.race([once(this.socket, 'data'), this.closed]).catch(() => this.closed);
      length = lengthOfFirst(this.received);
    }
    if (length === 0) return undefined;
    const bytes = this.received.slice(0, length);
    this.received = this.received.slice(length);
    return parseAnswer(bytes);
  }

  end(): void {
    this.socket.destroy();
  }
}

/** A request without a body. */
export function get(path: string): string {
  return `GET ${path} HTTP/1.1\r\nHost: localhost\r\n\r\n`;
}

/** A claim as a client sends it. */
export function claim(user: string, coupon: string): string {
  const body = JSON.stringify({ user_id: user, coupon_name: coupon });
  return (
    'POST /api/coupons/claim HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n' +
    `Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`
  );
}

/** The length of the first answer, 0 while it is not complete. Every answer has a Content-Length and is ASCII. */
function lengthOfFirst(text: string): number {
  const headEnd = text.indexOf('\r\n\r\n');
  if (headEnd < 0) return 0;
  const bodyLength = Number(/^content-length: (\d+)\r$/im.exec(text.slice(0, headEnd + 2))?.[1]);
  const length = headEnd + 4 + bodyLength;
  return text.length < length ? 0 : length;
}
