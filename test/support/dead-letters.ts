// SPDX-License-Identifier: GPL-3.0-or-later
/** Dead letters of an installation, put into the queue past the service. */
import { type ChannelModel, connect, type Options } from 'amqplib';
import { claimProperties, encodeClaim } from '../../src/adapters/rabbitmq/claim-message.ts';
import { namePrefix, queueNames } from '../../src/adapters/rabbitmq/names.ts';
import type { QueuedClaim } from '../../src/core/tickets/ticket.ts';

/** A message as a broker keeps it. */
export type PlantedMessage = { content: Buffer; properties?: Options.Publish };

/** The message of a claim. */
export function messageOfClaim(claim: QueuedClaim, installationId: string): PlantedMessage {
  return {
    content: encodeClaim(claim, installationId),
    properties: { ...claimProperties, messageId: claim.claimId },
  };
}

/** Puts messages into the queue of dead letters, in this order. Resolves when the broker has confirmed them. */
export async function plantDeadLetters(
  connection: ChannelModel,
  installationId: string,
  messages: readonly PlantedMessage[],
  version = 1,
): Promise<void> {
  const { deadExchange } = queueNames(namePrefix(installationId), version);
  const channel = await connection.createConfirmChannel();
  for (const { content, properties = {} } of messages) {
    channel.publish(deadExchange, '', content, { persistent: true, ...properties });
  }
  await channel.waitForConfirms();
  await channel.close();
}

/** Does the same on a connection of its own. */
export async function plantDeadLettersAt(
  url: string,
  installationId: string,
  messages: readonly PlantedMessage[],
): Promise<void> {
  const connection = await connect(url);
  await plantDeadLetters(connection, installationId, messages);
  await connection.close();
}

/** The id of the installation in a test database. */
export async function installationOf(database: {
  query(sql: string): Promise<Record<string, unknown>[]>;
}): Promise<string> {
  const [row] = await database.query('select installation_identity() as id');
  return String(row?.id);
}
