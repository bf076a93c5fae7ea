// SPDX-License-Identifier: GPL-3.0-or-later
import type { Duplex } from 'node:stream';
import type { ChannelModel, ConfirmChannel, Message, Options } from 'amqplib';
import type { Clock } from '../../core/clock.ts';
import type { PublishResult } from '../../core/tickets/ports.ts';
import { socketOf } from './broker-link.ts';
import { LatencyCounter, type LatencyCounts } from './latency-counts.ts';

/** What became of published messages. */
export type PublishCounts = Record<PublishResult, number> & {
  /** Sent, and neither confirmed nor refused. */
  unconfirmed: number;
  confirmLatency: LatencyCounts;
};

/** What a publisher reports, besides the result of each message. */
export type PublisherListeners = {
  /** No queue has taken a message: someone has deleted it. */
  onReturned(): void;
  /** The broker has ended the channel, as where someone has deleted an exchange. */
  onLost(reason: string): void;
  /** The broker takes no message at present. */
  onRefused(reason: string): void;
};

/** A message that was sent. */
type Sent = {
  sentMs: number;
  /** How many claims it holds. */
  claims: number;
  /** No queue has taken it. */
  isReturned: boolean;
  /** Undefined after the limit of time: its caller has the answer `unknown`. */
  resolve: ((result: PublishResult) => void) | undefined;
};

const confirmMsMax = 2_000;
const checkMs = 100;
const claimsUnconfirmedMax = 10_000;
// The text of the library for a message that the broker has refused; any other one means a lost channel.
const refusedByBroker = 'message nacked';

/** Publishes messages, each with a confirm of the broker, and says what became of each. */
export class Publisher {
  private readonly clock: Clock;
  private readonly listeners: PublisherListeners;
  private channel: ConfirmChannel | undefined;
  private socket: Duplex | undefined;
  private isBlocked = false;
  /** By number, in the order in which they were sent. */
  private readonly sent = new Map<string, Sent>();
  private lastNumber = 0;
  private claimsUnconfirmed = 0;
  private readonly counts = { confirmed: 0, full: 0, away: 0, unknown: 0 };
  private readonly latency = new LatencyCounter();
  private readonly stopChecking: () => void;
  private onDrained: (() => void) | undefined;

  constructor(clock: Clock, listeners: PublisherListeners) {
    this.clock = clock;
    this.listeners = listeners;
    this.stopChecking = clock.every(checkMs, () => this.endLate());
  }

  /** Publishes on this connection from now on. */
  async attach(connection: ChannelModel): Promise<void> {
    const channel = await connection.createConfirmChannel();
    this.isBlocked = false;
    connection.on('blocked', (reason) => {
      this.isBlocked = true;
      this.listeners.onRefused(reason);
    });
    connection.on('unblocked', () => {
      this.isBlocked = false;
    });
    channel.on('return', (message) => this.returned(message));
    channel.on('error', (error) => this.listeners.onLost(error.message));
    channel.on('close', () => {
      if (this.channel === channel) this.channel = undefined;
    });
    // What was sent on the channel before gets no confirm any more.
    for (const [number, sent] of this.sent) this.settle(number, sent, 'unknown');
    this.channel = channel;
    const socket = socketOf(connection);
    this.socket = socket;
    // Before the listener of the library, which writes what has waited for it.
    socket.prependListener('drain', () => this.writeTogether(process.nextTick));
  }

  /** Why nothing can be published now. */
  refusal(): 'full' | 'away' | undefined {
    if (this.channel === undefined || this.isBlocked) return 'away';
    const oldest = this.oldest();
    if (oldest === undefined) return undefined;
    // A broker that does not confirm takes nothing more.
    if (this.clock.nowMs() - oldest.sentMs > confirmMsMax) return 'away';
    return this.claimsUnconfirmed >= claimsUnconfirmedMax ? 'full' : undefined;
  }

  get isConnectionBlocked(): boolean {
    return this.isBlocked;
  }

  /**
   * Publishes a persistent message with so many claims, which some queue must take. Settles within `confirmMsMax`; never
   * rejects.
   */
  publish(
    exchange: string,
    routingKey: string,
    content: Buffer,
    properties: Options.Publish,
    claims: number,
  ): Promise<PublishResult> {
    const refusal = this.refusal();
    const { channel } = this;
    if (refusal !== undefined || channel === undefined) {
      const result = refusal ?? 'away';
      this.counts[result] += 1;
      return Promise.resolve(result);
    }
    this.lastNumber += 1;
    const number = this.lastNumber.toString(36);
    return new Promise((resolve) => {
      const sent: Sent = { sentMs: this.clock.nowMs(), claims, isReturned: false, resolve };
      this.sent.set(number, sent);
      this.claimsUnconfirmed += claims;
      this.writeTogether(afterLibrary);
      try {
        channel.publish(
          ...[exchange, routingKey, content],
          { ...properties, persistent: true, mandatory: true, correlationId: number },
          (error: unknown) => this.answered(number, sent, error),
        );
      } catch {
        // The channel has just ended, and nothing was sent.
        this.settle(number, sent, 'away');
      }
    });
  }

  counted(): PublishCounts {
    return {
      ...this.counts,
      ...{ unconfirmed: this.sent.size, confirmLatency: this.latency.state() },
    };
  }

  /** Resolves when no caller waits for a confirm any more. */
  async drained(): Promise<void> {
    const waits = [...this.sent.values()].some(({ resolve }) => resolve !== undefined);
    if (!waits) return;
    await new Promise<void>((resolve) => {
      this.onDrained = resolve;
    });
  }

  close(): void {
    this.stopChecking();
  }

  /**
   * What the library writes before the `end` leaves in one system call; otherwise each message takes one. Never more waits here
   * than the library writes before it waits for `drain`.
   */
  private writeTogether(atEnd: (end: () => void) => void): void {
    const { socket } = this;
    if (socket === undefined || socket.writableCorked > 0) return;
    socket.cork();
    atEnd(() => socket.uncork());
  }

  private returned({ properties }: Message): void {
    const sent = this.sent.get(String(properties.correlationId));
    if (sent !== undefined) sent.isReturned = true;
    this.listeners.onReturned();
  }

  private answered(number: string, sent: Sent, error: unknown): void {
    if (error === null || error === undefined) {
      this.latency.add(this.clock.nowMs() - sent.sentMs);
      this.settle(number, sent, sent.isReturned ? 'away' : 'confirmed');
    } else {
      const isRefused = (error as Error).message === refusedByBroker;
      if (isRefused) this.listeners.onRefused('a queue is full');
      this.settle(number, sent, isRefused ? 'full' : 'unknown');
    }
  }

  private settle(number: string, sent: Sent, result: PublishResult): void {
    if (this.sent.delete(number)) this.claimsUnconfirmed -= sent.claims;
    this.answer(sent, result);
  }

  private answer(sent: Sent, result: PublishResult): void {
    const { resolve } = sent;
    if (resolve === undefined) return;
    sent.resolve = undefined;
    this.counts[result] += 1;
    resolve(result);
  }

  /** Answers callers whose confirm is late. Their messages count as unconfirmed until the broker answers. */
  private endLate(): void {
    const sinceMs = this.clock.nowMs() - confirmMsMax;
    let isWaiting = false;
    for (const sent of this.sent.values()) {
      if (sent.sentMs > sinceMs) {
        isWaiting = true;
        break;
      }
      this.answer(sent, 'unknown');
    }
    if (!isWaiting) this.onDrained?.();
  }

  private oldest(): Sent | undefined {
    return this.sent.values().next().value;
  }
}

/**
 * The library writes in an immediate that it plans in the next tick. This one is planned after it, and runs in the same turn:
 * in a later turn it would come before the library writes the messages of that turn.
 */
function afterLibrary(run: () => void): void {
  process.nextTick(() => process.nextTick(() => setImmediate(run)));
}
