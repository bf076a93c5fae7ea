// SPDX-License-Identifier: GPL-3.0-or-later
import type { Channel, ChannelModel, ConsumeMessage } from 'amqplib';
import type { Clock } from '../../core/clock.ts';
import { AckWindow } from './ack-window.ts';

/** A message that was delivered and is not settled. */
export type Delivered = {
  message: ConsumeMessage;
  /** Removes it from the queue. Has no effect after the connection is lost: then it is delivered again. */
  settle(): void;
  isLost(): boolean;
};

/** What a consumer of one queue needs. */
export type PartitionConsumerOptions = {
  connection: ChannelModel;
  queue: string;
  /** How many messages are delivered and not settled at any time. */
  prefetch: number;
  clock: Pick<Clock, 'atEndOfTurn' | 'sleep'>;
  onDelivered(delivered: Delivered): void;
  /** The queue or the channel is lost. */
  onLost(reason: string): void;
};

// An acknowledgement costs the broker as much as a message, and nobody waits for it. One that is lost costs a second delivery.
const ackDelayMs = 10;

/** Consumes one queue on a channel of its own, in the order of the queue. */
export class PartitionConsumer {
  private readonly options: PartitionConsumerOptions;
  private readonly channel: Channel;
  private readonly window = new AckWindow();
  private consumerTag: string | undefined;
  private isWanted = false;
  private isChanging = false;
  private isOpen = true;
  /** Messages that are settled since the last acknowledgement. */
  private settledCount = 0;
  private isAckPlanned = false;

  private constructor(options: PartitionConsumerOptions, channel: Channel) {
    this.options = options;
    this.channel = channel;
    channel.on('error', (error) => options.onLost(error.message));
    channel.on('close', () => {
      this.isOpen = false;
    });
  }

  /** Opens the channel. Consumes nothing before `consume`. */
  static async open(options: PartitionConsumerOptions): Promise<PartitionConsumer> {
    const channel = await options.connection.createChannel();
    const consumer = new PartitionConsumer(options, channel);
    await channel.prefetch(options.prefetch);
    return consumer;
  }

  get isConsuming(): boolean {
    return this.isOpen && this.consumerTag !== undefined;
  }

  /** Begins or ends the delivery of messages. What was delivered can still be settled. */
  async consume(isWanted: boolean): Promise<void> {
    this.isWanted = isWanted;
    if (this.isChanging) return;
    this.isChanging = true;
    try {
      // The wish may change during a call.
      while (this.isOpen && this.isWanted !== (this.consumerTag !== undefined)) {
        await (this.isWanted ? this.begin() : this.cancel());
      }
    } finally {
      this.isChanging = false;
    }
  }

  /** Sends what is settled. */
  flush(): void {
    this.isAckPlanned = false;
    this.settledCount = 0;
    const deliveryTag = this.window.takeAcknowledgeable();
    if (deliveryTag === undefined || !this.isOpen) return;
    try {
      this.channel.ack({ fields: { deliveryTag } } as ConsumeMessage, true);
    } catch {
      // The channel has just ended: the messages are delivered again.
    }
  }

  private async begin(): Promise<void> {
    const { onLost, queue } = this.options;
    const { consumerTag } = await this.channel.consume(queue, (message) => {
      if (message === null) onLost(`the queue ${queue} was deleted`);
      else this.delivered(message);
    });
    this.consumerTag = consumerTag;
  }

  private async cancel(): Promise<void> {
    const { consumerTag } = this;
    if (consumerTag === undefined) return;
    await this.channel.cancel(consumerTag);
    this.consumerTag = undefined;
  }

  private delivered(message: ConsumeMessage): void {
    this.options.onDelivered({
      message,
      isLost: () => !this.isOpen,
      settle: () => this.settle(message.fields.deliveryTag),
    });
  }

  /** Acknowledges soon: before the broker stops to deliver because too many are not acknowledged. */
  private settle(deliveryTag: number): void {
    const { clock, prefetch } = this.options;
    this.window.settle(deliveryTag);
    this.settledCount += 1;
    if (this.settledCount === Math.ceil(prefetch / 4)) clock.atEndOfTurn(() => this.flush());
    if (this.isAckPlanned) return;
    this.isAckPlanned = true;
    void clock.sleep(ackDelayMs).then(() => this.flush());
  }
}
