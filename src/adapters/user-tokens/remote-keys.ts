// SPDX-License-Identifier: GPL-3.0-or-later
import type { Clock } from '../../core/clock.ts';
import {
  type TokenKeySet,
  type TokenKeySource,
  tokenKeySet,
} from '../../core/user-tokens/token-keys.ts';
import type { ParsedTokenKeys, UserTokenMetrics } from '../../core/user-tokens/user-tokens.ts';

/** What is needed to keep the keys of a URL current. */
export type RemoteKeysOptions = {
  /** Fetches the text of the JWK Set, until `stopping` aborts. Rejects with a message for the log. */
  fetchText(stopping: AbortSignal): Promise<string>;
  parse(text: string): ParsedTokenKeys;
  clock: Pick<Clock, 'nowMs' | 'sleep'>;
  metrics: Pick<UserTokenMetrics, 'tokenKeysFetched'>;
  log: Record<'info' | 'warn', (event: Record<string, unknown>, message: string) => void>;
};

const refreshMs = 5 * 60_000;
const retryMs = 15_000;
/** An unknown key makes the set be fetched again, but not sooner than this after the last request. */
const cooldownMs = 30_000;
/** While the URL cannot be read, its last keys are valid for so long. */
const staleMsMax = 60 * 60_000;

/**
 * The keys of a URL. They are fetched at the start, every five minutes, and when a token names an unknown one. A response
 * without a usable key counts as a failure: the keys before it stay.
 */
export class RemoteKeys implements TokenKeySource {
  private readonly options: RemoteKeysOptions;
  private readonly stopping = new AbortController();
  private text: string | undefined;
  private keys: TokenKeySet | undefined;
  private fetchedMs = 0;
  private requestedMs = 0;
  private isFailing = false;
  private isStaleReported = false;
  private problems = '';
  private pending: Promise<void> | undefined;

  constructor(options: RemoteKeysOptions) {
    this.options = options;
  }

  /** Fetches the keys and keeps them current. Resolves after the first attempt, also if it fails. */
  async start(): Promise<void> {
    await this.refresh();
    void this.keepCurrent();
  }

  stop(): void {
    this.stopping.abort();
  }

  current(): TokenKeySet | undefined {
    const isStale = this.options.clock.nowMs() - this.fetchedMs > staleMsMax;
    return isStale ? undefined : this.keys;
  }

  lookForNewKeys(): Promise<void> {
    if (this.pending !== undefined) return this.pending;
    const isEarly = this.options.clock.nowMs() - this.requestedMs < cooldownMs;
    return isEarly ? Promise.resolve() : this.refresh();
  }

  private async keepCurrent(): Promise<void> {
    const { clock } = this.options;
    const { signal } = this.stopping;
    while (!signal.aborted) {
      // Not until the next refresh: a request for an unknown key may fail meanwhile, and is tried again soon.
      await clock.sleep(retryMs, signal);
      const isDue = this.isFailing || clock.nowMs() - this.requestedMs >= refreshMs;
      if (isDue && !signal.aborted) await this.refresh();
    }
  }

  /** One request at a time, which all that wait for it share. */
  private refresh(): Promise<void> {
    this.pending ??= this.fetchOnce().finally(() => {
      this.pending = undefined;
    });
    return this.pending;
  }

  private async fetchOnce(): Promise<void> {
    const { clock, metrics, fetchText } = this.options;
    this.requestedMs = clock.nowMs();
    try {
      this.use(await fetchText(this.stopping.signal));
    } catch (error) {
      if (this.stopping.signal.aborted) return;
      metrics.tokenKeysFetched('failed');
      this.reportFailure((error as Error).message);
      return;
    }
    metrics.tokenKeysFetched('fetched');
    // Not later: a response is as old as its request.
    this.fetchedMs = this.requestedMs;
    if (this.isFailing) this.options.log.info({}, 'the keys of user tokens are fetched again');
    this.isFailing = false;
    this.isStaleReported = false;
  }

  /** Throws when the text has no usable key. */
  private use(text: string): void {
    if (text === this.text) return;
    const { keys, problems } = this.options.parse(text);
    if (keys.length === 0) throw new Error(problems.join('; '));
    this.text = text;
    this.keys = tokenKeySet(keys);
    const listed = problems.join('; ');
    if (listed !== this.problems && listed !== '') {
      this.options.log.warn({ problems }, 'some keys of user tokens cannot be used');
    }
    this.problems = listed;
  }

  /** Once when an outage begins, and once when it has lasted too long for the last keys. */
  private reportFailure(reason: string): void {
    const { log } = this.options;
    const isStale = this.current() === undefined;
    if (this.isFailing && isStale === this.isStaleReported) return;
    this.isFailing = true;
    this.isStaleReported = isStale;
    const effect = isStale
      ? 'user tokens are refused as unavailable'
      : 'the last keys are valid for an hour';
    log.warn({ reason }, `the keys of user tokens cannot be fetched: ${effect}`);
  }
}
