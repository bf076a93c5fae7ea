// SPDX-License-Identifier: GPL-3.0-or-later
/** The queue of claims at a broker that stays up. */
import { randomBytes } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { deadHeaders } from '../../src/adapters/rabbitmq/claim-consumers.ts';
import { encodeClaim } from '../../src/adapters/rabbitmq/claim-message.ts';
import { partitionOf } from '../../src/adapters/rabbitmq/names.ts';
import type { TicketResult } from '../../src/core/tickets/ticket.ts';
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

const deadQueue = `${queuePrefix}.dead-letters.v1`;
const claimsExchange = `${queuePrefix}.claims.v1`;

describe.skipIf(sharedRabbitMq() === undefined)('the queue of claims', () => {
  const queues = new ClaimQueues();
  const server = sharedRabbitMq() as RabbitMqServer;
  let url: string;

  beforeEach(async () => {
    url = await server.createVirtualHost();
  });
  afterEach(() => queues.close());

  it('delivers the claims of each coupon in the order of publishing, with all that they carry', async () => {
    const queue = await queues.openUp(url);
    const claims = Array.from({ length: 200 }, (_, index) =>
      queuedClaim({
        couponName: `coupon ${index % 7}`,
        ...(index % 2 === 0 && { idempotencyKey: `key ${index}` }),
        ...(index % 3 === 0 && { replyTo: 'node', traceParent: '00-0af7-b7ad-01' }),
      }),
    );
    const results = await Promise.all(claims.map((claim) => queue.publish(claim)));
    expect(new Set(results)).toEqual(new Set(['confirmed']));
    const deliveries = collect(queue);
    await waitFor('deliveries', () => deliveries.length >= claims.length);
    for (let coupon = 0; coupon < 7; coupon += 1) {
      const isOfCoupon = ({ couponName }: { couponName: string }) =>
        couponName === `coupon ${coupon}`;
      const delivered = deliveries.filter(({ claim }) => isOfCoupon(claim));
      expect(delivered.map(({ claim }) => claim)).toEqual(claims.filter(isOfCoupon));
      expect(new Set(delivered.map(({ partition }) => partition)).size).toBe(1);
    }
  });

  it('keeps what is not settled for the next process, and nothing that is', async () => {
    const first = await queues.openUp(url);
    // Four messages.
    for (let times = 0; times < 4; times += 1) {
      await Promise.all(Array.from({ length: 5 }, () => first.publish(queuedClaim())));
    }
    const deliveries = collect(first);
    await waitFor('deliveries', () => deliveries.length >= 20);
    // The first claim of the second message: those after it must not be acknowledged with it.
    for (const [index, delivery] of deliveries.entries()) {
      if (index !== 5) delivery.settle({ kind: 'done' });
    }
    await first.close();
    const second = await queues.openUp(url);
    const again = collect(second);
    await waitFor('deliveries', () => again.length >= 15);
    expect(again.map(({ claim }) => claim)).toEqual(deliveries.slice(5).map(({ claim }) => claim));
    expect(second.state().delivered.redelivered).toBe(15);
  });

  it('has one consumer at a time, and another one when that ends', async () => {
    const [first, second] = [await queues.openUp(url), await queues.openUp(url)];
    const byFirst = collect(first);
    await waitFor('consumers', () => first.state().delivered.consuming >= 4);
    const bySecond = collect(second);
    await waitFor('consumers', () => second.state().delivered.consuming >= 4);
    await Promise.all(Array.from({ length: 10 }, () => second.publish(queuedClaim())));
    await waitFor('deliveries', () => byFirst.length >= 10);
    expect(bySecond).toEqual([]);
    await first.close();
    await waitFor('deliveries', () => bySecond.length >= 10);
    expect(bySecond.map(({ claim }) => claim)).toEqual(byFirst.map(({ claim }) => claim));
  });

  it('pauses without giving anything back, and goes on', async () => {
    const queue = await queues.openUp(url);
    const deliveries = collect(queue);
    await queue.publish(queuedClaim());
    await waitFor('delivery', () => deliveries.length >= 1);
    // More often than a message may be delivered.
    for (let times = 0; times < 30; times += 1) {
      queue.pause();
      await waitFor('pause', () => queue.state().delivered.consuming === 0);
      queue.resume();
      await waitFor('consumers', () => queue.state().delivered.consuming >= 4);
    }
    queue.pause();
    await waitFor('pause', () => queue.state().delivered.consuming === 0);
    await queue.publish(queuedClaim());
    for (const delivery of deliveries) delivery.settle({ kind: 'done' });
    expect(deliveries).toHaveLength(1);
    queue.resume();
    await waitFor('delivery', () => deliveries.length >= 2);
    expect(queue.state().delivered.redelivered).toBe(0);
  });

  it('delivers a claim again after a delay, with the attempts', async () => {
    const queue = await queues.openUp(url);
    const claim = queuedClaim({ replyTo: 'node' });
    const deliveries = collect(queue);
    await queue.publish(claim);
    await waitFor('delivery', () => deliveries.length >= 1);
    deliveries[0]?.settle({ kind: 'retry', attempts: 1, reason: 'refused by a trigger' });
    await waitFor('second delivery', () => deliveries.length >= 2);
    expect(deliveries[1]?.claim).toEqual({ ...claim, attempts: 1 });
    expect(queue.state().delivered).toMatchObject({ retried: 1, redelivered: 0 });
  });

  it('makes a claim that cannot be decided a dead letter, with its reason and all of the message', async () => {
    const queue = await queues.openUp(url);
    const claim = queuedClaim({ traceParent: '00-0af7-b7ad-01' });
    const deliveries = collect(queue);
    await queue.publish(claim);
    await waitFor('delivery', () => deliveries.length >= 1);
    deliveries[0]?.settle({ kind: 'dead', reason: 'tried 5 times' });
    await waitFor('dead letter', () => queue.state().delivered.dead.undecidable >= 1);
    const [dead] = await takeAll(await queues.connect(url), deadQueue, 1);
    expect(dead?.content).toEqual(encodeClaim(claim, installationId));
    expect(dead?.properties.headers).toMatchObject({ [deadHeaders.reason]: 'tried 5 times' });
  });

  it('makes what it cannot read a dead letter at once, and decides the claims around it', async () => {
    const queue = await queues.openUp(url);
    const connection = await queues.connect(url);
    const channel = await connection.createConfirmChannel();
    const good = encodeClaim(queuedClaim(), installationId).toString();
    const changed = (members: object) =>
      Buffer.from(JSON.stringify({ ...JSON.parse(good), ...members }));
    const withClaim = (members: object) =>
      changed({ claims: [{ ...JSON.parse(good).claims[0], ...members }] });
    const poison: [content: Buffer, reason: string][] = [
      [randomBytes(300), 'no JSON object'],
      [Buffer.alloc(0), 'no JSON object'],
      [Buffer.from('[]'), 'no JSON object'],
      [changed({ version: 1 }), 'another version'],
      [changed({ installation: 'another' }), 'another installation'],
      [Buffer.alloc(10_000_000, 'x'), 'larger than'],
      [withClaim({ coupon_name: 'x'.repeat(256) }), 'coupon_name'],
      [withClaim({ user_id: '\0' }), 'user_id'],
      [withClaim({ claim_id: 1 }), 'claim_id'],
      [withClaim({ attempts: -1 }), 'attempts'],
    ];
    for (const [content] of poison) {
      channel.publish(claimsExchange, '0', content, { headers: { nested: { deep: [1, null] } } });
      channel.publish(claimsExchange, '0', Buffer.from(good));
    }
    await channel.waitForConfirms();
    const deliveries = collect(queue);
    await waitFor('claims', () => deliveries.length >= poison.length);
    await waitFor('dead letters', () => queue.state().delivered.dead.unreadable === poison.length);
    const dead = await takeAll(connection, deadQueue, poison.length);
    for (const [index, { content, properties }] of dead.entries()) {
      expect(content.equals(poison[index]?.[0] as Buffer)).toBe(true);
      expect(properties.headers?.[deadHeaders.reason]).toContain(poison[index]?.[1]);
    }
  });

  it('makes a claim whose consumers end without an answer a dead letter in the end', async () => {
    const claim = queuedClaim();
    const queue = await queues.openUp(url);
    await queue.publish(claim);
    const connection = await queues.connect(url);
    const partition = partitionOf(claim.couponName);
    for (let times = 0; times <= 20; times += 1) {
      const channel = await connection.createChannel();
      const delivered: unknown[] = [];
      await channel.consume(`${claimsExchange}.${partition}`, (one) => delivered.push(one));
      await waitFor('message', () => delivered.length > 0);
      await channel.close();
    }
    const [dead] = await takeAll(connection, deadQueue, 1);
    expect(dead?.content).toEqual(encodeClaim(claim, installationId));
    expect(dead?.properties.headers?.['x-first-death-reason']).toBe('delivery_limit');
  });

  it('reports a full queue, and takes claims again when there is room', async () => {
    const queue = await queues.openUp(url, { messagesMax: 3 });
    const results: string[] = [];
    // The limit may be exceeded by a few.
    await waitFor('full queue', async () => {
      results.push(await queue.publish(queuedClaim()));
      return results.at(-1) === 'full';
    });
    expect(new Set(results)).toEqual(new Set(['confirmed', 'full']));
    expect(queue.state().published.full).toBe(1);
    const deliveries = collect(queue);
    const confirmed = results.length - 1;
    await waitFor('deliveries', () => deliveries.length >= confirmed);
    for (const delivery of deliveries) delivery.settle({ kind: 'done' });
    await waitFor('room', async () => (await queue.publish(queuedClaim())) === 'confirmed');
  });

  it('stores nothing while its queue is deleted, says so, and makes it again', async () => {
    const queue = await queues.openUp(url);
    const deliveries = collect(queue);
    await waitFor('consumers', () => queue.state().delivered.consuming >= 4);
    const channel = await (await queues.connect(url)).createChannel();
    for (const partition of [0, 1, 2, 3]) {
      await channel.deleteQueue(`${claimsExchange}.${partition}`);
    }
    const results: string[] = [];
    await waitFor('queue', async () => {
      results.push(await queue.publish(queuedClaim()));
      return results.at(-1) === 'confirmed';
    });
    expect(results).not.toContain('unknown');
    await waitFor('delivery', () => deliveries.length >= 1);
  });

  it('makes an exchange again that was deleted', async () => {
    const queue = await queues.openUp(url);
    const channel = await (await queues.connect(url)).createChannel();
    await channel.deleteExchange(claimsExchange);
    await waitFor('exchange', async () => (await queue.publish(queuedClaim())) === 'confirmed');
  });

  it('explains a queue with other arguments, and comes up when it is gone', async () => {
    const first = await queues.openUp(url, { messagesMax: 1_000 });
    await first.close();
    const queue = queues.open(url, { messagesMax: 2_000 });
    const reason = await queues.reasonOfOutage();
    expect(reason).toContain(`the queue ${claimsExchange}.0 exists with another x-max-length`);
    expect(reason).toContain('1000');
    expect(reason).toContain('2000');
    expect(reason).toContain('AMQP_QUEUE_VERSION');
    expect(await queue.publish(queuedClaim())).toBe('away');
  });

  it('empties the queues of the version before, after a change of arguments', async () => {
    const before = await queues.openUp(url, { version: 1, messagesMax: 1_000 });
    await Promise.all(Array.from({ length: 5 }, () => before.publish(queuedClaim())));
    const after = await queues.openUp(url, { version: 2, messagesMax: 2_000 });
    await Promise.all(Array.from({ length: 5 }, () => after.publish(queuedClaim())));
    const deliveries = collect(after);
    await waitFor('deliveries of both versions', () => deliveries.length >= 10);
    expect(new Set(deliveries.map(({ partition }) => partition)).size).toBe(2);
    // Nodes of the version before go on during the change.
    expect(await before.publish(queuedClaim())).toBe('confirmed');
    await waitFor('delivery', () => deliveries.length >= 11);
    for (const delivery of deliveries) delivery.settle({ kind: 'retry', attempts: 1, reason: '' });
    await waitFor('second deliveries', () => deliveries.length >= 22);
  });

  it('sends results to the node that waits for them, and loses them without harm', async () => {
    const [first, second] = [await queues.openUp(url), await queues.openUp(url)];
    const received: unknown[] = [];
    first.results.onResults((results) => received.push(...results));
    const result: TicketResult = { state: 'decided', outcome: { outcome: 'sold_out' } };
    const many = Array.from({ length: 1_200 }, (_, index) => [`id ${index}`, result] as const);
    second.results.send('nowhere', many);
    second.results.send(first.results.address as string, many);
    await waitFor('results', () => received.length >= many.length);
    expect(received).toEqual(many);
    const channel = await (await queues.connect(url)).createChannel();
    for (const text of ['{', '[]', '{"version":1,"results":[1]}', '{"version":2,"results":[]}']) {
      channel.sendToQueue(first.results.address as string, Buffer.from(text));
    }
    second.results.send(first.results.address as string, many.slice(0, 1));
    await waitFor('result', () => received.length >= many.length + 1);
  });

  it('counts what waits in the queues', async () => {
    const queue = await queues.openUp(url);
    // One after the other: each is a message.
    for (let count = 0; count < 7; count += 1) await queue.publish(queuedClaim());
    const depths = await waitFor('depths', () => queue.depths());
    expect(depths.messages.reduce((sum, depth) => sum + depth, 0)).toBe(7);
    expect(depths).toMatchObject({ consumers: [0, 0, 0, 0], retry: 0, dead: 0 });
  });

  it('returns results of publishing before it ends', async () => {
    const queue = await queues.openUp(url);
    const published = Promise.all(Array.from({ length: 100 }, () => queue.publish(queuedClaim())));
    await queue.close();
    expect(new Set(await published)).toEqual(new Set(['confirmed']));
    expect(await queue.publish(queuedClaim())).toBe('away');
  });
});
