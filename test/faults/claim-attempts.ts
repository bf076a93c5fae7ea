// SPDX-License-Identifier: GPL-3.0-or-later
/** The requests that the clients of a run send, and what is known of the claims in them. */
import type { Claimed } from '../../src/client.ts';

/**
 * The audit knows an attempt as one request. The client repeats requests, and an answer with `replayed` may come from an
 * earlier attempt of the same call. The drill has not seen that attempt, so this call is the one that won.
 */
export class ClaimAttempts {
  /** Claims of which an attempt may have been stored without an answer. */
  private readonly inDoubt = new Set<string>();
  /** Claims that a call has won, and whether the service said so or this class did. */
  private readonly won = new Map<string, 'answer' | 'repeat'>();

  private readonly send: typeof fetch;

  constructor(send: typeof fetch = fetch) {
    this.send = send;
  }

  /** Sends a request as `fetch` does, and takes note of the claims whose answers are lost. */
  readonly fetch: typeof fetch = async (input, init) => {
    const claims = claimsOf(init);
    const doubt = () => {
      for (const claim of claims) this.inDoubt.add(claim);
    };
    try {
      const response = await this.send(input, init);
      const { status, headers } = response;
      const text = await response.text();
      if (status >= 500) doubt();
      else this.readResults(claims, text);
      return new Response(text, { status, headers });
    } catch (error) {
      doubt();
      throw error;
    }
  };

  /** Whether the drill has seen the attempt that made the claim, or will see it. */
  isReplay(key: string, { claim, replayed }: Claimed, begunAt: Date): boolean {
    const name = nameOf(claim.coupon_name, key);
    const before = this.won.get(name);
    if (!replayed) {
      this.won.set(name, 'answer');
      // Another call with this key has the claim already, although this one made it.
      return before === 'repeat';
    }
    const isOwn =
      before === undefined && this.inDoubt.has(name) && new Date(claim.claimed_at) >= begunAt;
    if (isOwn) this.won.set(name, 'repeat');
    return !isOwn;
  }

  /** Only the answer to a batch call has results. */
  private readResults(claims: readonly string[], text: string): void {
    const { results = [] }: { results?: { status: number }[] } = JSON.parse(text);
    for (const [place, { status }] of results.entries()) {
      if (status >= 500) this.inDoubt.add(claims[place] ?? '');
    }
  }
}

type ClaimBody = { coupon_name: string; idempotency_key: string };

/** The claims in a request, by coupon and key: a key may be that of claims of several coupons. */
function claimsOf(init: RequestInit | undefined): string[] {
  const body: ClaimBody & { claims?: ClaimBody[] } = JSON.parse(String(init?.body));
  const key = new Headers(init?.headers).get('idempotency-key') ?? '';
  const claims = body.claims ?? [{ ...body, idempotency_key: key }];
  return claims.map(({ coupon_name, idempotency_key }) => nameOf(coupon_name, idempotency_key));
}

function nameOf(coupon: string, key: string): string {
  return `${coupon} ${key}`;
}
