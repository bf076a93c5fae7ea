// SPDX-License-Identifier: GPL-3.0-or-later
import type { Channel, ChannelModel } from 'amqplib';
import type { Clock } from '../../core/clock.ts';
import { partitionCount, type QueueNames, retryDelaysMs } from './names.ts';

/** How many messages wait in the queues of the current version. Those that are delivered and not settled do not count. */
export type QueueDepths = {
  /** Messages with claims, by partition. */
  messages: readonly number[];
  /** How many processes consume each partition, by partition. One of them gets its claims. */
  consumers: readonly number[];
  retry: number;
  dead: number;
};

const ageMsMax = 5_000;
const waitMsMax = 500;

/** Reads the depths of queues, at most every 5 s, and only when someone wants to know. */
export class QueueDepthReader {
  private readonly names: QueueNames;
  private readonly clock: Pick<Clock, 'nowMs' | 'sleep'>;
  private connection: ChannelModel | undefined;
  private channel: Channel | undefined;
  private last: QueueDepths | undefined;
  private lastMs = Number.NEGATIVE_INFINITY;
  private reading: Promise<void> | undefined;

  constructor(names: QueueNames, clock: Pick<Clock, 'nowMs' | 'sleep'>) {
    this.names = names;
    this.clock = clock;
  }

  /** Asks on this connection from now on. */
  attach(connection: ChannelModel): void {
    this.connection = connection;
    connection.on('close', () => {
      if (this.connection !== connection) return;
      this.connection = undefined;
      // What waits there is not known any more.
      this.last = undefined;
      this.lastMs = Number.NEGATIVE_INFINITY;
    });
  }

  /**
   * The depths of at most 5 s ago, or older ones where the broker does not answer within half a second. Undefined while it is
   * away.
   */
  async read(): Promise<QueueDepths | undefined> {
    if (this.clock.nowMs() - this.lastMs >= ageMsMax) {
      this.reading ??= this.update().finally(() => {
        this.reading = undefined;
      });
      await Promise.race([this.reading, this.clock.sleep(waitMsMax)]);
    }
    return this.last;
  }

  private async update(): Promise<void> {
    const { connection } = this;
    if (connection === undefined) return;
    try {
      this.channel ??= await this.open(connection);
      const { channel } = this;
      const depth = async (queue: string) => (await channel.checkQueue(queue)).messageCount;
      const [messages, consumers]: [number[], number[]] = [[], []];
      for (let partition = 0; partition < partitionCount; partition += 1) {
        const queue = await channel.checkQueue(this.names.claimsQueue(partition));
        messages.push(queue.messageCount);
        consumers.push(queue.consumerCount);
      }
      let retry = 0;
      for (const delayMs of retryDelaysMs) retry += await depth(this.names.retry(delayMs));
      const dead = await depth(this.names.deadQueue);
      if (this.connection !== connection) return;
      this.last = { messages, consumers, retry, dead };
      this.lastMs = this.clock.nowMs();
    } catch {
      // The connection or the queue is lost: the next call tries again.
    }
  }

  private async open(connection: ChannelModel): Promise<Channel> {
    const channel = await connection.createChannel();
    channel.on('error', () => undefined);
    channel.on('close', () => {
      if (this.channel === channel) this.channel = undefined;
    });
    return channel;
  }
}
