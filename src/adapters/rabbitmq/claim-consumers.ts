// SPDX-License-Identifier: GPL-3.0-or-later
/** Consumes the claims of all versions of the queues, and puts what cannot be decided elsewhere before it leaves its queue. */
import type { ChannelModel, ConsumeMessage, Options } from 'amqplib';
import type { Clock } from '../../core/clock.ts';
import type { OutageLog } from '../../core/outage.ts';
import type { Delivery, Disposition } from '../../core/tickets/ports.ts';
import type { QueuedClaim } from '../../core/tickets/ticket.ts';
import { decodeClaims, encodeClaim, propertiesOfClaims } from './claim-message.ts';
import { DeliveredClaim, UnsettledMessage } from './delivered-claim.ts';
import {
  partitionCount,
  partitionOf,
  type QueueNames,
  queueNames,
  retryDelaysMs,
} from './names.ts';
import { type Delivered, PartitionConsumer } from './partition-consumer.ts';
import type { Publisher } from './publisher.ts';

/** What was counted of deliveries: claims, but for unreadable messages. */
export type DeliveryCounts = {
  delivered: number;
  /** Delivered before, to a consumer that ended without an answer. */
  redelivered: number;
  /** Moved to a retry queue. */
  retried: number;
  /** Moved to the dead letters, by whether it is a claim. */
  dead: { undecidable: number; unreadable: number };
};

/** What the consumers need. */
export type ClaimConsumersOptions = {
  prefix: string;
  installationId: string;
  /** The version of new claims. */
  version: number;
  /** How many messages of each queue are delivered and not settled at any time. */
  prefetch: number;
  publisher: Publisher;
  clock: Clock;
  log: OutageLog;
};

/** The headers of a dead letter: why it is one, and the routing key that it came with. */
export const deadHeaders = { reason: 'firstcome-reason', routingKey: 'firstcome-routing-key' };

const headerLengthMax = 500;
const againMs = 500;
const quietMs = 60_000;

/** The consumers of one process. */
export class ClaimConsumers {
  private readonly options: ClaimConsumersOptions;
  /** Where messages move to, also those of the versions before. */
  private readonly names: QueueNames;
  private readonly counts = {
    ...{ delivered: 0, redelivered: 0, retried: 0 },
    dead: { undecidable: 0, unreadable: 0 },
  };
  private consumers: PartitionConsumer[] = [];
  private onDelivery: ((delivery: Delivery) => void) | undefined;
  private isPaused = false;
  private isStopped = false;
  /** Messages on their way to another queue. */
  private moving = 0;
  private unreadableLoggedMs = Number.NEGATIVE_INFINITY;

  constructor(options: ClaimConsumersOptions) {
    this.options = options;
    this.names = queueNames(options.prefix, options.version);
  }

  /** Opens the channels on this connection, and consumes if that is wanted. */
  async attach(connection: ChannelModel, onLost: (reason: string) => void): Promise<void> {
    const { clock, prefetch, version } = this.options;
    const consumers: PartitionConsumer[] = [];
    for (const { names, partition, key } of await this.queues(connection, version)) {
      const queue = names.claimsQueue(partition);
      consumers.push(
        await PartitionConsumer.open({
          ...{ connection, queue, prefetch, clock, onLost },
          onDelivered: (delivered) => this.delivered(delivered, key),
        }),
      );
    }
    this.consumers = consumers;
    await this.update();
  }

  /** Consumes from now on. */
  consume(onDelivery: (delivery: Delivery) => void): void {
    this.onDelivery = onDelivery;
    this.updateLater();
  }

  pause(): void {
    this.isPaused = true;
    this.updateLater();
  }

  resume(): void {
    this.isPaused = false;
    this.updateLater();
  }

  counted(): DeliveryCounts & { consuming: number } {
    const consuming = this.consumers.filter(({ isConsuming }) => isConsuming).length;
    return { ...this.counts, consuming };
  }

  /** Consumes nothing more. Resolves when nothing more is delivered. What was delivered can be settled. */
  async stop(): Promise<void> {
    this.isStopped = true;
    await this.update().catch(() => undefined);
  }

  /** Resolves when the broker has what is settled. Never rejects. */
  async close(): Promise<void> {
    await Promise.all(this.consumers.map((consumer) => consumer.close()));
  }

  /** How many messages are on their way to another queue. */
  get movingCount(): number {
    return this.moving;
  }

  private updateLater(): void {
    // A lost channel rejects, and its connection is replaced.
    this.update().catch(() => undefined);
  }

  private async update(): Promise<void> {
    const isWanted = this.onDelivery !== undefined && !this.isPaused && !this.isStopped;
    await Promise.all(this.consumers.map((consumer) => consumer.consume(isWanted)));
  }

  /** The queues of the current version and of those before it that exist. */
  private async queues(connection: ChannelModel, version: number) {
    const found: { names: QueueNames; partition: number; key: number }[] = [];
    for (let older = 1; older <= version; older += 1) {
      const names = queueNames(this.options.prefix, older);
      for (let partition = 0; partition < partitionCount; partition += 1) {
        const exists =
          older === version || (await hasQueue(connection, names.claimsQueue(partition)));
        if (exists) found.push({ names, partition, key: (older - 1) * partitionCount + partition });
      }
    }
    return found;
  }

  private delivered(delivered: Delivered, partition: number): void {
    const { message } = delivered;
    const { content, properties } = message;
    const replyTo = textOf(properties.replyTo);
    const read = decodeClaims(content, this.options.installationId, replyTo);
    if ('reason' in read) {
      const unsettled = new UnsettledMessage(delivered, 1);
      void this.discard(unsettled, content, read.reason);
      return;
    }
    const { claims, wrong } = read;
    this.counts.delivered += claims.length;
    if (message.fields.redelivered) this.counts.redelivered += claims.length;
    const unsettled = new UnsettledMessage(delivered, claims.length + wrong.length);
    for (const part of wrong) void this.discard(unsettled, part.content, part.reason);
    for (const claim of claims) {
      this.onDelivery?.(new DeliveredClaim(claim, partition, unsettled, this.move));
    }
  }

  /** Puts a claim that is not decided into another queue, on its own. Resolves with false where it stays in its message. */
  private readonly move = async (
    unsettled: UnsettledMessage,
    claim: QueuedClaim,
    disposition: Exclude<Disposition, { kind: 'done' }>,
  ): Promise<boolean> => {
    const isRetry = disposition.kind === 'retry';
    const attempts = isRetry ? disposition.attempts : claim.attempts;
    const content = encodeClaim({ ...claim, attempts }, this.options.installationId);
    const isMoved = isRetry
      ? await this.publishAgain(unsettled, this.names.retry(retryDelayMs(attempts)), {
          ...{ content, routingKey: String(partitionOf(claim.couponName)) },
          properties: propertiesOfClaims(claim.replyTo),
        })
      : await this.moveToDead(unsettled, content, disposition.reason);
    if (isMoved) {
      if (isRetry) this.counts.retried += 1;
      else this.counts.dead.undecidable += 1;
    }
    return isMoved;
  };

  /** A message, or a part of it, is no claim that can be decided here. */
  private async discard(
    unsettled: UnsettledMessage,
    content: Buffer,
    reason: string,
  ): Promise<void> {
    const { clock, log } = this.options;
    const nowMs = clock.nowMs();
    if (nowMs - this.unreadableLoggedMs >= quietMs) {
      this.unreadableLoggedMs = nowMs;
      log.warn(
        { reason },
        'a message in the queue of claims holds none, and becomes a dead letter',
      );
    }
    if (!(await this.moveToDead(unsettled, content, reason))) return;
    this.counts.dead.unreadable += 1;
    unsettled.settleOne();
  }

  private moveToDead(
    unsettled: UnsettledMessage,
    content: Buffer,
    reason: string,
  ): Promise<boolean> {
    const { message } = unsettled.delivered;
    return this.publishAgain(unsettled, this.names.deadExchange, {
      ...{ routingKey: '', content },
      properties: propertiesOfDead(message, reason),
    });
  }

  /**
   * Publishes a message to another queue, again until the broker has confirmed it: before that it must not leave its own. So
   * it may be there twice. Resolves with false when its delivery is lost or this process stops first: then it is delivered
   * again.
   */
  private async publishAgain(
    { delivered }: UnsettledMessage,
    exchange: string,
    sent: { routingKey: string; content: Buffer; properties: Options.Publish },
  ): Promise<boolean> {
    const { clock, publisher } = this.options;
    const { routingKey, content, properties } = sent;
    this.moving += 1;
    try {
      for (;;) {
        const result = await publisher.publish(exchange, routingKey, content, properties, 1);
        if (result === 'confirmed') return true;
        if (this.isStopped || delivered.isLost()) return false;
        await clock.sleep(againMs);
      }
    } finally {
      this.moving -= 1;
    }
  }
}

function retryDelayMs(attempts: number): number {
  return retryDelaysMs[attempts - 1] ?? retryDelaysMs[retryDelaysMs.length - 1] ?? 0;
}

/** The properties of a message are kept where they are plain texts. */
function propertiesOfDead({ properties, fields }: ConsumeMessage, reason: string): Options.Publish {
  const kept = (['contentType', 'type', 'messageId'] as const).flatMap((name) => {
    const text = textOf(properties[name]);
    return text === undefined ? [] : [[name, text]];
  });
  return {
    ...Object.fromEntries(kept),
    timestamp: Math.floor(Date.now() / 1_000),
    headers: {
      [deadHeaders.reason]: reason.slice(0, headerLengthMax),
      [deadHeaders.routingKey]: fields.routingKey,
    },
  };
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

/** Whether a queue exists. Asks on a channel of its own, which ends where there is none. */
export async function hasQueue(connection: ChannelModel, queue: string): Promise<boolean> {
  const channel = await connection.createChannel();
  channel.on('error', () => undefined);
  try {
    await channel.checkQueue(queue);
    await channel.close();
    return true;
  } catch (error) {
    if ((error as { code?: number }).code === notFound) return false;
    throw error;
  }
}

const notFound = 404;
