// SPDX-License-Identifier: GPL-3.0-or-later
/** The RabbitMQ in which the claims of a run wait. */
import { type ChannelModel, connect } from 'amqplib';
import { hasRabbitMq, type RabbitMqServer, startRabbitMq } from '../support/rabbitmq-server.ts';

const host = 'faults';

/** The RabbitMQ of a run. */
export type SharedRabbitMq = {
  /** The `AMQP_URL` of the nodes. */
  url: string;
  server: RabbitMqServer;
};

/** Starts the RabbitMQ of a run; undefined where this machine has none. `onEnd` registers what ends it. */
export async function startSharedRabbitMq(
  onEnd: (undo: () => Promise<void>) => void,
): Promise<SharedRabbitMq | undefined> {
  if (!(await hasRabbitMq())) return undefined;
  const server = await startRabbitMq();
  onEnd(() => server.remove());
  return { url: await server.createVirtualHost(host), server };
}

/** The messages in each queue that exist at present, by the name of the queue. */
export async function queueLengths(rabbitMq: SharedRabbitMq): Promise<Map<string, number>> {
  const names = await listed(rabbitMq, 'list_queues');
  return withConnection(rabbitMq, async (connection) => {
    const channel = await connection.createChannel();
    const lengths = new Map<string, number>();
    for (const name of names.filter((one) => /\.(claims|dead-letters)\./.test(one))) {
      lengths.set(name, (await channel.checkQueue(name)).messageCount);
    }
    return lengths;
  });
}

/** Publishes messages to the exchange of the claims, to all partitions in turn. Resolves when the broker has them. */
export async function publishToClaims(
  rabbitMq: SharedRabbitMq,
  messages: readonly Buffer[],
): Promise<void> {
  const exchange = (await listed(rabbitMq, 'list_exchanges')).find((name) => {
    return /\.claims\.v\d+$/.test(name);
  });
  if (exchange === undefined) throw new Error('there is no exchange of claims');
  await withConnection(rabbitMq, async (connection) => {
    const channel = await connection.createConfirmChannel();
    for (const [index, message] of messages.entries()) {
      channel.publish(exchange, String(index % 4), message, { persistent: true });
    }
    await channel.waitForConfirms();
  });
}

/** Removes the dead letters that wait. */
export async function emptyDeadLetters(rabbitMq: SharedRabbitMq): Promise<void> {
  const names = await listed(rabbitMq, 'list_queues');
  await withConnection(rabbitMq, async (connection) => {
    const channel = await connection.createChannel();
    for (const name of names.filter((one) => one.includes('.dead-letters.'))) {
      await channel.purgeQueue(name);
    }
  });
}

async function listed(
  { server }: SharedRabbitMq,
  list: 'list_queues' | 'list_exchanges',
): Promise<string[]> {
  const output = await server.control(list, '--vhost', host, 'name');
  return output.split('\n').map((line) => line.trim());
}

async function withConnection<Result>(
  { url }: SharedRabbitMq,
  use: (connection: ChannelModel) => Promise<Result>,
): Promise<Result> {
  const connection = await connect(url);
  // The call that fails rejects with it.
  connection.on('error', () => undefined);
  try {
    return await use(connection);
  } finally {
    await connection.close();
  }
}
