// SPDX-License-Identifier: GPL-3.0-or-later
/** A service with sales in which each second has counts of its own, on virtual time. */

import { FirstcomeError } from '../../src/client/errors.ts';
import type { OutcomeSecond, Overview, Refusal } from '../../src/client.ts';
import type { FeedService } from '../../src/console/live/feed-environment.ts';
import type { VirtualTime } from './virtual-time.ts';

/** When the virtual time of 0 is, by the clock of the service. */
export const epochMs = Date.parse('2030-01-31T12:00:00Z');

// As in the service, a second can be read when it ended a second ago.
const completeAfterMs = 1_200;

/** The service. */
export class FakeSaleService implements FeedService {
  private readonly time: VirtualTime;
  /** How often each operation was called. */
  readonly calls = { readOverview: 0, readHealth: 0, readOutcomeHistory: 0, streamOutcomes: 0 };
  /** The names of the sales whose streams are open now. */
  readonly streams: string[] = [];
  streamsMax = 0;
  /** The outcome of each call that is refused. Undefined: none is. */
  refusal: Refusal['outcome'] | undefined;
  /** Streams are open, and bring nothing. */
  isSilent = false;
  /** How long an answer takes. */
  answerMs = 20;

  constructor(time: VirtualTime) {
    this.time = time;
  }

  /** All calls. */
  get callCount(): number {
    return Object.values(this.calls).reduce((sum, count) => sum + count, 0);
  }

  readOverview = async (_args: unknown, { signal }: { signal?: AbortSignal | undefined } = {}) => {
    this.calls.readOverview += 1;
    const overview = { server_time: this.iso(this.nowMs()) } as Overview;
    return this.answer(overview, signal);
  };

  readHealth = async (
    _args: unknown = {},
    { signal }: { signal?: AbortSignal | undefined } = {},
  ) => {
    this.calls.readHealth += 1;
    return this.answer({ status: 'healthy', version: '1', database: 'external' } as const, signal);
  };

  readOutcomeHistory = async (
    { name, minutes = 15 }: { name: string; minutes?: number },
    { signal }: { signal?: AbortSignal | undefined } = {},
  ) => {
    this.calls.readOutcomeHistory += 1;
    const last = this.lastSecond();
    const first = last - minutes * 60 + 1;
    const seconds = Array.from({ length: minutes * 60 }, (_, place) => secondAt(first + place));
    const history = {
      ...{ coupon_name: name, from: this.iso(first * 1_000), until: this.iso((last + 1) * 1_000) },
      ...{ seconds, unknown: [] },
    };
    return this.answer(history, signal);
  };

  async *streamOutcomes(
    { name }: { name: string },
    { signal }: { signal?: AbortSignal | undefined } = {},
  ): AsyncGenerator<OutcomeSecond, void, undefined> {
    this.calls.streamOutcomes += 1;
    const opened = await this.answer(undefined, signal);
    if (opened.outcome !== 'ok') throw new FirstcomeError('refused', { result: opened });
    this.streams.push(name);
    this.streamsMax = Math.max(this.streamsMax, this.streams.length);
    try {
      for (let second = this.lastSecond(); ; second += 1) {
        await this.until((second + 1) * 1_000 + completeAfterMs, signal);
        while (this.isSilent || this.refusal !== undefined)
          await this.until(this.nowMs() + 1_000, signal);
        yield secondAt(second);
      }
    } finally {
      this.streams.splice(this.streams.indexOf(name), 1);
    }
  }

  private async answer<Value>(value: Value, signal: AbortSignal | undefined) {
    const { refusal } = this;
    await this.until(this.nowMs() + this.answerMs, signal);
    if (refusal !== undefined) return { outcome: refusal, status: 503, problem: {} } as Refusal;
    return { outcome: 'ok', status: 200, value, replayed: false } as const;
  }

  private until(atMs: number, signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      signal?.throwIfAborted();
      const stop = this.time.after(atMs - this.nowMs(), () => {
        signal?.removeEventListener('abort', onAbort);
        resolve();
      });
      const onAbort = () => {
        stop();
        reject(signal?.reason);
      };
      signal?.addEventListener('abort', onAbort, { once: true });
    });
  }

  private nowMs(): number {
    return epochMs + this.time.nowMs;
  }

  private lastSecond(): number {
    return Math.floor((this.nowMs() - completeAfterMs) / 1_000) - 1;
  }

  private iso(ms: number): string {
    return new Date(ms).toISOString();
  }
}

/** The counts of a second. */
export function secondAt(second: number): OutcomeSecond {
  return {
    ...{ at: new Date(second * 1_000).toISOString(), complete: true },
    ...{ outcomes: { claimed: second % 100_000 }, unattributed: {} },
    ...{ p50_ms: 1, p99_ms: 2, waiting_claims: 0, remaining_amount: null },
  };
}
