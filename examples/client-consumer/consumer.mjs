// SPDX-License-Identifier: GPL-3.0-or-later
/**
 * Takes claims from a queue of RabbitMQ, makes them, and publishes their results. A message is acknowledged once its claim
 * has a definite outcome, and its id is the key of the claim. So a message that RabbitMQ delivers again, after a crash of this
 * process for example, gets the claim that it has already.
 *
 *     AMQP_URL=amqp://localhost SERVICE_URL=http://127.0.0.1:8080 CLAIM_API_KEY=... node consumer.mjs
 */
import { setTimeout } from 'node:timers/promises';
import { connect } from 'amqplib';
import { FirstcomeClient } from 'firstcome/client';

const client = new FirstcomeClient({
  url: process.env.SERVICE_URL ?? 'http://127.0.0.1:8080',
  key: process.env.CLAIM_API_KEY,
  coalesce: true,
});

const connection = await connect(process.env.AMQP_URL ?? 'amqp://localhost');
// RabbitMQ confirms what this channel publishes.
const channel = await connection.createConfirmChannel();
await channel.assertQueue('claims', { durable: true });
await channel.assertQueue('claim-results', { durable: true });
// As many messages at once as go to the service together.
await channel.prefetch(1_000);

// Between two deliveries of a message, while the service is away.
const pauseMs = 1_000;

let isStopping = false;
const underWay = new Set();

/** Makes the claim of a message, publishes its result, and acknowledges the message: in this order. */
async function handle(message) {
  const { messageId } = message.properties;
  const claim = claimIn(message);
  if (messageId === undefined || claim === undefined) {
    process.stderr.write('a message without an id or a claim is dropped\n');
    return channel.nack(message, false, false);
  }
  const result = await client.claim(claim, { idempotencyKey: messageId });
  if (['unauthorized', 'forbidden'].includes(result.outcome)) {
    throw new Error(`the service refuses the key: ${result.problem.detail}`);
  }
  if (mayChange(result)) {
    // The client has given up for now. RabbitMQ delivers the message again, and the key makes that safe.
    process.stderr.write(`the claim of ${messageId} is ${result.outcome}, and is tried again\n`);
    await setTimeout(pauseMs);
    return channel.nack(message);
  }
  const text = JSON.stringify({ ...claim, outcome: result.outcome, claim: result.claim });
  const options = { persistent: true, correlationId: messageId, contentType: 'application/json' };
  await publish('claim-results', Buffer.from(text), options);
  channel.ack(message);
}

function claimIn({ content }) {
  try {
    const { coupon_name, user_id } = JSON.parse(content.toString());
    return { coupon_name, user_id };
  } catch {
    return undefined;
  }
}

/** Whether a later call with the same key may have another outcome. */
function mayChange({ outcome }) {
  return ['unknown', 'unavailable', 'overloaded', 'rate_limited'].includes(outcome);
}

/** Resolves when RabbitMQ has stored the message. */
function publish(queue, content, options) {
  return new Promise((resolve, reject) => {
    channel.sendToQueue(queue, content, options, (error) => (error ? reject(error) : resolve()));
  });
}

/** What was not acknowledged is delivered again, to this program once it was restarted, or to another one. */
function fail(error) {
  if (isStopping) return;
  process.stderr.write(`the consumer ends: ${error?.message ?? 'the connection is closed'}\n`);
  process.exit(1);
}
connection.on('close', fail);
connection.on('error', fail);
channel.on('error', fail);

const { consumerTag } = await channel.consume('claims', (message) => {
  // RabbitMQ has cancelled the consumer, because the queue was deleted.
  if (message === null) return fail(new Error('the queue is gone'));
  const handling = handle(message).catch(fail);
  underWay.add(handling);
  void handling.finally(() => underWay.delete(handling));
});
process.stdout.write('the consumer takes claims\n');

// Takes no more messages, and finishes those that it has.
process.once('SIGTERM', async () => {
  await channel.cancel(consumerTag);
  await Promise.all(underWay);
  isStopping = true;
  await connection.close();
});
