// SPDX-License-Identifier: GPL-3.0-or-later
/** How an operator deletes the queues of an earlier version, as docs/levelling.md says. */
import { readFileSync } from 'node:fs';
import { afterEach, describe, expect, it } from 'vitest';
import type { Delivery } from '../../src/core/tickets/ports.ts';
import { ClaimQueues, queuedClaim, queuePrefix } from '../support/claim-queues.ts';
import type { RabbitMqServer } from '../support/rabbitmq-server.ts';
import { sharedRabbitMq } from '../support/rabbitmq-shared.ts';
import { waitFor } from '../support/wait-for.ts';

const isMissing = sharedRabbitMq() === undefined;
const server = sharedRabbitMq() as RabbitMqServer;
const guide = readFileSync(new URL('../../docs/levelling.md', import.meta.url), 'utf8');

describe.skipIf(isMissing)('the queues of an earlier version', () => {
  const queues = new ClaimQueues();
  afterEach(() => queues.close());

  it('are deleted once they are empty, and no claim is lost', async () => {
    const url = await server.createVirtualHost();
    const vhost = decodeURIComponent(new URL(url).pathname.slice(1));
    const control = (command: string, ...args: string[]) =>
      server.control(command, '--vhost', vhost, ...args);
    /** The depths of the queues of a version: what waits, and what is delivered. */
    const depthsOf = async (version: number) => {
      const lines = (await control('list_queues', 'name', 'messages')).trim().split('\n');
      const found = lines.map((line) => line.split('\t') as [name: string, depth: string]);
      return found.filter(([name]) => new RegExp(`\\.v${version}(?:\\.|$)`).test(name));
    };

    const before = await queues.openUp(url, { version: 1 });
    const ids = new Set<string>();
    const publish = async (queue: typeof before) => {
      const claim = queuedClaim({ couponName: `coupon ${ids.size % 8}` });
      expect(await queue.publish(claim)).toBe('confirmed');
      ids.add(claim.claimId);
    };
    for (let count = 0; count < 8; count += 1) await publish(before);
    const retried = new Set([...ids].slice(0, 3));
    before.consume(({ claim, settle }) => {
      // These wait in the retry queues of this version, and the others are left. A delivery may be lost, and comes again.
      if (retried.has(claim.claimId) && claim.attempts === 0) {
        settle({ kind: 'retry', attempts: 1, reason: '' });
      }
    });
    await waitFor('claims to be tried again', () => before.state().delivered.retried >= 3);
    await before.close();

    const after = await queues.openUp(url, { version: 2 });
    const decided = new Set<string>();
    const decide = ({ claim, settle }: Delivery) => {
      decided.add(claim.claimId);
      settle({ kind: 'done' });
    };
    after.consume(decide);
    await publish(after);
    await waitFor('decisions', () => [...ids].every((id) => decided.has(id)));
    // The list is some seconds behind, so that it alone does not show that nothing waits.
    const isEmpty = async () => (await depthsOf(1)).every(([, depth]) => depth === '0');
    await waitFor('empty queues', isEmpty, { everyMs: 500 });
    const names = (await depthsOf(1)).map(([name]) => name);
    expect(names).toHaveLength(8);
    for (const name of names) {
      expect(name.startsWith(`${queuePrefix}.`)).toBe(true);
      await control('delete_queue', name);
    }
    await publish(after);
    await waitFor('decisions', () => [...ids].every((id) => decided.has(id)));
    expect(await depthsOf(1)).toEqual([]);
    expect(await depthsOf(2)).toHaveLength(8);
  });

  it('cannot be deleted on the condition that they are empty, so the guide looks first', async () => {
    const url = await server.createVirtualHost();
    const vhost = decodeURIComponent(new URL(url).pathname.slice(1));
    await queues.openUp(url);
    const name = `${queuePrefix}.claims.v1.0`;
    const output = await server.control('delete_queue', '--vhost', vhost, name, '--if-empty');
    expect(output).toContain('not_implemented');
    for (const command of ['list_queues name messages', 'delete_queue']) {
      expect(guide).toContain(`rabbitmqctl ${command}`);
    }
  });
});
