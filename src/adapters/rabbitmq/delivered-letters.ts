// SPDX-License-Identifier: GPL-3.0-or-later
import type { Channel, ConfirmChannel, ConsumeMessage, Options } from 'amqplib';
import type { Clock } from '../../core/clock.ts';
import type { DeadLetter, VisitEnd, Visitor } from '../../core/tickets/dead-letter.ts';

/** A message of its own for one of several claims. */
export type LetterPart = { content: Buffer; properties: Options.Publish };

/** What a message in the queue of dead letters is: a letter, or several claims. */
export type ReadLetter = DeadLetter | readonly LetterPart[];

/** What the letters of a queue need. */
export type DeliveredLettersOptions = {
  channel: Channel;
  /** Publishes letters that a message with several claims becomes. */
  publishing: ConfirmChannel;
  queue: string;
  clock: Pick<Clock, 'nowMs' | 'sleep'>;
  read(message: ConsumeMessage): ReadLetter;
};

const quietMsMax = 2_000;
const returnMsMax = 2_000;
const returnCheckMs = 5;

/** The letters of a queue, all of them delivered and none acknowledged, so that they can be given back in their order. */
export class DeliveredLetters {
  private readonly options: DeliveredLettersOptions;
  private readonly delivered: { read: ReadLetter | undefined; tag: number }[] = [];
  private consumerTag = '';
  private isLost = false;
  private removed = 0;
  private addedCount = 0;
  private onChange: () => void = () => undefined;

  constructor(options: DeliveredLettersOptions) {
    this.options = options;
    options.channel.on('close', () => {
      this.isLost = true;
      this.onChange();
    });
  }

  /** By how many the visit has raised the number of letters, since messages had several claims. */
  get added(): number {
    return this.addedCount;
  }

  async begin(): Promise<void> {
    const { channel, queue, read } = this.options;
    const { consumerTag } = await channel.consume(queue, (message) => {
      if (message === null) this.isLost = true;
      else this.delivered.push({ read: read(message), tag: message.fields.deliveryTag });
      this.onChange();
    });
    this.consumerTag = consumerTag;
  }

  /**
   * Visits at least `count` letters. All of them are delivered before any is given back, also where the visits end earlier:
   * the broker puts what comes back behind what came back before. Those of a message with several claims come last.
   */
  async visit(count: number, visitor: Visitor): Promise<VisitEnd> {
    let end: VisitEnd = 'keep';
    let until = count;
    try {
      for (let index = 0; index < until && (await this.isDelivered(index)); index += 1) {
        const place = this.delivered[index];
        if (place?.read === undefined || end === 'end') continue;
        if (isParts(place.read)) {
          await this.publish(place.read);
          until += place.read.length;
          this.addedCount += place.read.length - 1;
          this.remove(place.tag);
        } else {
          end = await visitor(place.read);
          if (end === 'remove') this.remove(place.tag);
        }
        place.read = undefined;
      }
      return end;
    } finally {
      await this.giveBack();
    }
  }

  /** Resolves when the broker has confirmed them, before their message is removed: so some may be there twice. */
  private async publish(parts: readonly LetterPart[]): Promise<void> {
    const { publishing, queue } = this.options;
    for (const { content, properties } of parts) {
      publishing.sendToQueue(queue, content, { ...properties, persistent: true, mandatory: true });
    }
    await publishing.waitForConfirms();
  }

  private remove(deliveryTag: number): void {
    this.options.channel.ack({ fields: { deliveryTag } } as ConsumeMessage);
    this.removed += 1;
  }

  /** Resolves with false where no further letter comes. Rejects when the channel is lost. */
  private async isDelivered(index: number): Promise<boolean> {
    const { clock } = this.options;
    const untilMs = clock.nowMs() + quietMsMax;
    while (this.delivered.length <= index) {
      if (this.isLost) throw new Error('the channel was closed');
      const leftMs = untilMs - clock.nowMs();
      if (leftMs <= 0) return false;
      const stopWaiting = new AbortController();
      const changed = new Promise<void>((resolve) => {
        this.onChange = resolve;
      });
      await Promise.race([changed, clock.sleep(leftMs, stopWaiting.signal)]);
      stopWaiting.abort();
    }
    return true;
  }

  /** Gives letters back in their order, and waits until the next visit finds them. */
  private async giveBack(): Promise<void> {
    const { channel, clock, queue } = this.options;
    try {
      await channel.cancel(this.consumerTag);
      const last = this.delivered.at(-1);
      const count = this.delivered.length - this.removed;
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

function isParts(read: ReadLetter): read is readonly LetterPart[] {
  return Array.isArray(read);
}
