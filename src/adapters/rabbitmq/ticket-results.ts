// SPDX-License-Identifier: GPL-3.0-or-later
/** Sends results of tickets to the nodes whose callers wait for them. A lost message costs its caller a short wait. */
import type { Channel, ChannelModel } from 'amqplib';
import type { TicketResults } from '../../core/tickets/ports.ts';
import type { TicketResult } from '../../core/tickets/ticket.ts';

type Results = readonly (readonly [claimId: string, TicketResult])[];

/** Raise it when a member of a result is added or changes its meaning. */
const version = 1;
const resultsPerMessageMax = 500;
// What waits here is for callers of the last seconds.
const messagesMax = 10_000;

/** The results of one process. */
export class RabbitMqTicketResults implements TicketResults {
  /** The name of the reply queue; undefined while the connection is lost. */
  address: string | undefined;
  private readonly newAddress: () => string;
  private sender: Channel | undefined;
  private listener: (results: Results) => void = () => undefined;

  constructor(newAddress: () => string) {
    this.newAddress = newAddress;
  }

  onResults(listener: (results: Results) => void): void {
    this.listener = listener;
  }

  send(address: string, results: Results): void {
    for (let start = 0; start < results.length; start += resultsPerMessageMax) {
      const some = results.slice(start, start + resultsPerMessageMax);
      const content = Buffer.from(JSON.stringify({ version, results: some }));
      try {
        this.sender?.publish('', address, content, { type: 'firstcome.results' });
      } catch {
        // The channel has just ended.
        return;
      }
    }
  }

  /** Sends on this connection from now on. */
  async attachSender(connection: ChannelModel): Promise<void> {
    const channel = await connection.createChannel();
    channel.on('error', () => undefined);
    const end = () => {
      if (this.sender === channel) this.sender = undefined;
    };
    channel.on('close', end);
    // What is sent to a blocked connection would only wait in memory.
    connection.on('blocked', end);
    connection.on('unblocked', () => {
      this.sender = channel;
    });
    this.sender = channel;
  }

  /** Receives on this connection from now on, in a queue that ends with it. */
  async attachReceiver(connection: ChannelModel): Promise<void> {
    const channel = await connection.createChannel();
    channel.on('error', () => undefined);
    // A new name each time: the queue of a connection that was lost may exist for a while.
    const address = this.newAddress();
    await channel.assertQueue(address, {
      ...{ exclusive: true, autoDelete: true, durable: false },
      arguments: { 'x-max-length': messagesMax, 'x-overflow': 'drop-head' },
    });
    channel.on('close', () => {
      if (this.address === address) this.address = undefined;
    });
    const onMessage = (message: { content: Buffer } | null) => {
      const results = message === null ? undefined : decode(message.content);
      if (results !== undefined) this.listener(results);
    };
    await channel.consume(address, onMessage, { noAck: true });
    this.address = address;
  }
}

/** Undefined for anything but results of this version. */
function decode(content: Buffer): Results | undefined {
  try {
    const message = JSON.parse(content.toString());
    const isRead = message.version === version && Array.isArray(message.results);
    return isRead && message.results.every(isResult) ? message.results : undefined;
  } catch {
    return undefined;
  }
}

function isResult(value: unknown): boolean {
  if (!Array.isArray(value)) return false;
  const [claimId, result] = value;
  if (typeof claimId !== 'string' || typeof result !== 'object' || result === null) return false;
  switch (result.state) {
    case 'decided':
      return typeof result.outcome?.outcome === 'string';
    case 'failed':
      return typeof result.problem?.code === 'string';
    default:
      return result.state === 'expired';
  }
}
