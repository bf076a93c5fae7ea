// SPDX-License-Identifier: GPL-3.0-or-later
/**
 * The dead letters in RabbitMQ. A visit has a connection of its own: when it ends in whatever way, the broker gives back what
 * was not removed.
 */
import { createHash } from 'node:crypto';
import type { Channel, ChannelModel, ConsumeMessage } from 'amqplib';
import type { Clock } from '../../core/clock.ts';
import { AppError } from '../../core/errors.ts';
import {
  type DeadLetter,
  type DeadLetterQueue,
  type VisitEnd,
  visitedMax,
} from '../../core/tickets/dead-letter.ts';
import { openConnection, type RabbitMqTarget, socketOf } from './broker-link.ts';
import { deadHeaders, hasQueue } from './claim-consumers.ts';
import { decodeClaim } from './claim-message.ts';
import { namePrefix, queueNames } from './names.ts';
import { settledWithin } from './settled-within.ts';

/** What the dead letters need. */
export type RabbitMqDeadLettersOptions = {
  target: RabbitMqTarget;
  installationId: string;
  /** The version of the queues, from 1. The dead letters of all versions before it are visited too. */
  version: number;
  clock: Pick<Clock, 'nowMs' | 'sleep'>;
};

type Visitor = (letter: DeadLetter) => Promise<VisitEnd>;

// Longer than the longest visit of another operator, shorter than what a client waits.
const turnMsMax = 20_000;
const turnCheckMs = 50;
const quietMsMax = 2_000;
const returnMsMax = 2_000;
const returnCheckMs = 5;
const closeMsMax = 2_000;
const resourceLocked = 405;
const away = 'RabbitMQ cannot be reached; the log of the service says why';

/** Visits dead letters in RabbitMQ. */
export class RabbitMqDeadLetters implements DeadLetterQueue {
  private readonly options: RabbitMqDeadLettersOptions;
  private readonly prefix: string;

  constructor(options: RabbitMqDeadLettersOptions) {
    this.options = options;
    this.prefix = namePrefix(options.installationId);
  }

  async visit(visitor: Visitor, bytesMax: number): Promise<{ total: number }> {
    try {
      const connection = await openConnection(this.options.target, 'firstcome dead letters');
      return await this.visitOn(connection, visitor, bytesMax);
    } catch (error) {
      if (error instanceof AppError) throw error;
      throw new AppError('unavailable', { detail: away, cause: error });
    }
  }

  private async visitOn(connection: ChannelModel, visitor: Visitor, bytesMax: number) {
    // Calls that are under way reject with it.
    connection.on('error', () => undefined);
    try {
      await this.takeTurn(connection);
      return await this.visitAll(connection, visitor, bytesMax);
    } finally {
      await settledWithin(connection.close(), closeMsMax, this.options.clock);
      socketOf(connection).destroy();
    }
  }

  /** A queue that belongs to one connection stands for the turn. It ends with the connection. */
  private async takeTurn(connection: ChannelModel): Promise<void> {
    const { clock } = this.options;
    const untilMs = clock.nowMs() + turnMsMax;
    for (;;) {
      const channel = await openChannel(connection);
      try {
        await channel.assertQueue(`${this.prefix}.dead-letters.turn`, {
          ...{ exclusive: true, durable: false },
        });
        return;
      } catch (error) {
        if ((error as { code?: number }).code !== resourceLocked) throw error;
      }
      if (clock.nowMs() >= untilMs) {
        throw new AppError('overloaded', { detail: 'another call works with the dead letters' });
      }
      await clock.sleep(turnCheckMs);
    }
  }

  private async visitAll(connection: ChannelModel, visitor: Visitor, bytesMax: number) {
    const queues = await this.queues(connection);
    const channel = await openChannel(connection);
    await channel.prefetch(visitedMax);
    let total = 0;
    let end: VisitEnd = 'keep';
    for (const queue of queues) {
      const { messageCount } = await channel.checkQueue(queue);
      total += messageCount;
      if (messageCount === 0 || end === 'end') continue;
      const letters = new DeliveredLetters(channel, this.options.clock, (message) =>
        this.letterOf(message, bytesMax),
      );
      await letters.begin(queue);
      end = await letters.visit(Math.min(messageCount, visitedMax), visitor);
    }
    // What is acknowledged has arrived when the channel is closed.
    await channel.close();
    return { total };
  }

  /** The queues of dead letters that exist, those of the first version first. */
  private async queues(connection: ChannelModel): Promise<string[]> {
    const found: string[] = [];
    for (let version = 1; version <= this.options.version; version += 1) {
      const { deadQueue } = queueNames(this.prefix, version);
      if (await hasQueue(connection, deadQueue)) found.push(deadQueue);
    }
    return found;
  }

  private letterOf({ content, fields, properties }: ConsumeMessage, bytesMax: number): DeadLetter {
    const headers: Record<string, unknown> = properties.headers ?? {};
    const read = decodeClaim(content, this.options.installationId);
    const isUnreadable = 'reason' in read;
    const traceParent = textOf(headers.traceparent);
    const reason = reasonIn(headers);
    const diedAt = timeIn(properties.timestamp, headers);
    const identity = [properties.messageId, fields.routingKey, reason, diedAt].map(String);
    return {
      ...{ reason, diedAt, sizeBytes: content.length },
      content: content.length > bytesMax ? undefined : content,
      id: createHash('sha256')
        .update(JSON.stringify(identity))
        .update(content)
        .digest('hex')
        .slice(0, 32),
      claim: isUnreadable ? undefined : { ...read, traceParent },
      unreadable: isUnreadable ? read.reason : undefined,
    };
  }
}

/** The letters of a queue, all of them delivered and none acknowledged, so that they can be given back in their order. */
class DeliveredLetters {
  private readonly channel: Channel;
  private readonly clock: RabbitMqDeadLettersOptions['clock'];
  private readonly letterOf: (message: ConsumeMessage) => DeadLetter;
  private readonly delivered: { letter: DeadLetter | undefined; tag: number }[] = [];
  private queue = '';
  private consumerTag = '';
  private isLost = false;
  private onChange: () => void = () => undefined;

  constructor(
    channel: Channel,
    clock: RabbitMqDeadLettersOptions['clock'],
    letterOf: (message: ConsumeMessage) => DeadLetter,
  ) {
    this.channel = channel;
    this.clock = clock;
    this.letterOf = letterOf;
    channel.on('close', () => {
      this.isLost = true;
      this.onChange();
    });
  }

  async begin(queue: string): Promise<void> {
    this.queue = queue;
    const { consumerTag } = await this.channel.consume(queue, (message) => {
      if (message === null) this.isLost = true;
      else {
        const tag = message.fields.deliveryTag;
        this.delivered.push({ letter: this.letterOf(message), tag });
      }
      this.onChange();
    });
    this.consumerTag = consumerTag;
  }

  /**
   * Visits at least `count` letters. All of them are delivered before any is given back, also where the visits end earlier:
   * the broker puts what comes back behind what came back before.
   */
  async visit(count: number, visitor: Visitor): Promise<VisitEnd> {
    let end: VisitEnd = 'keep';
    let removed = 0;
    try {
      for (let index = 0; index < count && (await this.isDelivered(index)); index += 1) {
        const place = this.delivered[index];
        if (place?.letter === undefined || end === 'end') continue;
        end = await visitor(place.letter);
        place.letter = undefined;
        if (end !== 'remove') continue;
        this.channel.ack({ fields: { deliveryTag: place.tag } } as ConsumeMessage);
        removed += 1;
      }
      return end;
    } finally {
      await this.giveBack(removed);
    }
  }

  /** Resolves with false where no further letter comes. Rejects when the channel is lost. */
  private async isDelivered(index: number): Promise<boolean> {
    const untilMs = this.clock.nowMs() + quietMsMax;
    while (this.delivered.length <= index) {
      if (this.isLost) throw new Error('the channel was closed');
      const leftMs = untilMs - this.clock.nowMs();
      if (leftMs <= 0) return false;
      const stopWaiting = new AbortController();
      const changed = new Promise<void>((resolve) => {
        this.onChange = resolve;
      });
      await Promise.race([changed, this.clock.sleep(leftMs, stopWaiting.signal)]);
      stopWaiting.abort();
    }
    return true;
  }

  /** Gives letters back in their order, and waits until the next visit finds them. */
  private async giveBack(removed: number): Promise<void> {
    const { channel, clock, queue } = this;
    try {
      await channel.cancel(this.consumerTag);
      const last = this.delivered.at(-1);
      const count = this.delivered.length - removed;
      if (last === undefined || count === 0) return;
      const { messageCount: before } = await channel.checkQueue(queue);
      channel.nack({ fields: { deliveryTag: last.tag } } as ConsumeMessage, true, true);
      const untilMs = clock.nowMs() + returnMsMax;
      for (;;) {
        const { messageCount } = await channel.checkQueue(queue);
        if (messageCount >= before + count || clock.nowMs() >= untilMs) return;
        await clock.sleep(returnCheckMs);
      }
    } catch {
      // The channel is lost: the broker gives them back.
    }
  }
}

async function openChannel(connection: ChannelModel): Promise<Channel> {
  const channel = await connection.createChannel();
  // The call that fails rejects with it.
  channel.on('error', () => undefined);
  return channel;
}

/** Of the service, or of the broker where that has moved the message itself. */
function reasonIn(headers: Record<string, unknown>): string {
  const byBroker = textOf(headers['x-first-death-reason']);
  return (
    textOf(headers[deadHeaders.reason]) ??
    (byBroker === undefined ? 'unknown' : `RabbitMQ has moved it: ${byBroker}`)
  );
}

/** Times in AMQP are seconds. */
function timeIn(timestamp: unknown, headers: Record<string, unknown>): string | undefined {
  const [death] = Array.isArray(headers['x-death']) ? headers['x-death'] : [];
  const seconds = typeof timestamp === 'number' ? timestamp : death?.time?.value;
  if (typeof seconds !== 'number' || !(seconds >= 0 && seconds < 2 ** 40)) return undefined;
  return new Date(seconds * 1_000).toISOString();
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}
