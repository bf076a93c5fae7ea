// SPDX-License-Identifier: GPL-3.0-or-later
import type { ClaimArguments, ClaimLimits } from './batched-claim.ts';
import { type Connection, call } from './call.ts';
import type { ClaimBatches } from './claim-batches.ts';
import { environment, newKey } from './environment.ts';
import {
  assertTimeout,
  type CallOptions,
  type ClientOptions,
  type KeyedOptions,
  type Settings,
  settingsOf,
} from './options.ts';
import type { ClaimResult } from './results.ts';
import { RetryBudget } from './retry.ts';
import { claimResult } from './to-result.ts';

/** A client. */
export class FirstcomeClient {
  readonly #settings: Settings;
  readonly #connection: Connection;
  #loading: Promise<ClaimBatches> | undefined;
  #batches: ClaimBatches | undefined;

  constructor(options: ClientOptions) {
    this.#settings = settingsOf(options);
    this.#connection = { service: this.#settings.service, budget: new RetryBudget() };
  }

  /** Claims one unit of a coupon for a user. */
  claim(args: ClaimArguments, options: KeyedOptions = {}): Promise<ClaimResult> {
    const { idempotencyKey: key = newKey(), signal, headers } = options;
    const limits = { key, deadlineMs: this.#deadlineMs(options), signal };
    if (!this.#settings.coalesce || headers !== undefined) {
      return this.#claimAlone(args, limits, headers);
    }
    if (this.#batches !== undefined) return this.#batches.claim(args, limits);
    return this.#loadBatches().then((batches) => batches.claim(args, limits));
  }

  /** Claims in batches. The results are in the order of the claims. */
  async claimMany(
    claims: readonly (ClaimArguments & { idempotency_key?: string | undefined })[],
    options: CallOptions = {},
  ): Promise<ClaimResult[]> {
    const { signal } = options;
    const deadlineMs = this.#deadlineMs(options);
    const batches = await this.#loadBatches();
    return Promise.all(
      claims.map(({ idempotency_key: key = newKey(), ...args }) =>
        batches.claim(args, { key, deadlineMs, signal }),
      ),
    );
  }

  async #claimAlone(
    args: ClaimArguments,
    { key, deadlineMs, signal, earlier }: ClaimLimits,
    headers?: Record<string, string>,
  ): Promise<ClaimResult> {
    const request = {
      ...{ method: 'POST', path: '/api/coupons/claim', body: JSON.stringify(args) },
      headers: { ...headers, 'content-type': 'application/json', 'idempotency-key': key },
    };
    const repeats = 'repeat';
    const limits = { deadlineMs, signal, earlier };
    return claimResult(await call(this.#connection, { request, repeats, ...limits }), key);
  }

  /** Loaded when it is needed, so that pages which claim one by one do not load it. */
  #loadBatches(): Promise<ClaimBatches> {
    this.#loading ??= import('./claim-batches.ts').then(({ ClaimBatches }) => {
      this.#batches = new ClaimBatches(
        this.#connection,
        this.#settings.connections,
        (args, limits) => this.#claimAlone(args, limits),
      );
      return this.#batches;
    });
    return this.#loading;
  }

  #deadlineMs({ timeoutMs }: CallOptions): number {
    if (timeoutMs !== undefined) assertTimeout(timeoutMs);
    return environment.now() + (timeoutMs ?? this.#settings.timeoutMs);
  }
}
