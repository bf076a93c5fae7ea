// SPDX-License-Identifier: GPL-3.0-or-later
import type http from 'node:http';
import { urlToHttpOptions } from 'node:url';
import { type CallResult, callReceiver } from './call-receiver.ts';
import { RequestLimit } from './request-limit.ts';
import { signMessage } from './sign-message.ts';

/** Where a message goes. Only connections of the agent `kept` are used again. */
export type CallTarget = {
  options: Parameters<typeof callReceiver>[0];
  /** The header of this name. */
  host: string;
  kept: http.Agent;
  fresh: http.Agent;
};

/** A message that is signed with each of the secrets. */
export type Message = {
  messageId: string;
  /** JSON. */
  body: string;
  secrets: readonly string[];
  /** Besides those of the signature and the content. */
  headers?: Readonly<Record<string, string>>;
};

/** The target of a URL. */
export function targetOf(url: URL, agents: Pick<CallTarget, 'kept' | 'fresh'>): CallTarget {
  // Few members: each request copies them several times.
  const { protocol, hostname, port, path } = urlToHttpOptions(url);
  return { options: { protocol, hostname, port, path, method: 'POST' }, host: url.host, ...agents };
}

/** The size of a response, its head and its body each by itself. */
export const responseBytesMax = 64 * 1024;
/** Connections to one address. */
export const connectionsMax = 64;
/** Connections without a request are closed before most receivers and balancers close them. */
export const idleMs = 4_000;

/** Sends signed messages with `POST`, and ends all of them when it is closed. */
export class SignedCalls {
  private readonly userAgent: string;
  private readonly bytesMax: number;
  private readonly underWay = new Set<RequestLimit>();
  private isClosed = false;

  constructor(options: { userAgent: string; responseBytesMax: number }) {
    this.userAgent = options.userAgent;
    this.bytesMax = options.responseBytesMax;
  }

  /**
   * Sends a message, once more where the connection that was used again had ended. All of it takes no longer than the time.
   * Never rejects. `isLate`: the time has passed.
   */
  async send(
    target: CallTarget,
    { messageId, body, secrets, headers: more }: Message,
    { timeoutMs, signal }: { timeoutMs: number; signal: AbortSignal },
  ): Promise<{ result: CallResult; isLate: boolean }> {
    const signed = { ...more, ...signMessage(secrets, { messageId, sentAt: new Date(), body }) };
    const headers = [
      ...['host', target.host, 'content-type', 'application/json'],
      ...['content-length', String(Buffer.byteLength(body)), 'user-agent', this.userAgent],
    ];
    for (const [name, value] of Object.entries(signed)) headers.push(name, value);
    const limit = new RequestLimit(timeoutMs, signal);
    if (this.isClosed) limit.giveUp();
    this.underWay.add(limit);
    const attempt = (agent: http.Agent) =>
      callReceiver(target.options, {
        ...{ agent, headers, body, responseBytesMax: this.bytesMax, limit },
      });
    try {
      let result = await attempt(target.kept);
      if (result.kind === 'failed' && result.isStale && !limit.isOver) {
        result = await attempt(target.fresh);
      }
      return { result, isLate: limit.isLate };
    } finally {
      limit.release();
      this.underWay.delete(limit);
    }
  }

  /** Ends all requests, and begins none after that. */
  close(): void {
    this.isClosed = true;
    for (const limit of this.underWay) limit.giveUp();
  }
}

/** What an operator reads of a request that took too long. */
export function lateAfter(timeoutMs: number): string {
  return `there was no answer within ${timeoutMs / 1_000} s`;
}

/** What an operator reads of a request that failed, without anything that the receiver has sent. */
export function failureOf({ code }: Error & { code?: string }): string {
  return code === undefined ? 'the request failed' : `the request failed (${code})`;
}
