// SPDX-License-Identifier: GPL-3.0-or-later
import { type FeedEnvironment, type FeedSharing, pause } from './feed-environment.ts';
import { heartbeatMs, Leadership } from './leadership.ts';
import type { Sale } from './sale-data.ts';
import type { SaleNews } from './sale-news.ts';
import { SaleReader } from './sale-reader.ts';
import { SaleState, staleAfterMs } from './sale-state.ts';

/** A hidden page reads on for this time. */
export const sleepAfterMs = 30_000;

// What tabs post. A tab that knows nothing, or has missed something, asks the leader for everything.
type Message = { news: SaleNews } | { ask: true };

/** The observation of a clock is this much older, at most, when it arrives in another tab. */
const deliveryMs = 100;

/**
 * The data of a sale in one tab. Of all tabs of a browser that show the sale one reads it from the service, and sends what it
 * has read to the others.
 */
export class SaleFeed {
  private readonly name: string;
  private readonly environment: FeedEnvironment;
  private readonly onChange: (sale: Sale) => void;
  private readonly state: SaleState;
  private stopSleepTimer = () => {};
  private stopStaleTimer = () => {};
  private isVisible = true;
  private awake: { stop(): void } | undefined;

  constructor(name: string, environment: FeedEnvironment, onChange: (sale: Sale) => void) {
    this.name = name;
    this.environment = environment;
    this.onChange = onChange;
    this.state = new SaleState(name);
    this.wake();
  }

  /** Takes note of whether the page is visible: it sleeps once it is hidden for 30 s, and wakes when it is visible. */
  setVisible(isVisible: boolean): void {
    this.isVisible = isVisible;
    this.stopSleepTimer();
    if (isVisible) this.wake();
    else this.stopSleepTimer = this.environment.time.after(sleepAfterMs, () => this.sleep());
  }

  /** Reads nothing any more, until the page is visible. */
  sleep(): void {
    this.stopStaleTimer();
    this.stopSleepTimer();
    this.awake?.stop();
    this.awake = undefined;
    this.show();
  }

  private wake(): void {
    if (this.awake !== undefined) return;
    const { sharing } = this.environment;
    if (sharing === undefined) this.readAlone();
    else this.share(sharing);
    this.show();
  }

  private readAlone(): void {
    const end = new AbortController();
    this.awake = { stop: () => end.abort() };
    this.read(end.signal, (news) => this.take(news));
  }

  private share({ locks, openChannel }: FeedSharing): void {
    const { time, random } = this.environment;
    const name = `firstcome:sale:${this.name}`;
    const channel = openChannel(name);
    const post = (message: Message) => channel.post(message);
    const leadership = new Leadership({
      ...{ name, locks, time, random },
      mayTakeOver: () => this.isVisible,
      lead: (signal) => void this.lead(post, signal),
    });
    this.awake = {
      stop: () => {
        leadership.stop();
        channel.close();
      },
    };
    channel.listen((message) => {
      const { news, ask } = message as { news?: SaleNews; ask?: true };
      if (leadership.isLeading) {
        if (ask) post({ news: this.state.news(time.nowMs()) });
      } else if (news !== undefined) {
        leadership.gotNews();
        if (!this.take(news)) post({ ask: true });
      }
    });
    leadership.start();
    post({ ask: true });
  }

  /** Reads for all tabs. */
  private async lead(post: (message: Message) => void, signal: AbortSignal): Promise<void> {
    this.read(signal, (news) => {
      if (signal.aborted) return;
      this.take(news);
      post({ news });
    });
    while (!signal.aborted) {
      post({ news: {} });
      await pause(this.environment.time, heartbeatMs, signal);
    }
  }

  private read(signal: AbortSignal, emit: (news: SaleNews) => void): void {
    new SaleReader(this.name, this.environment, emit).run(signal);
  }

  private take(news: SaleNews): boolean {
    const { time, clock } = this.environment;
    const nowMs = time.nowMs();
    if (news.clock !== undefined) {
      const { serverMs, errorMs } = news.clock;
      clock.observe(serverMs, {
        sentAtMs: nowMs,
        source: 'database',
        errorMs: errorMs + deliveryMs,
      });
    }
    const isComplete = this.state.take(news, nowMs);
    // A heartbeat has nothing to show.
    if (Object.keys(news).length > 0) this.show();
    return isComplete;
  }

  private show(): void {
    const { time } = this.environment;
    const nowMs = time.nowMs();
    const sale = this.state.sale(nowMs, this.awake === undefined);
    this.onChange(sale);
    this.stopStaleTimer();
    if (sale.status !== 'live' || sale.arrivedAtMs === undefined) return;
    const leftMs = sale.arrivedAtMs + staleAfterMs - nowMs;
    this.stopStaleTimer = time.after(leftMs + 1, () => this.show());
  }
}
