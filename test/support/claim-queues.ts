// SPDX-License-Identifier: GPL-3.0-or-later
/** Queues of claims at a real broker, as a process opens them, and messages of any kind for them. */
import { type ChannelModel, connect, type Options } from 'amqplib';
import { namePrefix } from '../../src/adapters/rabbitmq/names.ts';
import { RabbitMqClaimQueue, type RabbitMqOptions } from '../../src/adapters/rabbitmq/rabbitmq.ts';
import { systemClock } from '../../src/adapters/system/clock.ts';
import { newId } from '../../src/adapters/system/ids.ts';
import { readAmqpUrl } from '../../src/config/amqp-url.ts';
import type { Delivery } from '../../src/core/tickets/ports.ts';
import type { QueuedClaim } from '../../src/core/tickets/ticket.ts';
import { waitFor } from './wait-for.ts';

/** The installation of the queues below, and the beginning of their names. */
export const installationId = '01234567-89ab-4cde-8f01-23456789abcd';
export const queuePrefix = namePrefix(installationId);

/** A line of the log. */
export type QueueLine = { message: string } & Record<string, unknown>;

/** A claim that was just accepted. */
export function queuedClaim(members: Partial<QueuedClaim> = {}): QueuedClaim {
  const claimId = newId();
  return {
    ...{ claimId, acceptedAtMs: 1_700_000_000_000, couponName: 'shoes', userId: claimId },
    ...{ idempotencyKey: undefined, attempts: 0 },
    ...members,
  };
}

/** The queues that a test opens at one broker. */
export class ClaimQueues {
  readonly log: QueueLine[] = [];
  private readonly opened: { close(): Promise<void> }[] = [];

  /** Opens a queue, and does not wait for the broker. */
  open(url: string, options: Partial<RabbitMqOptions> = {}): RabbitMqClaimQueue {
    const target = readAmqpUrl(url);
    if ('mistake' in target) throw new Error(target.mistake);
    const queue = new RabbitMqClaimQueue({
      ...{ target, installationId, version: 1, messagesMax: 1_000, prefetch: 100 },
      ...{ newId, clock: systemClock },
      log: { warn: (event, message) => this.log.push({ ...event, message }) },
      ...options,
    });
    this.opened.push(queue);
    return queue;
  }

  /** Opens a queue that the broker has answered. */
  async openUp(url: string, options: Partial<RabbitMqOptions> = {}): Promise<RabbitMqClaimQueue> {
    const queue = this.open(url, options);
    await isUp(queue);
    return queue;
  }

  /** A connection of another program. */
  async connect(url: string): Promise<ChannelModel> {
    const connection = await connect(url);
    connection.on('error', () => undefined);
    this.opened.push({ close: () => connection.close().catch(() => undefined) });
    return connection;
  }

  /** The line that says why the broker counts as away. */
  async reasonOfOutage(): Promise<string> {
    const line = await waitFor('line about the outage', () =>
      this.log.find(({ message }) => message.startsWith('RabbitMQ is away')),
    );
    return String(line.reason);
  }

  /** Closes all. */
  async close(): Promise<void> {
    this.log.splice(0);
    for (const one of this.opened.splice(0).reverse()) await one.close();
  }
}

/** Resolves when both connections of a queue are ready. */
export async function isUp(queue: RabbitMqClaimQueue): Promise<void> {
  await waitFor('answer of RabbitMQ', () => queue.state().isUp);
}

/** Consumes, and keeps what is delivered. */
export function collect(queue: RabbitMqClaimQueue): Delivery[] {
  const deliveries: Delivery[] = [];
  queue.consume((delivery) => deliveries.push(delivery));
  return deliveries;
}

/** A message that another program left in a queue, with the numbers and texts of its headers. */
export type FoundMessage = { content: Buffer; properties: Options.Publish };

/** Takes the messages of a queue, once there are as many. */
export async function takeAll(
  connection: ChannelModel,
  queue: string,
  count: number,
): Promise<FoundMessage[]> {
  const channel = await connection.createChannel();
  const found: FoundMessage[] = [];
  await waitFor(`${count} messages in ${queue}`, async () => {
    for (;;) {
      const message = await channel.get(queue, { noAck: true });
      if (message === false) return found.length >= count;
      found.push(message as unknown as FoundMessage);
    }
  });
  await channel.close();
  return found;
}
