// SPDX-License-Identifier: GPL-3.0-or-later
import type { Operation } from '../history.ts';
import type { Answer, Unreadable } from './answer-parser.ts';
import { completionsOfBatch } from './batch-answer.ts';
import {
  type Acceptance,
  type Completion,
  completionOf,
  noAnswerCompletion,
  refusedCompletion,
} from './completion.ts';
import { type Address, Connection, type ConnectionOwner } from './connection.ts';
import type { RecordedOperation } from './history-writer.ts';

/** A request that is under way, as it is recorded. */
export type Sent<Pending> = { pending: Pending; operation: RecordedOperation };

/** What a client needs to know of a request. */
type AnyPending = { request: { f: Operation } };

/** Receives the completions of what a client has sent, one for each request, in the same order. */
export type ClientOwner<Pending extends AnyPending> = {
  finish(client: Client<Pending>, completions: readonly (Completion | Acceptance)[]): void;
};

/** One connection, and the requests that use it: one, or the claims of a call with many. */
export class Client<Pending extends AnyPending> implements ConnectionOwner {
  /** What is under way; empty while the client is free. */
  sent: readonly Sent<Pending>[] = [];
  sentMs = 0;
  /**
   * The numbers under which its operations are recorded, assigned on demand. After an unknown outcome a number is not used
   * again.
   */
  readonly procs: number[] = [];
  private isBatch = false;
  private readonly owner: ClientOwner<Pending>;
  private readonly connection: Connection;

  constructor(owner: ClientOwner<Pending>, address: Address) {
    this.owner = owner;
    this.connection = new Connection(address, this);
  }

  open(): Promise<void> {
    return this.connection.open();
  }

  /** Sends the text of `sent`. */
  send(text: string, isBatch: boolean): void {
    this.isBatch = isBatch;
    this.connection.send(text);
  }

  drop(): void {
    this.connection.drop();
  }

  timeOut(): void {
    const { isSent } = this.connection;
    this.connection.abandon();
    this.finishAll(isSent ? noAnswerCompletion('timeout') : refusedCompletion);
  }

  onAnswer(answer: Answer): void {
    const { sent } = this;
    this.owner.finish(
      this,
      this.isBatch
        ? completionsOfBatch(answer, sent.length)
        : sent.map(({ pending }) => completionOf(pending.request.f, answer)),
    );
  }

  onUnsent(): void {
    this.finishAll(refusedCompletion);
  }

  onAnswerLost(reason: 'reset' | Unreadable): void {
    this.finishAll(noAnswerCompletion(reason));
  }

  private finishAll(completion: Completion): void {
    this.owner.finish(
      this,
      this.sent.map(() => ({ ...completion })),
    );
  }
}
