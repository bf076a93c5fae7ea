// SPDX-License-Identifier: GPL-3.0-or-later
import type { Service } from './send.ts';

/** The options of a client. */
export type ClientOptions = {
  /** Where the service is: an origin, and a path if a proxy serves it below one. */
  url: string;
  /**
   * Sent as `Authorization: Bearer` with each request: the admin, viewer or claim key, or a user token. A function is
   * called before each request, so it can return a new token. By default no key is sent.
   */
  key?: string | (() => string | Promise<string>) | undefined;
  /**
   * Sends claims that are called while others are under way together, in batches. This is many times as fast where a
   * process makes many claims at once, and a lone claim is sent as soon as without it. Not for user tokens, which
   * the service does not accept for batches. False by default.
   */
  coalesce?: boolean | undefined;
  /** With `coalesce`, and for `claimMany`: how many batches may be under way at the same time. 2 by default. */
  connections?: number | undefined;
  /** How long a call may take, all its repeats included, in milliseconds. 30,000 by default. */
  timeoutMs?: number | undefined;
  /** `globalThis.fetch` by default. */
  fetch?: typeof fetch | undefined;
};

/** The options of one call. */
export type CallOptions = {
  /** Ends the call, which then rejects with the reason of the signal. What was sent may still take effect. */
  signal?: AbortSignal | undefined;
  /** How long the call may take, all its repeats included, in milliseconds. By default what the client says. */
  timeoutMs?: number | undefined;
  /** Headers to add, such as `traceparent` or `Prefer`. A claim with headers is sent alone. */
  headers?: Record<string, string> | undefined;
};

/** The options of a call that the service recognises by a key. */
export type KeyedOptions = CallOptions & {
  /**
   * Identifies one intended change: 1 to 255 printable ASCII characters. Give one that you store where a change must not be
   * made twice even if this process ends before it has the result. By default each call has a new one.
   */
  idempotencyKey?: string | undefined;
};

/** The options of a client, checked and complete. */
export type Settings = {
  service: Service;
  coalesce: boolean;
  connections: number;
  timeoutMs: number;
};

/** Checks the options of a client. Throws a `TypeError` that names the wrong one. */
export function settingsOf(options: ClientOptions): Settings {
  const { url, key, coalesce = false, connections = 2, timeoutMs = 30_000 } = options;
  const { fetch: send = globalThis.fetch } = options;
  const { protocol, username, password, search, hash, origin, pathname } = new URL(url);
  if (!/^https?:$/.test(protocol) || `${username}${password}${search}${hash}` !== '') {
    throw new TypeError('url is not an http or https address without user, query and fragment');
  }
  if (!(Number.isInteger(connections) && connections >= 1)) {
    throw new TypeError('connections is not a whole number of at least 1');
  }
  assertTimeout(timeoutMs);
  const service = {
    url: origin + pathname.replace(/\/+$/, ''),
    key,
    // Browsers refuse a call of `fetch` as a method.
    fetch: ((input, init) => send(input, init)) as typeof fetch,
  };
  return { service, coalesce, connections, timeoutMs };
}

/** Throws a `TypeError` if this is no number of milliseconds that a timer can wait. */
export function assertTimeout(timeoutMs: number): void {
  if (!(timeoutMs > 0 && timeoutMs < 2 ** 31)) {
    throw new TypeError('timeoutMs is not above 0 and below 2^31');
  }
}
