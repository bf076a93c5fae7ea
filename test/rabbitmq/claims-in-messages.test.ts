// SPDX-License-Identifier: GPL-3.0-or-later
/** Claims that share a message, at a broker that stays up. */
import type { ChannelModel } from 'amqplib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { deadHeaders } from '../../src/adapters/rabbitmq/claim-consumers.ts';
import { encodeClaim, messageOf, partOfClaim } from '../../src/adapters/rabbitmq/claim-message.ts';
import { RabbitMqDeadLetters } from '../../src/adapters/rabbitmq/dead-letters.ts';
import { partitionOf, queueNames } from '../../src/adapters/rabbitmq/names.ts';
import { systemClock } from '../../src/adapters/system/clock.ts';
import { readAmqpUrl } from '../../src/config/amqp-url.ts';
import type { DeadLetter, VisitEnd } from '../../src/core/tickets/dead-letter.ts';
import type { Delivery } from '../../src/core/tickets/ports.ts';
import type { QueuedClaim } from '../../src/core/tickets/ticket.ts';
import {
  ClaimQueues,
  collect,
  installationId,
  queuedClaim,
  queuePrefix,
  takeAll,
} from '../support/claim-queues.ts';
import type { RabbitMqServer } from '../support/rabbitmq-server.ts';
import { sharedRabbitMq } from '../support/rabbitmq-shared.ts';
import { waitFor } from '../support/wait-for.ts';

const names = queueNames(queuePrefix, 1);
const claimsOf = (count: number): QueuedClaim[] =>
  Array.from({ length: count }, () => queuedClaim());
const idsOf = (deliveries: readonly Delivery[]) => deliveries.map(({ claim }) => claim.claimId);

describe.skipIf(sharedRabbitMq() === undefined)('claims that share a message', () => {
  const queues = new ClaimQueues();
  const server = sharedRabbitMq() as RabbitMqServer;
  let url: string;
  let connection: ChannelModel;

  /** Puts a message with these parts into a queue of claims, or among the dead letters. */
  async function plant(parts: readonly string[], exchange = names.claimsExchange): Promise<void> {
    const channel = await connection.createConfirmChannel();
    const content = messageOf(parts, installationId);
    channel.publish(exchange, String(partitionOf('shoes')), content, { persistent: true });
    await channel.waitForConfirms();
    await channel.close();
  }

  /** Takes what is in the queue of the claims so often, and gives no answer. */
  async function abandon(times: number): Promise<void> {
    for (let time = 0; time < times; time += 1) {
      const channel = await connection.createChannel();
      const delivered: unknown[] = [];
      const queue = names.claimsQueue(partitionOf('shoes'));
      await channel.consume(queue, (message) => delivered.push(message));
      await waitFor('message', () => delivered.length > 0);
      await channel.close();
    }
  }

  beforeEach(async () => {
    url = await server.createVirtualHost();
    // Declares the queues.
    await (await queues.openUp(url)).close();
    connection = await queues.connect(url);
  });
  afterEach(() => queues.close());

  it('are those of one turn of the event loop, up to a hundred, and keep their order', async () => {
    const queue = await queues.openUp(url);
    const claims = claimsOf(250);
    await Promise.all(claims.map((claim) => queue.publish(claim)));
    expect(queue.state().published).toMatchObject({ confirmed: 3, unconfirmed: 0 });
    const deliveries = collect(queue);
    await waitFor('deliveries', () => deliveries.length >= claims.length);
    expect(idsOf(deliveries)).toEqual(claims.map(({ claimId }) => claimId));
    expect(queue.state().delivered.delivered).toBe(claims.length);
  });

  it('leave the queue together, when the last of them is settled', async () => {
    const first = await queues.openUp(url);
    await Promise.all(claimsOf(5).map((claim) => first.publish(claim)));
    const deliveries = collect(first);
    await waitFor('deliveries', () => deliveries.length >= 5);
    for (const delivery of deliveries.slice(1)) delivery.settle({ kind: 'done' });
    await first.close();
    const second = await queues.openUp(url);
    const again = collect(second);
    await waitFor('deliveries', () => again.length >= 5);
    expect(idsOf(again)).toEqual(idsOf(deliveries));
    for (const delivery of again) delivery.settle({ kind: 'done' });
    await second.close();
    const third = await queues.openUp(url);
    await third.publish(queuedClaim());
    const last = collect(third);
    await waitFor('delivery', () => last.length > 0);
    expect(idsOf(last)).not.toContain(idsOf(again)[0]);
  });

  it('become messages of their own where they are tried again or cannot be decided', async () => {
    const queue = await queues.openUp(url);
    const claims = claimsOf(4).map((claim) => ({ ...claim, replyTo: 'node', traceParent: '00-1' }));
    await Promise.all(claims.map((claim) => queue.publish(claim)));
    const deliveries = collect(queue);
    await waitFor('deliveries', () => deliveries.length >= 4);
    deliveries[0]?.settle({ kind: 'done' });
    deliveries[1]?.settle({ kind: 'retry', attempts: 1, reason: 'a trigger' });
    deliveries[2]?.settle({ kind: 'dead', reason: 'tried too often' });
    deliveries[3]?.settle({ kind: 'done' });
    await waitFor('second delivery', () => deliveries.length >= 5);
    expect(deliveries.slice(4).map(({ claim }) => claim)).toEqual([{ ...claims[1], attempts: 1 }]);
    const [dead] = await takeAll(connection, names.deadQueue, 1);
    expect(dead?.content).toEqual(encodeClaim(claims[2] as QueuedClaim, installationId));
    expect(queue.state().delivered).toMatchObject({ retried: 1, redelivered: 0 });
    for (const delivery of deliveries.slice(4)) delivery.settle({ kind: 'done' });
    await queue.close();
    const next = await queues.openUp(url);
    await next.publish(queuedClaim({ claimId: '00000000-0000-4000-8000-000000000000' }));
    const last = collect(next);
    await waitFor('delivery', () => last.length > 0);
    expect(idsOf(last)).toEqual(['00000000-0000-4000-8000-000000000000']);
  });

  it('are decided without those among them that cannot be read, which become dead letters', async () => {
    const queue = await queues.openUp(url);
    const claims = claimsOf(2);
    const [one, other] = claims.map(partOfClaim) as [string, string];
    await plant([one, '{"claim_id":"1"}', other]);
    const deliveries = collect(queue);
    await waitFor('deliveries', () => deliveries.length >= 2);
    expect(deliveries.map(({ claim }) => claim)).toEqual(claims);
    const [dead] = await takeAll(connection, names.deadQueue, 1);
    expect(dead?.content).toEqual(messageOf(['{"claim_id":"1"}'], installationId));
    expect(dead?.properties.headers?.[deadHeaders.reason]).toContain('claim_id');
    for (const delivery of deliveries) delivery.settle({ kind: 'done' });
    await queue.close();
    const channel = await connection.createChannel();
    await waitFor('end of the queue', async () => {
      const { messageCount } = await channel.checkQueue(names.claimsQueue(partitionOf('shoes')));
      return messageCount === 0;
    });
  });

  it('show how often consumers have ended with their message, so that each can go on alone', async () => {
    const claims = claimsOf(3);
    await plant(claims.map(partOfClaim));
    await abandon(3);
    const queue = await queues.openUp(url);
    const deliveries = collect(queue);
    await waitFor('deliveries', () => deliveries.length >= 3);
    expect(deliveries.map(({ abandoned }) => abandoned)).toEqual([3, 3, 3]);
    for (const delivery of deliveries.slice(0, 3)) {
      delivery.settle({ kind: 'retry', attempts: 1, reason: 'abandoned' });
    }
    await waitFor('second deliveries', () => deliveries.length >= 6);
    const again = deliveries.slice(3);
    expect(again.map(({ abandoned }) => abandoned)).toEqual([0, 0, 0]);
    expect(idsOf(again).sort()).toEqual(claims.map(({ claimId }) => claimId).sort());
  });

  describe('as dead letters', () => {
    let letters: RabbitMqDeadLetters;

    beforeEach(() => {
      const target = readAmqpUrl(url);
      if ('mistake' in target) throw new Error(target.mistake);
      letters = new RabbitMqDeadLetters({
        ...{ target, installationId, version: 1, clock: systemClock },
      });
    });

    async function visit(end: (letter: DeadLetter) => VisitEnd = () => 'keep') {
      const seen: DeadLetter[] = [];
      const { total } = await letters.visit(async (letter) => {
        seen.push(letter);
        return end(letter);
      }, 10_000);
      return { seen, total };
    }

    it('are a letter each, behind the others, and each is removed alone', async () => {
      const [single, ...claims] = claimsOf(4) as [QueuedClaim, ...QueuedClaim[]];
      await plant([...claims.map(partOfClaim), '7'], names.deadExchange);
      await plant([partOfClaim(single)], names.deadExchange);
      const first = await visit();
      expect(first.total).toBe(5);
      expect(first.seen.map(({ claim }) => claim)).toEqual([single, ...claims, undefined]);
      expect(first.seen.at(-1)?.unreadable).toBe('it holds something else than a claim');
      const [removed] = claims;
      await visit(({ claim }) => (claim?.claimId === removed?.claimId ? 'remove' : 'keep'));
      const last = await visit();
      const kept = first.seen.filter((_, index) => index !== 1);
      expect(last.seen.map(({ id }) => id)).toEqual(kept.map(({ id }) => id));
      expect(last.total).toBe(4);
    });

    it('say that RabbitMQ has moved them where it has', async () => {
      const claims = claimsOf(2);
      await plant(claims.map(partOfClaim));
      await abandon(21);
      const { seen } = await waitFor('letters', async () => {
        const found = await visit();
        return found.seen.length >= 2 ? found : undefined;
      });
      expect(seen.map(({ claim }) => claim)).toEqual(claims);
      for (const letter of seen) {
        expect(letter.reason).toBe('RabbitMQ has moved it: delivery_limit');
        expect(letter.diedAt).toMatch(/^20\d\d-/);
      }
    });
  });
});
