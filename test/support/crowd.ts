// SPDX-License-Identifier: GPL-3.0-or-later
/** Many clients at once, over real HTTP. Uses the HTTP contract only, nothing of the engine. */
import { Agent, request } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';

/** A response that a client received. */
export type Answer = {
  status: number;
  headers: Record<string, string | string[] | undefined>;
  // biome-ignore lint/suspicious/noExplicitAny: tests read bodies of every shape.
  body: any;
};

/** One request; the path begins with `/`. */
export type CrowdRequest = {
  method?: string;
  path: string;
  body?: unknown;
  headers?: Record<string, string>;
};

/** A claim as a client sends it. */
export type ClaimRequest = { couponName: string; userId: string; key?: string };

/** All answers to one intent of a client, in order; the last is a decision unless the client gave up. */
export type History = { userId: string; answers: Answer[] };

const retryAfterMs = 25;

/** A crowd keeps its connections open between requests; `close` closes them. */
export class Crowd {
  private readonly agent: Agent;
  private readonly timeoutMs: number;

  constructor(options: { connectionsMax?: number; timeoutMs?: number } = {}) {
    this.agent = new Agent({
      keepAlive: true,
      maxSockets: options.connectionsMax ?? Number.POSITIVE_INFINITY,
    });
    // By default so long that it only ends a test that hangs.
    this.timeoutMs = options.timeoutMs ?? 120_000;
  }

  /** Resolves with any answer; rejects when the connection was lost, or no answer came in time. */
  send(url: string, { method = 'GET', path, body, headers = {} }: CrowdRequest): Promise<Answer> {
    const text = body === undefined ? undefined : JSON.stringify(body);
    return new Promise((resolve, reject) => {
      const sent = request(
        url + path,
        {
          agent: this.agent,
          method,
          signal: AbortSignal.timeout(this.timeoutMs),
          headers: {
            ...headers,
            ...(text !== undefined && {
              'content-type': 'application/json',
              'content-length': Buffer.byteLength(text),
            }),
          },
        },
        (response) => {
          const chunks: Buffer[] = [];
          response.on('data', (chunk: Buffer) => chunks.push(chunk));
          response.on('error', reject);
          response.on('end', () => {
            resolve({
              status: response.statusCode ?? 0,
              headers: response.headers,
              body: toBody(Buffer.concat(chunks).toString()),
            });
          });
        },
      );
      sent.on('error', reject);
      sent.end(text);
    });
  }

  claim(url: string, { couponName, userId, key }: ClaimRequest): Promise<Answer> {
    return this.send(url, {
      method: 'POST',
      path: '/api/coupons/claim',
      body: { user_id: userId, coupon_name: couponName },
      ...(key !== undefined && { headers: { 'idempotency-key': key } }),
    });
  }

  /** Claims with one key, and repeats the claim with it until the service decides or the time is over. */
  async claimUntilDecided(url: string, claim: ClaimRequest & { key: string }): Promise<History> {
    const answers: Answer[] = [];
    const giveUpMs = performance.now() + this.timeoutMs;
    for (;;) {
      const answer = await this.claim(url, claim);
      answers.push(answer);
      if (answer.status !== 503 || performance.now() > giveUpMs) {
        return { userId: claim.userId, answers };
      }
      await delay(retryAfterMs);
    }
  }

  /** Creates a coupon, and retries while the outcome is unknown; rejects unless it was created. */
  async createCoupon(url: string, name: string, amount: number): Promise<void> {
    const creation = { method: 'POST', path: '/api/coupons', body: { name, amount } };
    const giveUpMs = performance.now() + this.timeoutMs;
    let isUnknown = false;
    for (;;) {
      const { status, body } = await this.send(url, creation);
      if (status === 201 || (status === 409 && isUnknown)) return;
      if (status !== 503 || performance.now() > giveUpMs) {
        throw new Error(`not created: ${JSON.stringify(body)}`);
      }
      isUnknown ||= body.effect === 'unknown';
      await delay(retryAfterMs);
    }
  }

  readCoupon(url: string, name: string): Promise<Answer> {
    return this.send(url, { path: `/api/coupons/${encodeURIComponent(name)}` });
  }

  close(): void {
    this.agent.destroy();
  }
}

/** Counts answers by their status, and by the code of an error. */
export function tally(answers: readonly Answer[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { status, body } of answers) {
    const kind = body?.code === undefined ? String(status) : `${status} ${body.code}`;
    counts[kind] = (counts[kind] ?? 0) + 1;
  }
  return counts;
}

/** The whole numbers from 0 to `count - 1`. */
export function range(count: number): number[] {
  return Array.from({ length: count }, (_, index) => index);
}

function toBody(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
