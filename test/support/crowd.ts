// SPDX-License-Identifier: GPL-3.0-or-later
/** Many clients at once, over real HTTP. Knows the contract only, nothing of the engine. */
import { Agent, request } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';

/** What a client was told. */
export type Answer = {
  status: number;
  headers: Record<string, string | string[] | undefined>;
  // biome-ignore lint/suspicious/noExplicitAny: the body is whatever the service says; tests look into it.
  body: any;
};

/** One request; the path begins with `/`. */
export type Ask = {
  method?: string;
  path: string;
  body?: unknown;
  headers?: Record<string, string>;
};

/** A claim as a client sends it. */
export type ClaimAsk = { couponName: string; userId: string; key?: string };

/** All that one client was told about one intent, in order; the last is a decision unless he gave up. */
export type History = { userId: string; answers: Answer[] };

const comesBackAfterMs = 25;

/** A crowd keeps its connections open between requests; `leave` closes them. */
export class Crowd {
  private readonly agent: Agent;
  private readonly timeoutMs: number;

  constructor(options: { connectionsMax?: number; timeoutMs?: number } = {}) {
    this.agent = new Agent({
      keepAlive: true,
      maxSockets: options.connectionsMax ?? Number.POSITIVE_INFINITY,
    });
    this.timeoutMs = options.timeoutMs ?? 30_000;
  }

  /** Resolves with any answer; rejects when the connection was lost, or nothing came in time. */
  ask(url: string, { method = 'GET', path, body, headers = {} }: Ask): Promise<Answer> {
    const text = body === undefined ? undefined : JSON.stringify(body);
    return new Promise((resolve, reject) => {
      const asking = request(
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
      asking.on('error', reject);
      asking.end(text);
    });
  }

  claim(url: string, { couponName, userId, key }: ClaimAsk): Promise<Answer> {
    return this.ask(url, {
      method: 'POST',
      path: '/api/coupons/claim',
      body: { user_id: userId, coupon_name: couponName },
      ...(key !== undefined && { headers: { 'idempotency-key': key } }),
    });
  }

  /** Claims under one key, and asks again with it for as long as the service cannot decide. */
  async claimUntilDecided(url: string, ask: ClaimAsk & { key: string }): Promise<History> {
    const answers: Answer[] = [];
    const giveUpMs = performance.now() + this.timeoutMs;
    for (;;) {
      const answer = await this.claim(url, ask);
      answers.push(answer);
      if (answer.status !== 503 || performance.now() > giveUpMs) {
        return { userId: ask.userId, answers };
      }
      await delay(comesBackAfterMs);
    }
  }

  /** Creates a coupon, and asks again for as long as the service cannot tell; rejects unless it was created. */
  async createCoupon(url: string, name: string, amount: number): Promise<void> {
    const ask = { method: 'POST', path: '/api/coupons', body: { name, amount } };
    const giveUpMs = performance.now() + this.timeoutMs;
    let isUnknown = false;
    for (;;) {
      const { status, body } = await this.ask(url, ask);
      if (status === 201 || (status === 409 && isUnknown)) return;
      if (status !== 503 || performance.now() > giveUpMs) {
        throw new Error(`not created: ${JSON.stringify(body)}`);
      }
      isUnknown ||= body.effect === 'unknown';
      await delay(comesBackAfterMs);
    }
  }

  readCoupon(url: string, name: string): Promise<Answer> {
    return this.ask(url, { path: `/api/coupons/${encodeURIComponent(name)}` });
  }

  leave(): void {
    this.agent.destroy();
  }
}

/** How many answers there are of each kind: the status, and the code of an error. */
export function tally(answers: readonly Answer[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { status, body } of answers) {
    const kind = body?.code === undefined ? String(status) : `${status} ${body.code}`;
    counts[kind] = (counts[kind] ?? 0) + 1;
  }
  return counts;
}

/** Whole numbers from 0, as many as asked for. */
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
