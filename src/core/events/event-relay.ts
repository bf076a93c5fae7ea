// SPDX-License-Identifier: GPL-3.0-or-later
import type { Clock } from '../clock.ts';
import type { Duty, Lease } from '../duties/ports.ts';
import { createFailureReport, repeat } from '../duties/repeat.ts';
import type { EventRelayStore } from './ports.ts';

const lookEveryMs = 500;
const couponsAtOnce = 50;
const firstCoupon = '0';
// After each call the relay rests this many times as long as the call took, so that claims keep the database.
const restFactor = 3;

/** What the relay works with. */
export type EventRelayOptions = {
  store: EventRelayStore;
  clock: Clock;
  warn(event: Record<string, unknown>, message: string): void;
  /** Called at the end of each look under the lease. */
  onLooked(): Promise<void>;
};

type Work = { lease: Lease; stopping: AbortController };

/**
 * Turns the rows of each coupon's ledger into events, in order, and records in the ledger when a sale opens or closes. It
 * looks twice a second for coupons with unread rows. A relay that ends anywhere loses nothing: the cursor of a coupon moves
 * in the transaction that stores its events.
 */
export class EventRelay implements Duty {
  readonly name = 'event_relay';
  private readonly options: EventRelayOptions;
  private readonly report: (error: unknown) => void;

  constructor(options: EventRelayOptions) {
    this.options = options;
    const { clock, warn } = options;
    const message = 'the ledger could not be turned into events; it is tried again';
    this.report = createFailureReport({ clock, warn, message });
  }

  begin(lease: Lease): () => Promise<void> {
    const { clock } = this.options;
    const work: Work = { lease, stopping: new AbortController() };
    const ended = repeat({
      ...{ clock, everyMs: lookEveryMs, signal: work.stopping.signal, report: this.report },
      look: () => this.look(work),
    });
    return async () => {
      work.stopping.abort();
      await ended;
    };
  }

  /** Reads all ledgers to their ends. */
  private async look(work: Work): Promise<void> {
    const { store, onLooked } = this.options;
    const { lease, stopping } = work;
    let after: string | undefined = firstCoupon;
    while (after !== undefined && !stopping.signal.aborted) {
      const { found, next }: Awaited<ReturnType<EventRelayStore['findUnread']>> =
        await store.findUnread(after);
      after = next;
      for (const { couponId, hasChanged } of found) {
        if (!hasChanged || stopping.signal.aborted) continue;
        if ((await store.recordSaleState(lease, couponId)) === 'lease_lost') stopping.abort();
      }
      await this.relayAll(
        work,
        found.map(({ couponId }) => couponId),
      );
    }
    if (!stopping.signal.aborted) await onLooked();
  }

  private async relayAll({ lease, stopping }: Work, couponIds: readonly string[]): Promise<void> {
    const { store, clock } = this.options;
    const { signal } = stopping;
    let left = couponIds;
    while (left.length > 0 && !signal.aborted) {
      const more: string[] = [];
      for (let start = 0; start < left.length && !signal.aborted; start += couponsAtOnce) {
        const startedMs = clock.nowMs();
        const relayed = await store.relay(lease, left.slice(start, start + couponsAtOnce));
        if (relayed === 'lease_lost') {
          stopping.abort();
          return;
        }
        more.push(...relayed);
        await clock.sleep((clock.nowMs() - startedMs) * restFactor, signal);
      }
      left = more;
    }
  }
}
