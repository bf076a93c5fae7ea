// SPDX-License-Identifier: GPL-3.0-or-later
/** The queue of claims while its broker ends, restarts, hangs or raises an alarm: no claim is lost, and it comes back. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { RabbitMqClaimQueue } from '../../src/adapters/rabbitmq/rabbitmq.ts';
import type { PublishResult } from '../../src/core/tickets/ports.ts';
import { makeAuthority, makeCertificate } from '../support/certificates.ts';
import { ClaimQueues, collect, isUp, queuedClaim } from '../support/claim-queues.ts';
import { hasRabbitMq, type RabbitMqServer, startRabbitMq } from '../support/rabbitmq-server.ts';
import { createTemporaryFolder, removeTemporaryFolder } from '../support/temporary-folder.ts';
import { waitFor } from '../support/wait-for.ts';

describe.skipIf(!(await hasRabbitMq()))('the queue of claims', () => {
  const queues = new ClaimQueues();
  let server: RabbitMqServer;
  let url: string;

  beforeAll(async () => {
    server = await startRabbitMq();
  });
  afterAll(() => server.remove());
  beforeEach(async () => {
    url = await server.createVirtualHost();
  });
  afterEach(() => queues.close());

  /** Publishes until it is stopped, and keeps the ids of the claims by result. */
  function publishSteadily(queue: RabbitMqClaimQueue) {
    const ids: Record<PublishResult, string[]> = { confirmed: [], full: [], away: [], unknown: [] };
    let isStopped = false;
    const publishers = Array.from({ length: 20 }, async () => {
      while (!isStopped) {
        const claim = queuedClaim();
        ids[await queue.publish(claim)].push(claim.claimId);
        const mayPublish = () => isStopped || queue.refusal() === undefined;
        await waitFor('broker', mayPublish);
      }
    });
    const stop = async () => {
      isStopped = true;
      await Promise.all(publishers);
    };
    return { ids, stop };
  }

  it.each([
    [
      'is stopped and started',
      async () => {
        await server.stopApp();
        await queues.reasonOfOutage();
        await server.startApp();
      },
    ],
    [
      'is killed and restarted',
      async () => {
        await server.kill();
        await queues.reasonOfOutage();
        await server.start();
      },
    ],
  ])(
    'keeps each confirmed claim when the broker %s, and the log has one line for the outage',
    async (_, outage) => {
      const queue = await queues.openUp(url, { messagesMax: 100_000 });
      const delivered = new Set<string>();
      queue.consume(({ claim, settle }) => {
        delivered.add(claim.claimId);
        settle({ kind: 'done' });
      });
      const { ids, stop } = publishSteadily(queue);
      await waitFor('confirms', () => ids.confirmed.length > 100);
      await outage();
      await isUp(queue);
      const before = ids.confirmed.length;
      await waitFor('confirms', () => ids.confirmed.length > before + 100);
      await stop();
      await waitFor('deliveries', () => ids.confirmed.every((id) => delivered.has(id)));
      expect(ids.away.filter((id) => delivered.has(id))).toEqual([]);
      expect(queues.log.map(({ message }) => message)).toEqual([
        'RabbitMQ is away: no claims can be queued until it answers',
        'RabbitMQ answers again',
      ]);
    },
  );

  it('answers within the limit while the broker hangs, refuses at once then, and confirms again', async () => {
    const queue = await queues.openUp(url);
    server.freeze();
    try {
      const results = await Promise.all([
        queue.publish(queuedClaim()),
        queue.publish(queuedClaim()),
      ]);
      expect(results).toEqual(['unknown', 'unknown']);
      expect(queue.refusal()).toBe('away');
      expect(await queue.publish(queuedClaim())).toBe('away');
    } finally {
      server.resume();
    }
    await waitFor('confirm', async () => (await queue.publish(queuedClaim())) === 'confirmed');
    const deliveries = collect(queue);
    // Also what had no confirm in time.
    await waitFor('deliveries', () => deliveries.length >= 3);
  });

  // The limit is below the time of the heartbeat, which ends the connection otherwise.
  it('ends in time while the broker hangs', { timeout: 20_000 }, async () => {
    const queue = await queues.openUp(url);
    collect(queue);
    server.freeze();
    try {
      const published = queue.publish(queuedClaim());
      await queue.close();
      expect(await published).toBe('unknown');
    } finally {
      server.resume();
    }
  });

  it('refuses during an alarm, and still settles what was delivered', async () => {
    const queue = await queues.openUp(url);
    await queue.publish(queuedClaim());
    const deliveries = collect(queue);
    await waitFor('delivery', () => deliveries.length >= 1);
    await server.setMemoryAlarm(true);
    try {
      await waitFor('refusal', async () => (await queue.publish(queuedClaim())) === 'away');
      expect(queue.state()).toMatchObject({ isUp: true, isBlocked: true });
      for (const delivery of deliveries) delivery.settle({ kind: 'done' });
      const depth = () => server.control('list_queues', '--vhost', vhostOf(url), 'messages');
      await waitFor('empty queues', async () => !/[1-9]/.test(await depth()));
    } finally {
      await server.setMemoryAlarm(false);
    }
    await waitFor('confirm', async () => (await queue.publish(queuedClaim())) === 'confirmed');
  });

  it('opens while there is no broker, refuses at once, and works when it comes', async () => {
    await server.kill();
    const queue = queues.open(url);
    const deliveries = collect(queue);
    expect(queue.refusal()).toBe('away');
    expect(await queue.publish(queuedClaim())).toBe('away');
    expect(await queues.reasonOfOutage()).toContain('check that RabbitMQ runs');
    await server.start();
    await isUp(queue);
    expect(await queue.publish(queuedClaim())).toBe('confirmed');
    await waitFor('delivery', () => deliveries.length >= 1);
  });

  it.each([
    [
      'a wrong password',
      () => url.replace('guest:guest', 'guest:wrong-Zq7xK'),
      'check the user and the password in AMQP_URL',
    ],
    ['an unknown virtual host', () => `${server.url}/none`, 'check the virtual host in AMQP_URL'],
    ['a port without a server', () => 'amqp://guest:guest@127.0.0.1:1', 'check that RabbitMQ runs'],
    [
      'TLS at a port without it',
      () => url.replace('amqp://', 'amqps://'),
      'AMQP_URL begins with amqp://',
    ],
  ])('says what to do about %s', async (_, wrongUrl, advice) => {
    queues.open(wrongUrl());
    const reason = await queues.reasonOfOutage();
    expect(reason).toContain(advice);
    expect(reason).not.toContain('Zq7xK');
  });

  it('says what to do about a user without permissions', async () => {
    await server.control('add_user', 'ada', 'secret');
    await server.control('set_permissions', '--vhost', vhostOf(url), 'ada', '', '.*', '.*');
    queues.open(url.replace('guest:guest', 'ada:secret'));
    expect(await queues.reasonOfOutage()).toContain('give it the permissions');
  });
});

describe.skipIf(!(await hasRabbitMq()))('the queue of claims with TLS', () => {
  it('says what to do about a port that requires TLS, and about an unknown certificate', async () => {
    const folder = await createTemporaryFolder('certificates');
    const authority = makeAuthority(folder, 'authority');
    const { cert, key } = makeCertificate(folder, authority, { name: 'rabbitmq' });
    const queues = new ClaimQueues();
    const server = await startRabbitMq({
      tls: { certFile: cert, keyFile: key, caFile: authority.cert },
    });
    try {
      queues.open(`amqp://guest:guest@127.0.0.1:${server.tlsPort}`);
      expect(await queues.reasonOfOutage()).toContain('AMQP_URL begins with amqps://');
      await queues.close();
      queues.open(`amqps://guest:guest@127.0.0.1:${server.tlsPort}`);
      expect(await queues.reasonOfOutage()).toContain('NODE_EXTRA_CA_CERTS');
    } finally {
      await queues.close();
      await server.remove();
      await removeTemporaryFolder(folder);
    }
  });
});

/** The virtual host of a URL. */
function vhostOf(url: string): string {
  return decodeURIComponent(new URL(url).pathname.slice(1));
}
