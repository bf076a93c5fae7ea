// SPDX-License-Identifier: GPL-3.0-or-later
import { connect, type Socket } from 'node:net';
import { type Answer, AnswerParser, type Unreadable } from './answer-parser.ts';

/** Receives the result of a request. Each request ends in exactly one of these calls, unless it is dropped. */
export type ConnectionOwner = {
  onAnswer(answer: Answer): void;
  /** No connection was established, so not a byte of the request was sent. */
  onUnsent(): void;
  /** The request was sent, and no readable answer will arrive. */
  onAnswerLost(reason: 'reset' | Unreadable): void;
};

/** The address of a node. */
export type Address = { host: string; port: number };

const readBytes = 16 * 1024;

/** One keep-alive connection to a node, opened on demand, with one request at a time. */
export class Connection {
  private readonly address: Address;
  private readonly owner: ConnectionOwner;
  private readonly parser = new AnswerParser();
  private readonly buffer = Buffer.allocUnsafeSlow(readBytes);
  private socket: Socket | undefined;
  private isOpen = false;
  private isWaiting = false;
  private unsent: string | undefined;
  private onOpened: (() => void) | undefined;

  constructor(address: Address, owner: ConnectionOwner) {
    this.address = address;
    this.owner = owner;
  }

  /** Whether bytes of the request under way were sent, so that it may have an effect. */
  get isSent(): boolean {
    return this.isWaiting && this.unsent === undefined;
  }

  /** Opens the connection ahead of the first request. Resolves on failure too: the request then reports it. */
  open(): Promise<void> {
    return new Promise((resolve) => {
      this.onOpened = resolve;
      this.connect();
    });
  }

  /** Sends the full text of a request. */
  send(text: string): void {
    this.isWaiting = true;
    if (this.isOpen) {
      this.socket?.write(text);
      return;
    }
    this.unsent = text;
    if (this.socket === undefined) this.connect();
  }

  /** Closes the connection without a callback for a request under way. The next request opens a new one. */
  drop(): void {
    const socket = this.socket;
    this.forget();
    socket?.destroy();
  }

  /** Resets the connection with a request under way. After an orderly close, TIME_WAIT would use up the ports. */
  abandon(): void {
    const { socket, isOpen } = this;
    this.forget();
    if (isOpen) socket?.resetAndDestroy();
    else socket?.destroy();
  }

  private connect(): void {
    const socket = connect({
      ...this.address,
      noDelay: true,
      onread: {
        buffer: this.buffer,
        callback: (bytes) => {
          if (this.socket === socket) this.read(bytes);
          return true;
        },
      },
    });
    this.socket = socket;
    socket.once('connect', () => {
      if (this.socket === socket) this.onConnect(socket);
    });
    // "close" follows and is handled below.
    socket.on('error', () => undefined);
    socket.once('end', () => this.onClose(socket));
    socket.once('close', () => this.onClose(socket));
  }

  private onConnect(socket: Socket): void {
    this.isOpen = true;
    this.onOpened?.();
    this.onOpened = undefined;
    const text = this.unsent;
    this.unsent = undefined;
    if (text !== undefined) socket.write(text);
  }

  private read(bytes: number): void {
    const answer = this.isWaiting
      ? this.parser.push(this.buffer.subarray(0, bytes))
      : 'unreadable_surplus';
    if (answer === undefined) return;
    if (typeof answer === 'string') {
      const wasWaiting = this.isWaiting;
      this.drop();
      if (wasWaiting) this.owner.onAnswerLost(answer);
      return;
    }
    this.isWaiting = false;
    if (answer.isLast) this.drop();
    this.owner.onAnswer(answer);
  }

  private onClose(socket: Socket): void {
    if (this.socket !== socket) return;
    const { isWaiting, isSent } = this;
    this.drop();
    if (!isWaiting) return;
    if (isSent) this.owner.onAnswerLost('reset');
    else this.owner.onUnsent();
  }

  private forget(): void {
    this.socket = undefined;
    this.isOpen = false;
    this.isWaiting = false;
    this.unsent = undefined;
    this.parser.reset();
    this.onOpened?.();
    this.onOpened = undefined;
  }
}
