// SPDX-License-Identifier: GPL-3.0-or-later
/** The scenarios of alerts about the queue of claims. */
import { encodeClaim } from '../../src/adapters/rabbitmq/claim-message.ts';
import { newId } from '../../src/adapters/system/ids.ts';
import { emptyDeadLetters, publishToClaims, queueLengths } from '../faults/shared-rabbitmq.ts';
import { lastFor } from '../support/last-for.ts';
import { waitFor } from '../support/wait-for.ts';
import type { Scenario, ScenarioContext } from './scenarios.ts';
import { until } from './until.ts';

const partitions = 4;
const waitingMax = 20;
const publishEveryMs = 200;
// Longer than the service waits for a confirm.
const confirmMs = 3_000;
// More than the alert tolerates, and less than the time after which a ticket expires.
const oldMs = 120_000;

/** Settings of the service whose limits the scenarios reach. */
export const settingsOfQueue = { CLAIM_QUEUE_MESSAGES_MAX: String(waitingMax) };

/** The scenario of each alert about the queue. */
export const scenariosOfQueue: Record<string, Scenario> = {
  FirstcomeQueueAway: async ({ rabbitMq, over }) => {
    await rabbitMq.server.stopApp();
    await until(over);
    await rabbitMq.server.startApp();
  },

  FirstcomeTicketsOld: (context) =>
    withoutDatabase(context, async ({ over }) => {
      await publishClaims(context, { count: 1, ageMs: oldMs });
      await until(over);
    }),

  FirstcomeQueueNearlyFull: (context) =>
    withoutDatabase(context, async ({ rabbitMq, holds, over }) => {
      // The service takes it, finds the database away, and takes nothing more.
      await publishClaims(context, { count: 1 });
      // RabbitMQ still counts a consumer that has ended and holds a claim, so the other partitions show it.
      await waitFor('pause', () => over.aborted || holds('min(firstcome_queue_consumers) == 0'));
      await publishClaims(context, { count: partitions * (waitingMax - 1) });
      await until(over);
      const lengths = await queueLengths(rabbitMq);
      if (Math.max(...lengths.values()) < waitingMax - 1) throw new Error('the queue was emptied');
    }),

  FirstcomeDeadLetters: async (context) => {
    await publishToClaims(context.rabbitMq, [Buffer.from('no claim')]);
    await until(context.over);
    await withoutDeadLetters(context);
  },

  FirstcomeQueueUnconfirmed: async (context) => {
    const { node, over, rabbitMq } = context;
    if (node.queueProxy === undefined) throw new Error('the node has no queue');
    // It makes the service publish: a message without a claim goes to the dead letters.
    node.queueProxy.slowWhen = (_, direction) =>
      direction === 'toClient' ? { delayMs: confirmMs } : undefined;
    const beganMs = Date.now();
    await publishToClaims(rabbitMq, [Buffer.from('no claim')]);
    await until(over);
    node.queueProxy.heal();
    // Until the service has a confirm, it publishes the message again.
    await waitFor('the confirm', () => {
      const span = `[${Date.now() - beganMs}ms]`;
      return context.holds(
        `changes(firstcome_queue_dead_letters_total{kind="unreadable"}${span}) > 0`,
      );
    });
    await withoutDeadLetters(context);
  },

  FirstcomeQueueNotConsumed: async ({ node, over }) => {
    await node.stop();
    await node.start({ CONSUME_CLAIMS: 'false' });
    await until(over);
    await node.stop();
    await node.start();
  },
};

/** Sends claims and messages without a claim through the queue until `over` aborts. */
export async function useQueue(context: ScenarioContext): Promise<void> {
  while (!context.over.aborted) {
    await publishClaims(context, { count: 1 });
    await publishToClaims(context.rabbitMq, [Buffer.from('no claim')]);
    await lastFor(publishEveryMs);
  }
  await withoutDeadLetters(context);
}

async function withoutDatabase(context: ScenarioContext, fault: Scenario): Promise<void> {
  const { node } = context;
  await node.proxy.refuse();
  await fault(context);
  await node.proxy.accept();
  await node.healthy();
}

/** Puts claims of a coupon that does not exist into all partitions in turn. */
async function publishClaims(
  { query, rabbitMq }: ScenarioContext,
  { count, ageMs = 0 }: { count: number; ageMs?: number },
): Promise<void> {
  const [installation] = await query('select installation_identity() as identity');
  const claims = Array.from({ length: count }, () => {
    const claimId = newId();
    const acceptedAtMs = Date.now() - ageMs;
    return encodeClaim(
      {
        ...{ claimId, acceptedAtMs, couponName: 'no such coupon', userId: claimId },
        ...{ idempotencyKey: undefined, attempts: 0 },
      },
      String(installation?.identity),
    );
  });
  await publishToClaims(rabbitMq, claims);
}

/** Removes the dead letters, also those that are on their way, until the service shows none. */
async function withoutDeadLetters({ holds, rabbitMq }: ScenarioContext): Promise<void> {
  await waitFor('end of the dead letters', async () => {
    await emptyDeadLetters(rabbitMq);
    return holds('max(firstcome_queue_dead_letters) == 0');
  });
}
