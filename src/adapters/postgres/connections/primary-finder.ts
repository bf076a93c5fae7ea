// SPDX-License-Identifier: GPL-3.0-or-later
import type { Clock } from '../../../core/clock.ts';
import type { ServerAddress } from '../../../core/connection-location.ts';
import { messageOf } from '../../../core/error-message.ts';
import { describeServer } from './connection-config.ts';

/** What a primary says of itself. */
export type PrimaryFacts = {
  /** Whether it accepts writes. A primary in maintenance may refuse them. */
  writes: boolean;
  /** Grows with each promotion. */
  timeline: number;
};

/** Asks one server. Rejects with the reason when it is no primary or does not answer within `timeoutMs`. */
export type AskServer = (server: ServerAddress, timeoutMs: number) => Promise<PrimaryFacts>;

/** No server is a primary now. */
export class NoPrimaryError extends Error {
  override readonly name = 'NoPrimaryError';
  /** Why each server is none, in the order of the URL. */
  readonly reasons: readonly unknown[];

  constructor(all: readonly { server: ServerAddress; reason: unknown }[]) {
    const texts = all.map(
      ({ server, reason }) => `${describeServer(server)}: ${messageOf(reason)}`,
    );
    super(`no server takes writes (${texts.join('; ')})`);
    this.reasons = all.map(({ reason }) => reason);
  }
}

type Answer = { facts: PrimaryFacts } | { reason: unknown };

type Primary = { server: ServerAddress; facts: PrimaryFacts };

/** All servers are asked until one of them is chosen, each has said no, or no caller waits. */
type Search = {
  result: Promise<ServerAddress>;
  resolve(server: ServerAddress): void;
  reject(error: Error): void;
  /** The last answer of each server. */
  answers: Map<ServerAddress, Answer>;
  callers: number;
  isOver: boolean;
  isChoosing: boolean;
};

// A server that follows another one is asked this often at most, whatever the number of callers.
const askAgainMs = 200;
// After the first primary has answered, for another one: an old primary may still run beside the new one.
const chooseMs = 100;

/**
 * Knows which of several servers is the primary, for all connections of the process to them. It remembers the last one;
 * once a connection to it fails, it asks all servers. Of two primaries it chooses the one that accepts writes, then the
 * one on the higher timeline, then the one that answers first.
 */
export class PrimaryFinder {
  readonly servers: readonly ServerAddress[];
  private readonly ask: AskServer;
  private readonly clock: Pick<Clock, 'nowMs' | 'sleep'>;
  private readonly asking = new Map<ServerAddress, Promise<Answer>>();
  private readonly askedAtMs = new Map<ServerAddress, number>();
  private readonly listeners = new Set<() => void>();
  /** Undefined: it must be searched. */
  private current: ServerAddress | undefined;
  /** The last one that was found. */
  private last: ServerAddress | undefined;
  private search: Search | undefined;
  private isDoubted = false;

  constructor(options: {
    servers: readonly ServerAddress[];
    ask: AskServer;
    clock: Pick<Clock, 'nowMs' | 'sleep'>;
  }) {
    this.servers = options.servers;
    this.ask = options.ask;
    this.clock = options.clock;
  }

  /** The primary that was found last, or else that of a search. */
  async find(connectTimeoutMs: number): Promise<ServerAddress> {
    return this.current ?? (await this.findAnew(connectTimeoutMs));
  }

  /**
   * Asks all servers. Rejects with a `NoPrimaryError` when each has said that it is none, and at the latest after half of
   * `connectTimeoutMs`: the other half is left for the connection.
   */
  async findAnew(connectTimeoutMs: number): Promise<ServerAddress> {
    this.search ??= this.beginSearch(connectTimeoutMs);
    const { search } = this;
    search.callers += 1;
    const found = new AbortController();
    const late = this.clock.sleep(connectTimeoutMs / 2, found.signal).then(() => {
      if (!search.isOver) throw this.noPrimary(search);
      return search.result;
    });
    try {
      return await Promise.race([search.result, late]);
    } finally {
      found.abort();
      search.callers -= 1;
      if (search.callers === 0) this.end(search);
    }
  }

  /** A connection to the server failed, or showed that it is no primary. */
  rejected(server: ServerAddress): void {
    if (this.current === server) this.current = undefined;
  }

  /**
   * The primary gave an answer too late: asks all servers once whether another one has taken its place. Until then it
   * stays the primary, since it may only be slow.
   */
  async doubt(connectTimeoutMs: number): Promise<void> {
    const { current } = this;
    if (current === undefined || this.isDoubted) return;
    this.isDoubted = true;
    const answers = new Map<ServerAddress, Answer>();
    await Promise.all(
      this.servers.map(async (server) =>
        answers.set(server, await this.answerOf(server, connectTimeoutMs)),
      ),
    );
    this.isDoubted = false;
    if (this.current !== current) return;
    // Asked first, so that an equal one does not take its place.
    const best = bestOf([current, ...this.servers], answers);
    if (best !== undefined) this.choose(best);
    else this.current = undefined;
  }

  /** Calls the listener when connections should lead to another server than before, until the returned function is called. */
  onMove(listener: () => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  private beginSearch(connectTimeoutMs: number): Search {
    let settle: Pick<Search, 'resolve' | 'reject'> | undefined;
    const result = new Promise<ServerAddress>((resolve, reject) => {
      settle = { resolve, reject };
    });
    // Every caller may have gone.
    result.catch(() => undefined);
    const search: Search = {
      ...{ result, ...(settle as unknown as Pick<Search, 'resolve' | 'reject'>) },
      ...{ answers: new Map(), callers: 0, isOver: false, isChoosing: false },
    };
    for (const server of this.servers) void this.askUntilOver(search, server, connectTimeoutMs);
    return search;
  }

  private async askUntilOver(
    search: Search,
    server: ServerAddress,
    timeoutMs: number,
  ): Promise<void> {
    while (!search.isOver) {
      const dueMs = (this.askedAtMs.get(server) ?? Number.NEGATIVE_INFINITY) + askAgainMs;
      const waitMs = dueMs - this.clock.nowMs();
      if (waitMs > 0) await this.clock.sleep(waitMs);
      if (search.isOver) return;
      search.answers.set(server, await this.answerOf(server, timeoutMs));
      this.look(search);
    }
  }

  /** Asks the server, or waits for the answer to a question under way: a server that hangs is asked once. */
  private answerOf(server: ServerAddress, timeoutMs: number): Promise<Answer> {
    const underWay = this.asking.get(server);
    if (underWay !== undefined) return underWay;
    this.askedAtMs.set(server, this.clock.nowMs());
    const asking = this.ask(server, timeoutMs)
      .then(
        (facts): Answer => ({ facts }),
        (reason: unknown): Answer => ({ reason }),
      )
      .finally(() => this.asking.delete(server));
    this.asking.set(server, asking);
    return asking;
  }

  private look(search: Search): void {
    if (search.isOver) return;
    if (search.answers.size === this.servers.length) {
      this.finish(search);
    } else if (!search.isChoosing && bestOf(this.servers, search.answers) !== undefined) {
      search.isChoosing = true;
      void this.clock.sleep(chooseMs).then(() => this.finish(search));
    }
  }

  private finish(search: Search): void {
    if (search.isOver) return;
    const best = bestOf([...search.answers.keys()], search.answers);
    if (best === undefined && search.answers.size < this.servers.length) {
      search.isChoosing = false;
      return;
    }
    this.end(search);
    if (best === undefined) {
      search.reject(this.noPrimary(search));
    } else {
      this.choose(best);
      search.resolve(best);
    }
  }

  private end(search: Search): void {
    search.isOver = true;
    if (this.search === search) this.search = undefined;
  }

  private choose(server: ServerAddress): void {
    this.current = server;
    if (this.last === server) return;
    const isFirst = this.last === undefined;
    this.last = server;
    if (isFirst) return;
    for (const listener of this.listeners) listener();
  }

  private noPrimary({ answers }: Search): NoPrimaryError {
    return new NoPrimaryError(
      this.servers.map((server) => {
        const answer = answers.get(server);
        const isAnswered = answer !== undefined && 'reason' in answer;
        return { server, reason: isAnswered ? answer.reason : noAnswer('it has not answered yet') };
      }),
    );
  }
}

/** The error of a server that gives no answer in time. */
export function noAnswer(message: string, cause?: unknown): Error {
  return Object.assign(new Error(message, { cause }), { code: 'ETIMEDOUT' });
}

/** The best primary among the answers; of equal ones the first in `servers`. */
function bestOf(
  servers: readonly ServerAddress[],
  answers: ReadonlyMap<ServerAddress, Answer>,
): ServerAddress | undefined {
  let best: Primary | undefined;
  for (const server of servers) {
    const answer = answers.get(server);
    if (answer === undefined || !('facts' in answer)) continue;
    if (best === undefined || isBetter(answer.facts, best.facts)) {
      best = { server, facts: answer.facts };
    }
  }
  return best?.server;
}

function isBetter(one: PrimaryFacts, other: PrimaryFacts): boolean {
  if (one.writes !== other.writes) return one.writes;
  return one.timeline > other.timeline;
}
