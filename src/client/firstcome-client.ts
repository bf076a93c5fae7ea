// SPDX-License-Identifier: GPL-3.0-or-later

import { addOperations } from './add-operations.ts';
import type { ClaimCouponArguments } from './api-types.ts';
import type { ClaimLimits } from './batched-claim.ts';
import { type Connection, call } from './call.ts';
import type { ClaimBatches } from './claim-batches.ts';
import { environment, newKey } from './environment.ts';
import type { Operations } from './operation-types.ts';
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

/** A claim of `claimMany`. */
export type ManyClaim = ClaimCouponArguments & {
  /** By default each claim has a new key. */
  idempotency_key?: string | undefined;
};

/**
 * A client of a firstcome service. Its calls repeat what is lost, as long as that is safe and their deadline allows, and
 * then say what happened: a claim is never made twice by one call, and an outcome that is not `unknown` is the true one.
 */
export interface FirstcomeClient extends Operations {
  /**
   * Claims one unit of a coupon for a user. The call has a key, made before the first attempt, so that however often it
   * is sent, the user gets one claim.
   */
  claim(args: ClaimCouponArguments, options?: KeyedOptions): Promise<ClaimResult>;

  /**
   * Claims for many users, in batches of up to 1,000 claims and 1 MiB. The results are in the order of the claims, and
   * each claim has its own: one that is refused does not affect the others.
   */
  claimMany(
    claims: readonly ManyClaim[],
    options?: Omit<CallOptions, 'headers'>,
  ): Promise<ClaimResult[]>;
}

class Client implements Pick<FirstcomeClient, 'claim' | 'claimMany'> {
  readonly #settings: Settings;
  readonly #connection: Connection;
  #loading: Promise<ClaimBatches> | undefined;
  #batches: ClaimBatches | undefined;

  constructor(options: ClientOptions) {
    this.#settings = settingsOf(options);
    this.#connection = { service: this.#settings.service, budget: new RetryBudget() };
    addOperations(this, this.#connection, (options) => this.#deadlineMs(options));
  }

  claim(args: ClaimCouponArguments, options: KeyedOptions = {}): Promise<ClaimResult> {
    const { idempotencyKey: key = newKey(), signal, headers } = options;
    const limits = { key, deadlineMs: this.#deadlineMs(options), signal };
    if (!this.#settings.coalesce || headers !== undefined) {
      return this.#claimAlone(args, limits, headers);
    }
    if (this.#batches !== undefined) return this.#batches.claim(args, limits);
    return this.#loadBatches().then((batches) => batches.claim(args, limits));
  }

  async claimMany(claims: readonly ManyClaim[], options: CallOptions = {}): Promise<ClaimResult[]> {
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
    args: ClaimCouponArguments,
    { key, deadlineMs, signal, earlier }: ClaimLimits,
    added?: Record<string, string>,
  ): Promise<ClaimResult> {
    const request = {
      ...{ method: 'POST', path: '/api/coupons/claim', body: JSON.stringify(args) },
      headers: { ...added, 'content-type': 'application/json', 'idempotency-key': key },
    };
    const limits = { deadlineMs, signal, earlier };
    const ending = await call(this.#connection, { request, repeats: 'repeat', ...limits });
    return claimResult(ending, key);
  }

  /** Only where it is needed, so that a page which claims one by one does not load it. */
  #loadBatches(): Promise<ClaimBatches> {
    this.#loading ??= import('./claim-batches.ts').then(({ ClaimBatches }) => {
      const { connections } = this.#settings;
      this.#batches = new ClaimBatches(this.#connection, connections, (args, limits) =>
        this.#claimAlone(args, limits),
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

/** Creates a client. Throws a `TypeError` for wrong options. */
export const FirstcomeClient = Client as unknown as {
  new (options: ClientOptions): FirstcomeClient;
};
