// SPDX-License-Identifier: GPL-3.0-or-later
/** The dead letters at a real broker. */
import { randomBytes } from 'node:crypto';
import type { ChannelModel } from 'amqplib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { deadHeaders } from '../../src/adapters/rabbitmq/claim-consumers.ts';
import { RabbitMqDeadLetters } from '../../src/adapters/rabbitmq/dead-letters.ts';
import { namePrefix, partitionOf, queueNames } from '../../src/adapters/rabbitmq/names.ts';
import { systemClock } from '../../src/adapters/system/clock.ts';
import { readAmqpUrl } from '../../src/config/amqp-url.ts';
import type { DeadLetter, VisitEnd } from '../../src/core/tickets/dead-letter.ts';
import type { QueuedClaim } from '../../src/core/tickets/ticket.ts';
import { ClaimQueues, installationId, queuedClaim } from '../support/claim-queues.ts';
import { messageOfClaim, type PlantedMessage, plantDeadLetters } from '../support/dead-letters.ts';
import type { RabbitMqServer } from '../support/rabbitmq-server.ts';
import { sharedRabbitMq } from '../support/rabbitmq-shared.ts';
import { waitFor } from '../support/wait-for.ts';

const bytesMax = 16_384;
const names = queueNames(namePrefix(installationId), 1);

describe.skipIf(sharedRabbitMq() === undefined)('dead letters', () => {
  const queues = new ClaimQueues();
  const server = sharedRabbitMq() as RabbitMqServer;
  let url: string;
  let letters: RabbitMqDeadLetters;
  let connection: ChannelModel;

  function open(version = 1): RabbitMqDeadLetters {
    const target = readAmqpUrl(url);
    if ('mistake' in target) throw new Error(target.mistake);
    return new RabbitMqDeadLetters({ target, installationId, version, clock: systemClock });
  }

  const plant = (messages: readonly PlantedMessage[], version = 1) =>
    plantDeadLetters(connection, installationId, messages, version);
  const messageOf = (claim: QueuedClaim) => messageOfClaim(claim, installationId);

  async function plantClaims(count: number): Promise<QueuedClaim[]> {
    const claims = Array.from({ length: count }, () => queuedClaim());
    await plant(claims.map(messageOf));
    return claims;
  }

  /** What a visit sees. */
  async function visit(
    end: (letter: DeadLetter, place: number) => VisitEnd = () => 'keep',
    visited = letters,
  ): Promise<DeadLetter[]> {
    const seen: DeadLetter[] = [];
    await visited.visit(async (letter) => {
      seen.push(letter);
      return end(letter, seen.length);
    }, bytesMax);
    return seen;
  }

  const claimIds = (seen: readonly DeadLetter[]) => seen.map(({ claim }) => claim?.claimId);

  beforeEach(async () => {
    url = await server.createVirtualHost();
    // Declares the queues.
    await queues.openUp(url);
    connection = await queues.connect(url);
    letters = open();
  });
  afterEach(() => queues.close());

  it('are read with what they hold, and why they are dead', async () => {
    const claim = queuedClaim({
      idempotencyKey: 'key',
      attempts: 4,
      traceParent: '00-0af7-b7ad-01',
    });
    const { content, properties } = messageOf(claim);
    const headers = { [deadHeaders.reason]: 'a trigger', traceparent: '00-0af7-b7ad-01' };
    const junk = randomBytes(100);
    await plant([
      { content, properties: { ...properties, headers, timestamp: 1_800_000_000 } },
      { content: junk },
    ]);
    const [first, second] = await visit();
    expect(first).toEqual({
      ...{
        id: expect.stringMatching(/^[0-9a-f]{32}$/),
        reason: 'a trigger',
        unreadable: undefined,
      },
      ...{ diedAt: '2027-01-15T08:00:00.000Z', content, sizeBytes: content.length, claim },
    });
    expect(second).toMatchObject({ reason: 'unknown', claim: undefined, content: junk });
    expect(second?.unreadable).toBe('it is no JSON object');
    expect(second?.diedAt).toBeUndefined();
  });

  it('say that RabbitMQ has moved them where it has', async () => {
    const queue = await queues.openUp(url);
    const claim = queuedClaim();
    await queue.publish(claim);
    const channel = await connection.createChannel();
    const queueOfClaim = names.claimsQueue(partitionOf(claim.couponName));
    await channel.consume(queueOfClaim, (message) => message !== null && channel.reject(message));
    const [letter] = await waitFor('dead letter', async () => {
      const seen = await visit();
      return seen.length > 0 ? seen : undefined;
    });
    expect(letter).toMatchObject({ reason: 'RabbitMQ has moved it: delivery_limit', claim });
    expect(letter?.diedAt).toMatch(/^20\d\d-/);
  });

  it('keep their ids and their order however often they are read, to the end or not', async () => {
    const claims = await plantClaims(12);
    const first = await visit();
    expect(claimIds(first)).toEqual(claims.map(({ claimId }) => claimId));
    // More often than a queue with the usual limit delivers a message.
    for (let round = 0; round < 24; round += 1) {
      const count = (round % 12) + 1;
      const seen = await visit((_, place) => (place === count ? 'end' : 'keep'));
      expect(claimIds(seen)).toEqual(claimIds(first.slice(0, count)));
    }
    expect((await visit()).map(({ id }) => id)).toEqual(first.map(({ id }) => id));
  });

  it('outlast a thousand deliveries', async () => {
    await plantClaims(2);
    const before = await visit();
    const channel = await connection.createChannel();
    let deliveries = 0;
    const { consumerTag } = await channel.consume(names.deadQueue, (message) => {
      deliveries += 1;
      if (message !== null) channel.nack(message);
    });
    await waitFor('deliveries', () => deliveries > 2_000);
    await channel.cancel(consumerTag);
    await channel.close();
    expect((await visit()).map(({ id }) => id).sort()).toEqual(before.map(({ id }) => id).sort());
  });

  it('leave the queue where they are removed, and only those', async () => {
    const claims = await plantClaims(10);
    await visit((_, place) => (place % 3 === 0 ? 'remove' : place === 8 ? 'end' : 'keep'));
    const left = claims.filter((_, index) => index !== 2 && index !== 5);
    expect(claimIds(await visit())).toEqual(left.map(({ claimId }) => claimId));
  });

  it('stay when the visitor fails, but for those removed before', async () => {
    const claims = await plantClaims(4);
    const failed = letters.visit(async ({ claim }) => {
      if (claim?.claimId === claims[2]?.claimId) throw new Error('failed');
      return 'remove';
    }, bytesMax);
    await expect(failed).rejects.toMatchObject({ code: 'unavailable' });
    expect(claimIds(await visit())).toEqual([claims[2]?.claimId, claims[3]?.claimId]);
  });

  it('are all seen by each of two operators at once, on one node or on two', async () => {
    const claims = await plantClaims(30);
    const nodes = [letters, letters, open(), open()];
    for (const seen of await Promise.all(nodes.map((node) => visit(undefined, node)))) {
      expect(claimIds(seen)).toEqual(claims.map(({ claimId }) => claimId));
    }
    const removed = await Promise.all(nodes.map((node) => visit(() => 'remove', node)));
    expect(claimIds(removed.flat())).toEqual(claims.map(({ claimId }) => claimId));
  });

  it('of older versions of the queues come first', async () => {
    await queues.openUp(url, { version: 2 });
    const [old, current] = [queuedClaim(), queuedClaim()];
    await plant([messageOf(current)], 2);
    await plant([messageOf(old)]);
    const both = open(2);
    expect(claimIds(await visit(undefined, both))).toEqual([old.claimId, current.claimId]);
    await visit(() => 'remove', both);
    expect(await both.visit(async () => 'keep', bytesMax)).toEqual({ total: 0 });
  });

  it('have no content where that is larger than the visit wants, and the same id', async () => {
    await plant([
      { content: Buffer.alloc(bytesMax, 'a') },
      { content: Buffer.alloc(bytesMax + 1, 'a') },
    ]);
    const seen = await visit();
    expect(seen.map(({ content, sizeBytes }) => [content?.length, sizeBytes])).toEqual([
      [bytesMax, bytesMax],
      [undefined, bytesMax + 1],
    ]);
    expect(seen[0]?.id).not.toBe(seen[1]?.id);
  });

  it('are unavailable while the broker is away', async () => {
    const target = { host: '127.0.0.1', port: 1, username: 'a', password: 'b', virtualHost: '/' };
    const away = new RabbitMqDeadLetters({
      ...{ target: { ...target, tls: false }, installationId, version: 1, clock: systemClock },
    });
    await expect(away.visit(async () => 'keep', bytesMax)).rejects.toMatchObject({
      code: 'unavailable',
    });
  });
});
