// SPDX-License-Identifier: GPL-3.0-or-later
/** Composes the queue of claims. Nothing of it is loaded without `AMQP_URL`. */
import type { QueueSource } from '../adapters/prometheus/metric-sources.ts';
import { systemClock } from '../adapters/system/clock.ts';
import { newId } from '../adapters/system/ids.ts';
import { readAmqpUrl } from '../config/amqp-url.ts';
import type { Config } from '../config.ts';
import { invariant } from '../core/invariant.ts';
import type { DeadLetterQueue } from '../core/tickets/dead-letter.ts';
import type { ClaimQueue, TicketResults } from '../core/tickets/ports.ts';
import type { PlainLog } from './logger.ts';
import { packageMissingFor } from './missing-package.ts';

/** The queue of claims, and what belongs to it. */
export type OpenClaimQueue = {
  queue: ClaimQueue;
  results: TicketResults;
  deadLetters: DeadLetterQueue;
  /** What the metrics show of RabbitMQ. */
  metrics: Pick<QueueSource, 'state' | 'depths'>;
  close(): Promise<void>;
};

// Messages of 1 to 100 claims, of each queue. Enough for the largest batches also where each holds one; at most 10,000 claims.
const prefetch = 100;

/** Opens the queue; undefined without `AMQP_URL`. Rejects where its package is not installed. */
export async function openClaimQueue({
  config,
  installationId,
  log,
}: {
  config: Config;
  installationId: string;
  log: PlainLog;
}): Promise<OpenClaimQueue | undefined> {
  const { url, version, messagesMax } = config.queue;
  if (url === undefined) return undefined;
  const target = readAmqpUrl(url.reveal());
  // The check of the settings has found no mistake.
  invariant('host' in target, 'AMQP_URL was checked');
  const [{ RabbitMqClaimQueue }, { RabbitMqDeadLetters }] = await Promise.all([
    import('../adapters/rabbitmq/rabbitmq.ts'),
    import('../adapters/rabbitmq/dead-letters.ts'),
  ]).catch(packageMissingFor('AMQP_URL'));
  const queue = new RabbitMqClaimQueue({
    ...{ target, installationId, version, messagesMax, prefetch, newId },
    ...{ clock: systemClock, log },
  });
  return {
    ...{ queue, results: queue.results },
    deadLetters: new RabbitMqDeadLetters({ target, installationId, version, clock: systemClock }),
    metrics: {
      state: () => ({ ...queue.state(), messagesMax }),
      depths: () => queue.depths(),
    },
    close: () => queue.close(),
  };
}
