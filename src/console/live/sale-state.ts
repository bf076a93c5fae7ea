// SPDX-License-Identifier: GPL-3.0-or-later
import type { Health, Overview, Refusal } from '../../client.ts';
import type { SaleSecond } from '../../figures/sale-second.ts';
import { unknownSecond } from '../../figures/sale-seconds.ts';
import { StockSamples } from '../../figures/stock-samples.ts';
import { estimateSeconds } from '../../figures/time-to-sold-out.ts';
import { minutesKept, type Sale } from './sale-data.ts';
import type { SaleNews } from './sale-news.ts';

/** After this time without data the page says that what it shows is old. */
export const staleAfterMs = 3_000;

const secondsMax = 60 * minutesKept;

/** What a tab knows of a sale, from the news of the leading tab. Times are those of a clock that never goes back. */
export class SaleState {
  private readonly name: string;
  private overview: Overview | undefined;
  private health: Health | undefined;
  private refusal: Refusal | undefined;
  private seconds: readonly SaleSecond[] = [];
  private readonly stock = new StockSamples(estimateSeconds);
  private overviewAtMs: number | undefined;
  private secondsAtMs: number | undefined;

  constructor(name: string) {
    this.name = name;
  }

  /** Takes in news. Returns false if it lacks seconds before it, which this tab has missed. */
  take(news: SaleNews, nowMs: number): boolean {
    const { overview, health, tail, refusal } = news;
    if (overview !== undefined) {
      this.overview = overview.value;
      this.overviewAtMs = nowMs - overview.ageMs;
      const { at, claimed } = overview.value;
      this.stock.add({ atMs: Date.parse(at), claimed });
    }
    if (health !== undefined) this.health = health;
    if (refusal !== undefined) this.refusal = refusal ?? undefined;
    if (tail === undefined) return true;
    this.secondsAtMs = nowMs - tail.ageMs;
    return this.takeTail(tail.value);
  }

  private takeTail(tail: readonly SaleSecond[]): boolean {
    const fromMs = tail[0]?.atMs;
    if (fromMs === undefined) return true;
    const before = this.seconds.filter(({ atMs }) => atMs < fromMs);
    const lastMs = before.at(-1)?.atMs ?? fromMs - 1_000;
    const missing: SaleSecond[] = [];
    const firstMissingMs = Math.max(lastMs + 1_000, fromMs - secondsMax * 1_000);
    for (let atMs = firstMissingMs; atMs < fromMs; atMs += 1_000) missing.push(unknownSecond(atMs));
    this.seconds = [...before, ...missing, ...tail].slice(-secondsMax);
    return missing.length === 0;
  }

  /** Everything that is known, for a tab that knows nothing yet. */
  news(nowMs: number): SaleNews {
    const { overview, overviewAtMs = nowMs, health, secondsAtMs = nowMs, seconds } = this;
    return {
      ...(overview && { overview: { value: overview, ageMs: nowMs - overviewAtMs } }),
      ...(health && { health }),
      ...(seconds.length > 0 && { tail: { value: seconds, ageMs: nowMs - secondsAtMs } }),
      refusal: this.refusal ?? null,
    };
  }

  /** When data arrived last: the older one of the two that arrive each second. */
  get arrivedAtMs(): number | undefined {
    const { overviewAtMs, secondsAtMs } = this;
    if (overviewAtMs === undefined || secondsAtMs === undefined) return overviewAtMs ?? secondsAtMs;
    return Math.min(overviewAtMs, secondsAtMs);
  }

  /** The sale as the page shows it. */
  sale(nowMs: number, isAsleep: boolean): Sale {
    const { name, overview, health, seconds, refusal, arrivedAtMs } = this;
    const isLive = arrivedAtMs !== undefined && nowMs - arrivedAtMs <= staleAfterMs;
    const status = arrivedAtMs === undefined ? 'connecting' : isLive ? 'live' : 'stale';
    return {
      ...{ name, overview, health, seconds, refusal, arrivedAtMs },
      takenPerSecond: this.stock.takenPerSecond(estimateSeconds),
      status: isAsleep ? 'asleep' : status,
    };
  }
}
