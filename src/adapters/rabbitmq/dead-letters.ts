// SPDX-License-Identifier: GPL-3.0-or-later
/**
 * The dead letters in RabbitMQ. A visit has a connection of its own: when it ends in whatever way, the broker gives back what
 * was not removed. A message with several claims, which only the broker itself makes a dead letter, becomes one letter for each
 * of them when it is visited.
 */
import { createHash } from 'node:crypto';
import type { Channel, ChannelModel, ConsumeMessage } from 'amqplib';
import type { Clock } from '../../core/clock.ts';
import { AppError } from '../../core/errors.ts';
import {
  type DeadLetter,
  type DeadLetterQueue,
  type VisitEnd,
  type Visitor,
  visitedMax,
} from '../../core/tickets/dead-letter.ts';
import type { QueuedClaim } from '../../core/tickets/ticket.ts';
import { openConnection, type RabbitMqTarget, socketOf } from './broker-link.ts';
import { deadHeaders, hasQueue } from './claim-consumers.ts';
import { claimProperties, decodeClaims, encodeClaim } from './claim-message.ts';
import { DeliveredLetters, type LetterPart, type ReadLetter } from './delivered-letters.ts';
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

// Longer than the longest visit of another operator, shorter than what a client waits.
const turnMsMax = 20_000;
const turnCheckMs = 50;
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
    const publishing = await connection.createConfirmChannel();
    publishing.on('error', () => undefined);
    let total = 0;
    let end: VisitEnd = 'keep';
    for (const queue of queues) {
      const { messageCount } = await channel.checkQueue(queue);
      total += messageCount;
      if (messageCount === 0 || end === 'end') continue;
      const letters = new DeliveredLetters({
        ...{ channel, publishing, queue, clock: this.options.clock },
        read: (message) => this.read(message, bytesMax),
      });
      await letters.begin();
      end = await letters.visit(Math.min(messageCount, visitedMax), visitor);
      total += letters.added;
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

  private read(message: ConsumeMessage, bytesMax: number): ReadLetter {
    const { content, properties } = message;
    const headers: Record<string, unknown> = properties.headers ?? {};
    const { installationId } = this.options;
    const held = decodeClaims(content, installationId);
    const about = { reason: reasonIn(headers), diedAt: timeIn(properties.timestamp, headers) };
    if ('reason' in held) return letterOf(message, bytesMax, about, held.reason);
    const { claims, wrong } = held;
    const [claim] = claims;
    if (claims.length + wrong.length === 1 && claim !== undefined) {
      return letterOf(message, bytesMax, about, claim);
    }
    return [
      ...claims.map((one) => partOf(message, encodeClaim(one, installationId), about)),
      ...wrong.map((one) => partOf(message, one.content, { ...about, reason: one.reason })),
    ];
  }
}

type About = Pick<DeadLetter, 'reason' | 'diedAt'>;

function letterOf(
  { content, fields, properties }: ConsumeMessage,
  bytesMax: number,
  about: About,
  claimOrWhyNone: QueuedClaim | string,
): DeadLetter {
  const { reason, diedAt } = about;
  const isUnreadable = typeof claimOrWhyNone === 'string';
  const identity = [properties.messageId, fields.routingKey, reason, diedAt].map(String);
  return {
    ...{ reason, diedAt, sizeBytes: content.length },
    content: content.length > bytesMax ? undefined : content,
    id: createHash('sha256')
      .update(JSON.stringify(identity))
      .update(content)
      .digest('hex')
      .slice(0, 32),
    claim: isUnreadable ? undefined : claimOrWhyNone,
    unreadable: isUnreadable ? claimOrWhyNone : undefined,
  };
}

function partOf(
  { fields }: ConsumeMessage,
  content: Buffer,
  { reason, diedAt }: About,
): LetterPart {
  return {
    content,
    properties: {
      ...claimProperties,
      ...(diedAt !== undefined && { timestamp: Math.floor(Date.parse(diedAt) / 1_000) }),
      headers: { [deadHeaders.reason]: reason, [deadHeaders.routingKey]: fields.routingKey },
    },
  };
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
