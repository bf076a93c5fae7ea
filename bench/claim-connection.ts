// SPDX-License-Identifier: GPL-3.0-or-later
/** One keep-alive connection that sends claims: HTTP/1.1 over a socket, with little CPU time for each request. */
import { connect, type Socket } from 'node:net';

/** The fields of an HTTP response that a claim needs. */
export type ClaimAnswer = {
  status: number;
  isReplay: boolean;
  body: string;
};

const digits = 11;
const readBytes = 16_384;

/**
 * Sends one request at a time. All claims share one request buffer, into which each writes its user's digits. That is
 * safe: the previous response has arrived, so the bytes of the previous request have been sent.
 */
export class ClaimConnection {
  private readonly address: { host: string; port: number };
  private readonly request: Buffer;
  private readonly userOffset: number;
  private readonly keyOffset: number;
  private readonly onAnswer: (connection: ClaimConnection, answer: ClaimAnswer) => void;
  private readonly onConnectionLost: (connection: ClaimConnection) => void;
  private socket: Socket | undefined;
  private pending = '';
  private isWaiting = false;

  constructor(options: {
    host: string;
    port: number;
    couponName: string;
    onAnswer(connection: ClaimConnection, answer: ClaimAnswer): void;
    /** The connection broke before the response arrived. */
    onConnectionLost(connection: ClaimConnection): void;
  }) {
    const { host, port, couponName } = options;
    this.address = { host, port };
    this.onAnswer = options.onAnswer;
    this.onConnectionLost = options.onConnectionLost;
    const blank = '0'.repeat(digits);
    const body = JSON.stringify({ user_id: `user-${blank}`, coupon_name: couponName });
    const head = [
      'POST /api/coupons/claim HTTP/1.1',
      `Host: ${host}:${port}`,
      'Content-Type: application/json',
      `Idempotency-Key: drop-${blank}`,
      `Content-Length: ${Buffer.byteLength(body)}`,
    ].join('\r\n');
    this.request = Buffer.from(`${head}\r\n\r\n${body}`);
    this.keyOffset = this.request.indexOf(`drop-${blank}`) + 'drop-'.length;
    this.userOffset = this.request.indexOf(`user-${blank}`) + 'user-'.length;
  }

  /** Resolves when the connection is established. */
  open(): Promise<void> {
    return new Promise((resolve, reject) => {
      const socket = connect({
        ...this.address,
        noDelay: true,
        onread: {
          buffer: Buffer.allocUnsafe(readBytes),
          callback: (bytes, buffer) => this.read(Buffer.from(buffer.buffer, 0, bytes)),
        },
      });
      socket.once('connect', resolve);
      socket.once('error', reject);
      socket.on('error', () => undefined);
      socket.once('close', () => this.onClose());
      this.socket = socket;
    });
  }

  /** Claims for the user with these eleven digits, which are also the idempotency key. */
  claim(userDigits: string): void {
    this.request.write(userDigits, this.keyOffset, 'latin1');
    this.request.write(userDigits, this.userOffset, 'latin1');
    this.isWaiting = true;
    this.socket?.write(this.request);
  }

  /** Closes without waiting. */
  close(): void {
    this.isWaiting = false;
    this.socket?.destroy();
  }

  private read(bytes: Buffer): true {
    const text = this.pending + bytes.toString('latin1');
    const bodyAt = text.indexOf('\r\n\r\n') + 4;
    const lengthAt = bodyAt < 4 ? -1 : text.search(/\r\ncontent-length: /i);
    const bodyBytes = lengthAt < 0 ? 0 : Number.parseInt(text.slice(lengthAt + 18, bodyAt), 10);
    if (bodyAt < 4 || text.length < bodyAt + bodyBytes) {
      this.pending = text;
      return true;
    }
    this.pending = '';
    this.isWaiting = false;
    const status = Number.parseInt(text.slice(9, 12), 10);
    const isReplay = status === 200 && /\r\nidempotency-replayed: true\r\n/i.test(text);
    this.onAnswer(this, { status, isReplay, body: text.slice(bodyAt, bodyAt + bodyBytes) });
    return true;
  }

  private onClose(): void {
    this.socket = undefined;
    this.pending = '';
    if (!this.isWaiting) return;
    this.isWaiting = false;
    this.onConnectionLost(this);
  }
}
