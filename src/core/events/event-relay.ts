// SPDX-License-Identifier: GPL-3.0-or-later
import type { Clock } from '../clock.ts';
import type { Duty, Lease } from '../duties/ports.ts';
import { createFailureReport, repeat } from '../duties/repeat.ts';
import type { EventRelayStore } from './ports.ts';

const lookEveryMs = 500;
const endOldEveryMs = 10_000;
const restMsMax = 2_000;
const couponsAtOnce = 50;
const firstCoupon = '0';

/** What the relay works with. */
export type EventRelayOptions = {
  store: EventRelayStore;
  clock: Clock;
  /** False: nothing needs events, and no ledger is read. */
  isNeeded(): boolean;
  /**
   * After each call the relay rests this many times as long as the call took, and two seconds at most, so that claims keep the
   * database.
   */
  restFactor(): number;
  warn(event: Record<string, unknown>, message: string): void;
};

/** What the relay knows while this process runs it. */
export type EventRelayState = {
  /** No change has been waiting longer than this to become an event. */
  lagMs: number;
};

type Work = {
  lease: Lease;
  stopping: AbortController;
  /** When the last complete look began. */
  lookedMs: number;
  hasBegun: boolean;
  /** When deliveries are looked for next that have become too old. */
  endOldAtMs: number;
};

/**
 * Turns the rows of each coupon's ledger into events, in order, and records in the ledger when a sale opens or closes. It
 * looks twice a second for coupons with unread rows, once something needs events. A relay that ends anywhere loses nothing: the cursor of a coupon moves
 * in the transaction that stores its events. It also ends deliveries that are too old.
 */
export class EventRelay implements Duty {
  readonly name = 'event_relay';
  private readonly options: EventRelayOptions;
  private readonly report: (error: unknown) => void;
  private work: Work | undefined;

  constructor(options: EventRelayOptions) {
    this.options = options;
    const { clock, warn } = options;
    const message = 'the ledger could not be turned into events; it is tried again';
    this.report = createFailureReport({ clock, warn, message });
  }

  /** Undefined while another process runs the relay, and while nothing needs events. */
  state(): EventRelayState | undefined {
    const { work } = this;
    if (work === undefined || !work.hasBegun) return undefined;
    return { lagMs: this.options.clock.nowMs() - work.lookedMs };
  }

  begin(lease: Lease): () => Promise<void> {
    const { clock } = this.options;
    const stopping = new AbortController();
    const nowMs = clock.nowMs();
    const work: Work = { lease, stopping, lookedMs: nowMs, hasBegun: false, endOldAtMs: nowMs };
    this.work = work;
    const ended = repeat({
      ...{ clock, everyMs: lookEveryMs, signal: work.stopping.signal, report: this.report },
      look: () => this.look(work),
    });
    return async () => {
      stopping.abort();
      if (this.work === work) this.work = undefined;
      await ended;
    };
  }

  private async look(work: Work): Promise<void> {
    const beganMs = this.options.clock.nowMs();
    if (this.options.isNeeded()) {
      await relayLedgers(this.options, work, (hasBegun) => {
        // Before that a change did not wait for the relay.
        if (hasBegun && !work.hasBegun) work.lookedMs = beganMs;
        work.hasBegun = hasBegun;
      });
    } else {
      work.hasBegun = false;
    }
    if (work.stopping.signal.aborted) return;
    work.lookedMs = beganMs;
    if (beganMs >= work.endOldAtMs) await this.endOldDeliveries(work);
  }

  private async endOldDeliveries(work: Work): Promise<void> {
    const { store, clock } = this.options;
    const ended = await store.endOldDeliveries(work.lease);
    if (ended === 'lease_lost') work.stopping.abort();
    // A slice now and another one in the next look: there may be millions.
    if (ended === 'done') work.endOldAtMs = clock.nowMs() + endOldEveryMs;
  }
}

type Relaying = Pick<EventRelayOptions, 'store' | 'clock' | 'restFactor'>;
type Held = Pick<Work, 'lease' | 'stopping'>;

/** Reads all ledgers to their ends, once. Aborts `stopping` when the lease is lost. */
export async function relayLedgers(
  options: Relaying,
  held: Held,
  onFound: (hasBegun: boolean) => void,
): Promise<void> {
  const { store } = options;
  const { lease, stopping } = held;
  let after: string | undefined = firstCoupon;
  while (after !== undefined && !stopping.signal.aborted) {
    const { hasBegun, found, next }: Awaited<ReturnType<EventRelayStore['findUnread']>> =
      await store.findUnread(after);
    onFound(hasBegun);
    after = next;
    for (const { couponId, hasChanged } of found) {
      if (!hasChanged || stopping.signal.aborted) continue;
      if ((await store.recordSaleState(lease, couponId)) === 'lease_lost') stopping.abort();
    }
    await relayAll(
      options,
      held,
      found.map(({ couponId }) => couponId),
    );
  }
}

async function relayAll(
  { store, clock, restFactor }: Relaying,
  { lease, stopping }: Held,
  couponIds: readonly string[],
): Promise<void> {
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
      const restMs = (clock.nowMs() - startedMs) * restFactor();
      await clock.sleep(Math.min(restMs, restMsMax), signal);
    }
    left = more;
  }
}
