// SPDX-License-Identifier: GPL-3.0-or-later
import type { PublishResult } from '../../core/tickets/ports.ts';
import type { QueuedClaim } from '../../core/tickets/ticket.ts';
import {
  charactersPerMessageMax,
  claimsPerMessageMax,
  messageOf,
  partOfClaim,
} from './claim-message.ts';
import { partitionOf } from './names.ts';

/** Claims of one partition that are ready to be sent. */
export type OutgoingMessage = {
  partition: number;
  content: Buffer;
  /** How many claims it holds. */
  claims: number;
  /** Where the results of those that a caller waits for are expected. */
  replyTo: string | undefined;
};

/** What the collection works with. */
export type OutgoingClaimsOptions = {
  installationId: string;
  /** Runs when all requests that were read together are handled. */
  soon(run: () => void): void;
  send(message: OutgoingMessage): Promise<PublishResult>;
};

type OpenMessage = {
  partition: number;
  parts: string[];
  characters: number;
  replyTo: string | undefined;
  result: Promise<PublishResult>;
  resolve(result: PublishResult): void;
};

/** How many messages of a partition may be on their way before further claims wait for one of them. */
export const underWayMax = 8;

/**
 * Collects the claims of each partition into messages: what the broker does for a message takes several times as long as for
 * one more claim in it. A claim leaves once the requests that were read with it are handled, unless several messages of its partition are on
 * their way: then it leaves with the next result of one of them, or once its message is full. So messages grow with the load, and
 * a lone claim does not wait. Claims of a partition keep their order.
 */
export class OutgoingClaims {
  private readonly options: OutgoingClaimsOptions;
  /** At most one for each partition. */
  private readonly open = new Map<number, OpenMessage>();
  /** How many messages have no result yet, by partition. */
  private readonly underWay = new Map<number, number>();
  private isPlanned = false;

  constructor(options: OutgoingClaimsOptions) {
    this.options = options;
  }

  /** Sends a claim with those that arrive with it, or as soon as it may. Resolves to what became of its message. */
  add(claim: QueuedClaim): Promise<PublishResult> {
    const partition = partitionOf(claim.couponName);
    const part = partOfClaim(claim);
    let message = this.open.get(partition);
    if (message !== undefined && !hasRoom(message, part, claim.replyTo)) {
      this.send(message);
      message = undefined;
    }
    if (message === undefined) {
      message = newMessage(partition);
      this.open.set(partition, message);
    }
    message.parts.push(part);
    message.characters += part.length;
    message.replyTo ??= claim.replyTo;
    if (this.underWayOf(partition) < underWayMax) this.sendSoon();
    return message.result;
  }

  /** Sends all that has arrived, however much is on its way. */
  flush(): void {
    for (const message of this.open.values()) this.send(message);
  }

  private sendSoon(): void {
    if (this.isPlanned) return;
    this.isPlanned = true;
    this.options.soon(() => {
      this.isPlanned = false;
      for (const message of this.open.values()) {
        if (this.underWayOf(message.partition) < underWayMax) this.send(message);
      }
    });
  }

  private send({ partition, parts, replyTo, resolve }: OpenMessage): void {
    this.open.delete(partition);
    this.underWay.set(partition, this.underWayOf(partition) + 1);
    const content = messageOf(parts, this.options.installationId);
    void this.options.send({ partition, content, claims: parts.length, replyTo }).then((result) => {
      this.underWay.set(partition, this.underWayOf(partition) - 1);
      if (this.open.has(partition)) this.sendSoon();
      resolve(result);
    });
  }

  private underWayOf(partition: number): number {
    return this.underWay.get(partition) ?? 0;
  }
}

function hasRoom(message: OpenMessage, part: string, replyTo: string | undefined): boolean {
  const { characters, parts } = message;
  return (
    parts.length < claimsPerMessageMax &&
    characters + part.length <= charactersPerMessageMax &&
    // A node gets another address with a new connection.
    (replyTo === undefined || message.replyTo === undefined || replyTo === message.replyTo)
  );
}

function newMessage(partition: number): OpenMessage {
  let resolve: OpenMessage['resolve'] = () => undefined;
  const result = new Promise<PublishResult>((resolver) => {
    resolve = resolver;
  });
  return { partition, parts: [], characters: 0, replyTo: undefined, result, resolve };
}
