// SPDX-License-Identifier: GPL-3.0-or-later
import type { ChannelModel, ConsumeMessage } from 'amqplib';
import { describe, expect, it } from 'vitest';
import { FixedClock, flushPromises } from '../../../test/support/fixed-clock.ts';
import { type Delivered, PartitionConsumer } from './partition-consumer.ts';

/** A consumer whose channel is a fake: a test delivers, and sees what is acknowledged. */
async function setup(prefetch: number) {
  const clock = new FixedClock();
  const delivered: Delivered[] = [];
  /** The number up to which each acknowledgement reaches. */
  const acknowledged: number[] = [];
  let onMessage: (message: ConsumeMessage) => void = () => undefined;
  const channel = {
    on: () => channel,
    prefetch: async () => undefined,
    async consume(_queue: string, listener: typeof onMessage) {
      onMessage = listener;
      return { consumerTag: 'tag' };
    },
    ack: ({ fields }: ConsumeMessage) => acknowledged.push(fields.deliveryTag),
  };
  const consumer = await PartitionConsumer.open({
    ...{ connection: { createChannel: async () => channel } as unknown as ChannelModel },
    ...{ queue: 'claims', prefetch, clock, onLost: () => undefined },
    onDelivered: (one) => delivered.push(one),
  });
  await consumer.consume(true);
  for (let deliveryTag = 1; deliveryTag <= prefetch; deliveryTag += 1) {
    onMessage({ fields: { deliveryTag } } as ConsumeMessage);
  }
  const settle = (from: number, to: number) => {
    for (const one of delivered.slice(from - 1, to)) one.settle();
  };
  return { clock, consumer, acknowledged, settle };
}

describe('the acknowledgements of a consumer', () => {
  it('wait for others, and go out within 10 ms', async () => {
    const { acknowledged, clock, settle } = await setup(100);
    settle(1, 3);
    await clock.advance(9);
    settle(4, 4);
    expect(acknowledged).toEqual([]);
    await clock.advance(1);
    expect(acknowledged).toEqual([4]);
    await clock.advance(1_000);
    expect([acknowledged, clock.pending]).toEqual([[4], 0]);
  });

  it('go out at once for a quarter of what may be delivered, so that the broker goes on', async () => {
    const { acknowledged, settle } = await setup(100);
    settle(1, 24);
    expect(acknowledged).toEqual([]);
    settle(25, 25);
    expect(acknowledged).toEqual([25]);
    settle(26, 50);
    expect(acknowledged).toEqual([25, 50]);
  });

  it('leave out what is not settled, and all behind it', async () => {
    const { acknowledged, clock, settle } = await setup(10);
    settle(1, 2);
    settle(4, 5);
    await clock.advance(10);
    expect(acknowledged).toEqual([2]);
    settle(3, 3);
    await clock.advance(10);
    expect(acknowledged).toEqual([2, 5]);
  });

  it('go out when the process stops', async () => {
    const { acknowledged, consumer, settle } = await setup(100);
    settle(1, 2);
    consumer.flush();
    await flushPromises();
    expect(acknowledged).toEqual([2]);
  });
});
