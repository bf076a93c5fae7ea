// SPDX-License-Identifier: GPL-3.0-or-later
/**
 * The queue of claims in RabbitMQ. One connection publishes and one consumes: an alarm of the broker stops the first, and
 * what is settled must still arrive. Never makes a caller wait for a broker that is away.
 */
import type { ChannelModel } from 'amqplib';
import type { Clock } from '../../core/clock.ts';
import { messageOf } from '../../core/error-message.ts';
import { Outage, type OutageLog } from '../../core/outage.ts';
import type { ClaimQueue, Delivery, PublishResult } from '../../core/tickets/ports.ts';
import type { QueuedClaim } from '../../core/tickets/ticket.ts';
import { BrokerLink, type RabbitMqTarget } from './broker-link.ts';
import { ClaimConsumers, type DeliveryCounts } from './claim-consumers.ts';
import { propertiesOfClaims } from './claim-message.ts';
import { namePrefix, queueNames } from './names.ts';
import { OutgoingClaims } from './outgoing-claims.ts';
import { type PublishCounts, Publisher } from './publisher.ts';
import { QueueDepthReader, type QueueDepths } from './queue-depths.ts';
import { settledWithin } from './settled-within.ts';
import { RabbitMqTicketResults } from './ticket-results.ts';
import { declareTopology } from './topology.ts';

/** What the queue needs. */
export type RabbitMqOptions = {
  target: RabbitMqTarget;
  installationId: string;
  /** The version of the queues, from 1. */
  version: number;
  /** How many messages may wait in each queue. */
  messagesMax: number;
  /** How many messages of each queue are delivered and not settled at any time. */
  prefetch: number;
  newId(): string;
  clock: Clock;
  log: OutageLog;
};

/** What the metrics show. */
export type RabbitMqState = {
  /** Both connections are open, and their channels, queues and consumers exist. */
  isUp: boolean;
  /** The broker takes nothing from publishers, since it lacks memory or disk space. */
  isBlocked: boolean;
  published: PublishCounts;
  delivered: DeliveryCounts & { consuming: number };
};

const outageTexts = {
  away: 'RabbitMQ is away: no claims can be queued until it answers',
  back: 'RabbitMQ answers again',
  refused: 'RabbitMQ takes no further claims at present',
};
// The broker notifies each consumer that its queue was deleted. Where the queue exists again before, it does not, and the consumer
// gets nothing any more: seen with RabbitMQ 3.10.
const deletedMs = 1_000;
const movingCheckMs = 20;
const closeMsMax = 2_000;

/** RabbitMQ as one process uses it. */
export class RabbitMqClaimQueue implements ClaimQueue {
  readonly results: RabbitMqTicketResults;
  private readonly options: RabbitMqOptions;
  private readonly outage: Outage;
  private readonly names;
  private readonly publisher: Publisher;
  private readonly outgoing: OutgoingClaims;
  private readonly consumers: ClaimConsumers;
  private readonly depthReader: QueueDepthReader;
  private readonly links: readonly [publishing: BrokerLink, consuming: BrokerLink];
  private readonly isUp = { publishing: false, consuming: false };
  private publishing: ChannelModel | undefined;
  private isDeclaring = false;

  /** Connects. Does not wait for that: until the broker has answered it counts as away. */
  constructor(options: RabbitMqOptions) {
    const { clock, installationId, log, newId, prefetch, version } = options;
    const prefix = namePrefix(installationId);
    this.options = options;
    this.names = queueNames(prefix, version);
    this.outage = new Outage(clock, log, outageTexts);
    this.results = new RabbitMqTicketResults(() => `${prefix}.results.${newId()}`);
    this.publisher = new Publisher(clock, {
      onReturned: () => void this.declareAgain(),
      onLost: (reason) => this.links[0].reset(reason),
      onRefused: (reason) => this.outage.refused(reason),
    });
    this.outgoing = new OutgoingClaims({
      installationId,
      // An immediate would run behind the requests of the next turn, which take milliseconds in a spike.
      soon: (run) => process.nextTick(run),
      send: ({ partition, content, claims, replyTo }) =>
        this.publisher.publish(
          ...([this.names.claimsExchange, String(partition), content] as const),
          propertiesOfClaims(replyTo),
          claims,
        ),
    });
    this.consumers = new ClaimConsumers({
      ...{ prefix, installationId, version, prefetch, clock, log },
      publisher: this.publisher,
    });
    this.depthReader = new QueueDepthReader(this.names, clock);
    this.links = [
      this.link('publishing', (connection) => this.setUpPublishing(connection)),
      this.link('consuming', (connection) => this.setUpConsuming(connection)),
    ];
    for (const link of this.links) link.start();
  }

  publish(claim: QueuedClaim): Promise<PublishResult> {
    return this.outgoing.add(claim);
  }

  refusal(): 'full' | 'away' | undefined {
    return this.publisher.refusal();
  }

  consume(onDelivery: (delivery: Delivery) => void): void {
    this.consumers.consume(onDelivery);
  }

  pause(): void {
    this.consumers.pause();
  }

  resume(): void {
    this.consumers.resume();
  }

  state(): RabbitMqState {
    return {
      ...{ isUp: !this.outage.isAway, isBlocked: this.publisher.isConnectionBlocked },
      ...{ published: this.publisher.counted(), delivered: this.consumers.counted() },
    };
  }

  /** What waits in the queues, as of at most 5 s ago; undefined while the broker is away. Resolves within half a second. */
  depths(): Promise<QueueDepths | undefined> {
    return this.depthReader.read();
  }

  /**
   * Consumes nothing more, waits for what was published and settled, and closes the connections. What was delivered and not
   * settled is delivered to another process.
   */
  async close(): Promise<void> {
    const { clock } = this.options;
    // A broker that hangs does not confirm the end of a consumer.
    await settledWithin(this.consumers.stop(), closeMsMax, clock);
    const untilMs = clock.nowMs() + closeMsMax;
    while (this.consumers.movingCount > 0 && clock.nowMs() < untilMs) {
      await clock.sleep(movingCheckMs);
    }
    this.outgoing.flush();
    await this.publisher.drained();
    await settledWithin(this.consumers.close(), closeMsMax, clock);
    await Promise.all(this.links.map((link) => link.close()));
    this.publisher.close();
  }

  private link(
    name: 'publishing' | 'consuming',
    setup: (connection: ChannelModel) => Promise<void>,
  ): BrokerLink {
    const { clock, target } = this.options;
    return new BrokerLink({
      ...{ target, name: `firstcome ${name}`, clock, setup },
      onUp: () => {
        this.isUp[name] = true;
        if (this.isUp.publishing && this.isUp.consuming) this.outage.answered();
      },
      onDown: (reason) => {
        this.isUp[name] = false;
        this.outage.failed(reason);
      },
    });
  }

  private async setUpPublishing(connection: ChannelModel): Promise<void> {
    await declareTopology(connection, this.names, this.options.messagesMax);
    await this.results.attachSender(connection);
    await this.publisher.attach(connection);
    this.publishing = connection;
  }

  private async setUpConsuming(connection: ChannelModel): Promise<void> {
    // The connections open in any order.
    await declareTopology(connection, this.names, this.options.messagesMax);
    await this.results.attachReceiver(connection);
    await this.consumers.attach(connection, (reason) => this.links[1].reset(reason, deletedMs));
    this.depthReader.attach(connection);
  }

  /** A queue was deleted: it is made again, and what it held is lost. */
  private async declareAgain(): Promise<void> {
    const { publishing } = this;
    if (this.isDeclaring || publishing === undefined) return;
    this.isDeclaring = true;
    this.links[1].reset('a queue was deleted', deletedMs);
    await this.options.clock.sleep(deletedMs);
    try {
      await declareTopology(publishing, this.names, this.options.messagesMax);
    } catch (error) {
      this.links[0].reset(messageOf(error));
    }
    this.isDeclaring = false;
  }
}
