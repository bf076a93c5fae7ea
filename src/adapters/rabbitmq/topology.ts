// SPDX-License-Identifier: GPL-3.0-or-later
/** Declares the exchanges and queues, and explains where others with the same name exist. */
import type { Channel, ChannelModel } from 'amqplib';
import { messageOf } from '../../core/error-message.ts';
import { partitionCount, type QueueNames, retryDelaysMs } from './names.ts';

// A delivery counts when its consumer ends without an answer. A claim that ends the process each time must end too.
const deliveriesMax = 20;
// Who looks at a dead letter gives it back, which counts as a delivery.
const looksMax = 1_000_000_000;

/** Declares all of a version. Rejects with an explanation where something exists with other arguments. */
export async function declareTopology(
  connection: ChannelModel,
  names: QueueNames,
  messagesMax: number,
): Promise<void> {
  const channel = await connection.createChannel();
  // The call that fails rejects with it.
  channel.on('error', () => undefined);
  try {
    await declareDeadLetters(channel, names);
    await declareClaims(channel, names, messagesMax);
    await declareRetries(channel, names);
  } catch (error) {
    throw new Error(explainMismatch(messageOf(error)), { cause: error });
  }
  await channel.close();
}

async function declareDeadLetters(channel: Channel, names: QueueNames): Promise<void> {
  await channel.assertExchange(names.deadExchange, 'fanout', { durable: true });
  await channel.assertQueue(names.deadQueue, {
    durable: true,
    arguments: { 'x-queue-type': 'quorum', 'x-delivery-limit': looksMax },
  });
  await channel.bindQueue(names.deadQueue, names.deadExchange, '');
}

async function declareClaims(
  channel: Channel,
  names: QueueNames,
  messagesMax: number,
): Promise<void> {
  await channel.assertExchange(names.claimsExchange, 'direct', { durable: true });
  for (let partition = 0; partition < partitionCount; partition += 1) {
    const queue = names.claimsQueue(partition);
    await channel.assertQueue(queue, {
      durable: true,
      arguments: {
        'x-queue-type': 'quorum',
        'x-single-active-consumer': true,
        'x-max-length': messagesMax,
        'x-overflow': 'reject-publish',
        'x-delivery-limit': deliveriesMax,
        'x-dead-letter-exchange': names.deadExchange,
        'x-dead-letter-strategy': 'at-least-once',
      },
    });
    await channel.bindQueue(queue, names.claimsExchange, String(partition));
  }
}

/** A message leaves a retry queue only by its age, and goes back with the routing key that it came with. */
async function declareRetries(channel: Channel, names: QueueNames): Promise<void> {
  for (const delayMs of retryDelaysMs) {
    const name = names.retry(delayMs);
    await channel.assertExchange(name, 'fanout', { durable: true });
    await channel.assertQueue(name, {
      durable: true,
      arguments: {
        'x-queue-type': 'quorum',
        'x-message-ttl': delayMs,
        'x-overflow': 'reject-publish',
        'x-dead-letter-exchange': names.claimsExchange,
        'x-dead-letter-strategy': 'at-least-once',
      },
    });
    await channel.bindQueue(name, name, '');
  }
}

const mismatch =
  /inequivalent arg '(?<argument>[^']+)' for (?<kind>queue|exchange) '(?<name>[^']+)' in vhost '.*?': received (?<wanted>.+?) but current is (?<existing>[^"]+)/;
const refused = /ACCESS_REFUSED.*?access to (?<what>.+?) (?:in vhost|refused)/;

/** Why a declaration failed, and what to do. Any other message stays as it is. */
export function explainMismatch(message: string): string {
  const { argument, kind, name, wanted, existing } = mismatch.exec(message)?.groups ?? {};
  if (argument !== undefined) {
    return (
      `the ${kind} ${name} exists with another ${argument}: it has ${existing}, and the settings want ${wanted}. ` +
      'Change the setting back, or set AMQP_QUEUE_VERSION one higher on all nodes: new claims go to new queues, and the old ones are emptied'
    );
  }
  const { what } = refused.exec(message)?.groups ?? {};
  if (what !== undefined) {
    return `the user of AMQP_URL may not use ${what}: give it the permissions configure, write and read for names that begin with "firstcome"`;
  }
  return message;
}
