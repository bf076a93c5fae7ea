// SPDX-License-Identifier: GPL-3.0-or-later
import { Agent, request } from 'node:http';
import { setTimeout as wait } from 'node:timers/promises';
import { userOf } from './set-up.ts';

/** The time without an acknowledged claim around a failover, by `performance.now`. */
export type Interruption = { downMs: number; resumedMs: number };

type Answer = { status: number; code: string; effect: string; claimId: string | undefined };

// A client that was refused tries the next user after this time.
const pauseMs = 20;

/** Clients that claim one coupon all the time, and keep their answers. */
export class FailoverClients {
  /** The claims that were acknowledged. */
  readonly claimIds = new Set<string>();
  /** How often each answer came. */
  readonly answers = new Map<string, number>();
  /** Answers that are neither a claim nor a 503: each user claims once, and there are units for all. */
  wrongAnswers = 0;
  private readonly url: string;
  private readonly couponName: string;
  private readonly agent: Agent;
  private readonly wins: number[] = [];
  private readonly refusals: number[] = [];
  private readonly ended: Promise<unknown>;
  private user = 0;
  private isOver = false;

  constructor(url: string, couponName: string, connections: number) {
    this.url = url;
    this.couponName = couponName;
    this.agent = new Agent({ keepAlive: true, maxSockets: connections });
    this.ended = Promise.all(Array.from({ length: connections }, () => this.claimOn()));
  }

  /** Resolves once a claim is acknowledged that was not before, with the moment of that. */
  async untilServed(): Promise<number> {
    return await nextOf(this.wins);
  }

  /** Resolves once a claim is refused, with the moment of that. */
  async untilRefused(): Promise<number> {
    return await nextOf(this.refusals);
  }

  /** The longest time between two acknowledged claims, from the last one before `sinceMs` on. */
  interruptionSince(sinceMs: number): Interruption {
    let longest: Interruption = { downMs: 0, resumedMs: sinceMs };
    for (let index = this.wins.length - 1; index > 0; index -= 1) {
      const [before = 0, after = 0] = [this.wins[index - 1], this.wins[index]];
      if (after < sinceMs) break;
      if (after - before > longest.downMs) longest = { downMs: after - before, resumedMs: after };
    }
    return longest;
  }

  /** Ends the clients once each has its answer. */
  async stop(): Promise<void> {
    this.isOver = true;
    await this.ended;
    this.agent.destroy();
  }

  private async claimOn(): Promise<void> {
    while (!this.isOver) {
      this.user += 1;
      const { status, code, effect, claimId } = await this.claim(this.user);
      const name = status === 200 ? '200' : `${status} ${code} ${effect}`;
      this.answers.set(name, (this.answers.get(name) ?? 0) + 1);
      if (claimId !== undefined) {
        this.wins.push(performance.now());
        this.claimIds.add(claimId);
        continue;
      }
      if (status === 503) this.refusals.push(performance.now());
      else this.wrongAnswers += 1;
      await wait(pauseMs);
    }
  }

  private claim(user: number): Promise<Answer> {
    const text = JSON.stringify({ user_id: userOf(user), coupon_name: this.couponName });
    const headers = {
      'content-type': 'application/json',
      'content-length': Buffer.byteLength(text),
    };
    return new Promise((resolve, reject) => {
      const sent = request(
        `${this.url}/api/coupons/claim`,
        { agent: this.agent, method: 'POST', headers },
        (response) => {
          let body = '';
          response.setEncoding('utf8').on('data', (piece: string) => {
            body += piece;
          });
          response.once('error', reject);
          response.once('end', () => {
            const { code = '', effect = '', claim_id: claimId } = JSON.parse(body);
            const status = response.statusCode ?? 0;
            resolve({ status, code, effect, claimId: status === 200 ? claimId : undefined });
          });
        },
      );
      sent.once('error', reject);
      sent.end(text);
    });
  }
}

/** The time that is added to the list next. */
async function nextOf(times: readonly number[]): Promise<number> {
  const index = times.length;
  for (;;) {
    const ms = times[index];
    if (ms !== undefined) return ms;
    await wait(pauseMs);
  }
}
