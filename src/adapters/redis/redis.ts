// SPDX-License-Identifier: GPL-3.0-or-later
/**
 * The connection to Redis. It never makes a caller wait for long: a call that takes too long, or is made while Redis is away,
 * rejects, and the caller goes on without it.
 */
import type { Redis } from 'ioredis';
import { backoffMs } from '../../core/backoff.ts';
import type { Clock } from '../../core/clock.ts';
import { messageOf } from '../../core/error-message.ts';
import { Outage, type OutageLog } from '../../core/outage.ts';
import type { RedisTarget } from '../../core/redis-target.ts';
import { whyUnusable } from './check-server.ts';
import { reasonOfFailure } from './connection-failure.ts';
import { createClient } from './create-client.ts';

/** What the connection needs. */
export type RedisOptions = {
  target: RedisTarget;
  /** The beginning of all keys and channels: `firstcome:<identity of the installation>:`. */
  prefix: string;
  clock: Clock;
  log: OutageLog;
};

/** No call takes longer, except where this process itself is busy. */
export const commandMsMax = 50;

/** Redis has not answered in time, or did not a moment ago. */
export class RedisAwayError extends Error {
  override readonly name = 'RedisAwayError';
}

/** Redis has answered with an error, as when it is out of memory. */
export class RedisRefusedError extends Error {
  override readonly name = 'RedisRefusedError';
}

/** What became of calls. `timeout`: there was no answer in time. `away`: it was not sent, or its connection was lost. */
export type CallResult = 'ok' | 'refused' | 'timeout' | 'away';

/** What the metrics show. */
export type RedisState = { isUp: boolean; calls: Readonly<Record<CallResult, number>> };

// More calls than an answer is ever late for: what waits for a frozen server takes little memory.
const waitingMax = 1_000;
const probeMs = 250;
const outageTexts = {
  away: 'Redis is away, and the service goes on without it',
  back: 'Redis answers again',
  refused: 'Redis refuses commands, and the service goes on without them',
};
const [connectMsMin, connectMsMax] = [50, 1_000];

/** Redis as one process uses it. */
export class RedisConnection {
  readonly prefix: string;
  /** For packages that need a client. Their calls too must be made inside `run`, which limits their time. */
  readonly client: Redis;
  private readonly database: number;
  private readonly isTls: boolean;
  private readonly outage: Outage;
  private readonly listeners = new Map<string, (message: string) => void>();
  private readonly calls: Record<CallResult, number> = { ok: 0, refused: 0, timeout: 0, away: 0 };
  private waiting = 0;
  /** The server is checked, and the subscriptions of the connection are sent. */
  private isPrepared = false;
  private isProbing = false;
  /** Connections since the last one that could be used. */
  private attempts = 0;
  /** Why the last connection failed. Undefined during the first attempt, whose failure will have a reason. */
  private lastReason: string | undefined;
  private sentinelReason: string | undefined;
  private readonly stopProbing: () => void;

  /** Connects. Does not wait for that: until Redis has answered it counts as away. */
  constructor({ target, prefix, clock, log }: RedisOptions) {
    this.prefix = prefix;
    this.outage = new Outage(clock, log, outageTexts);
    this.database = target.database;
    this.isTls = target.tls;
    this.client = createClient(target, () => this.nextPauseMs());
    this.client.on('message', (channel: string, message: string) =>
      this.listeners.get(channel)?.(message),
    );
    // Of all Sentinels together the client says less than of each of them.
    this.client.on('error', (error) => {
      const reason = reasonOfFailure(error, this.isTls, !this.isPrepared);
      this.lost(this.sentinelReason ?? reason);
    });
    this.client.on('sentinelError', (error) => {
      this.sentinelReason = reasonOfFailure(error, this.isTls, true);
    });
    this.client.on('connect', () => {
      this.sentinelReason = undefined;
    });
    this.client.on('close', () => {
      this.isPrepared = false;
      this.outage.failed(this.lastReason);
    });
    this.client.on('ready', () => void this.probe());
    this.stopProbing = clock.every(probeMs, () => void this.probe());
  }

  /**
   * Runs commands. Rejects with `RedisRefusedError`, or with `RedisAwayError`: within `commandMsMax`, and at once from a call
   * that took too long until Redis answers again. A command whose answer is late may still have run.
   */
  async run<Result>(commands: (client: Redis) => Promise<Result>): Promise<Result> {
    if (this.outage.isAway || this.waiting >= waitingMax) {
      this.calls.away += 1;
      throw new RedisAwayError(this.outage.isAway ? 'Redis is away' : 'too many calls wait');
    }
    try {
      const result = await inTime(this.send(commands));
      this.calls.ok += 1;
      return result;
    } catch (error) {
      throw this.toFault(error);
    }
  }

  /** Calls `onMessage` with each message of a channel, from now on and also after a lost connection is back. */
  subscribe(channel: string, onMessage: (message: string) => void): void {
    const name = this.prefix + channel;
    this.listeners.set(name, onMessage);
    if (this.isPrepared) this.client.subscribe(name).catch(() => this.client.disconnect(true));
  }

  isAway(): boolean {
    return this.outage.isAway;
  }

  state(): RedisState {
    return { isUp: !this.outage.isAway, calls: this.calls };
  }

  /** Closes the connection. Calls that wait are rejected. */
  async close(): Promise<void> {
    this.stopProbing();
    this.client.removeAllListeners('close');
    this.client.disconnect();
  }

  private async send<Result>(commands: (client: Redis) => Promise<Result>): Promise<Result> {
    this.waiting += 1;
    try {
      const result = await commands(this.client);
      throwFirstError(result);
      return result;
    } finally {
      this.waiting -= 1;
    }
  }

  private toFault(error: unknown): RedisAwayError | RedisRefusedError {
    const message = messageOf(error);
    if (error instanceof RedisAwayError) {
      this.calls.timeout += 1;
      this.outage.failed(reasonOfFailure(error, this.isTls, false));
      return error;
    }
    if ((error as Error).name !== 'ReplyError') {
      this.calls.away += 1;
      return new RedisAwayError(message);
    }
    // Without the error itself: it has the arguments of its command.
    this.calls.refused += 1;
    this.outage.refused(reasonOfFailure(error, this.isTls, false));
    return new RedisRefusedError(message);
  }

  private lost(reason: string): void {
    this.lastReason = reason;
    this.outage.failed(reason);
  }

  private nextPauseMs(): number {
    this.attempts += 1;
    return backoffMs(this.attempts, connectMsMin, connectMsMax, Math.random);
  }

  /**
   * Asks whether Redis answers, one question at a time. A late answer does not end an outage: each call would wait again for
   * as long as it may. The client replaces a connection that stays silent.
   */
  private async probe(): Promise<void> {
    if (this.isProbing) return;
    if (this.client.status !== 'ready') return this.outage.failed(this.lastReason);
    this.isProbing = true;
    const answer = this.isPrepared ? this.client.ping() : this.prepare();
    try {
      await inTime<unknown>(answer);
      this.outage.answered();
      this.lastReason = 'the server has closed the connection';
      this.attempts = 0;
    } catch (error) {
      this.lost(reasonOfFailure(error, this.isTls, false));
    }
    await answer.catch(() => undefined);
    this.isProbing = false;
  }

  /** Checks the server and subscribes. Rejects, and leaves the connection, where it cannot be used. */
  private async prepare(): Promise<void> {
    const { client, database } = this;
    try {
      const reason = whyUnusable(await client.info());
      if (reason !== undefined) throw new Error(reason);
      // The client goes on with the first database where it may not use this one.
      if (database > 0) await client.select(database);
      // From here on each new subscription is sent at once.
      this.isPrepared = true;
      const channels = [...this.listeners.keys()];
      if (channels.length > 0) await client.subscribe(...channels);
    } catch (error) {
      this.isPrepared = false;
      client.disconnect(true);
      throw error;
    }
  }
}

/** A pipeline resolves also where some of its commands were refused. */
function throwFirstError(result: unknown): void {
  if (!Array.isArray(result)) return;
  const refused = result.find((one) => Array.isArray(one) && one[0] instanceof Error);
  if (refused !== undefined) throw refused[0];
}

/** The answer, or a rejection after `commandMsMax`. */
function inTime<Result>(answer: Promise<Result>): Promise<Result> {
  return new Promise((resolve, reject) => {
    const late = () =>
      reject(new RedisAwayError(`Redis has not answered within ${commandMsMax} ms`));
    // The answer may have arrived while this process was busy: it is read before the end of this turn.
    const timer = setTimeout(() => setImmediate(late), commandMsMax);
    answer.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}
