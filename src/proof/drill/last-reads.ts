// SPDX-License-Identifier: GPL-3.0-or-later

import { type Completion, classOf, type OutcomeClass } from './completion.ts';
import type { Random } from './random.ts';
import type { RoutedRequest } from './request.ts';
import { type SendContext, sendUntilDecided } from './send-until-decided.ts';
import { type FinalTicket, readOf } from './ticket-follower.ts';

/** What a node returned for a coupon after the load; without amounts where the read failed. */
export type LastRead = {
  url: string;
  coupon: string;
  outcome: string;
  amount?: number;
  remainingAmount?: number;
};

const usersPerClass = 15;
const sampledClasses = ['won', 'refused', 'unknown'] as const;

type SampledClass = (typeof sampledClasses)[number];
type Sample = { seen: number; users: string[] };

/** Samples the users of each coupon evenly from those who won, were refused, or got an unknown outcome. */
export class UserSample {
  private readonly random: Random;
  private readonly samples = new Map<string, Record<SampledClass, Sample>>();

  constructor(random: Random) {
    this.random = random;
  }

  add({ request }: RoutedRequest, completion: Completion): void {
    const { f, coupon, user } = request;
    if (f !== 'claim' || user === undefined) return;
    const outcomeClass = classOf(f, completion);
    if (!isSampled(outcomeClass)) return;
    let sample = this.samples.get(coupon);
    if (sample === undefined) {
      const none = (): Sample => ({ seen: 0, users: [] });
      sample = { won: none(), refused: none(), unknown: none() };
      this.samples.set(coupon, sample);
    }
    // Reservoir sampling: each user seen so far is in the sample with equal probability.
    const { users } = sample[outcomeClass];
    sample[outcomeClass].seen += 1;
    const index =
      users.length < usersPerClass ? users.length : this.random.below(sample[outcomeClass].seen);
    if (index < usersPerClass) users[index] = user;
  }

  of(coupon: string): string[] {
    const sample = this.samples.get(coupon);
    if (sample === undefined) return [];
    return [...new Set(sampledClasses.flatMap((outcomeClass) => sample[outcomeClass].users))];
  }
}

function isSampled(outcomeClass: OutcomeClass): outcomeClass is SampledClass {
  return sampledClasses.some((one) => one === outcomeClass);
}

/**
 * After the load, reads each coupon and some tickets and finds the claims of some users, on every node; where `listsClaims`,
 * it also lists all claims. The history records these operations too, so that the audit can compare the final state with earlier answers.
 */
export async function readFinalState(
  context: SendContext,
  options: {
    urls: readonly string[];
    coupons: readonly string[];
    sample: UserSample;
    tickets: readonly FinalTicket[];
    listsClaims: boolean;
  },
): Promise<LastRead[]> {
  const { urls, coupons, sample, tickets, listsClaims } = options;
  const send = (node: number, request: Omit<RoutedRequest['request'], 'attempt'>) =>
    sendUntilDecided(context, { node, request: { ...request, attempt: 1 } }, false);
  const reads: Promise<LastRead>[] = [];
  const finds: Promise<unknown>[] = [];
  for (const [node, url] of urls.entries()) {
    for (const ticket of tickets) finds.push(send(node, readOf(ticket)));
    for (const coupon of coupons) {
      reads.push(
        // A cached answer would not show how the load has ended.
        send(node, { f: 'read', coupon, maxAgeS: 0 }).then(({ completion }) => ({
          ...{ url, coupon, outcome: completion.outcome },
          ...(completion.amount !== undefined && { amount: completion.amount }),
          ...(completion.remainingAmount !== undefined && {
            remainingAmount: completion.remainingAmount,
          }),
        })),
      );
      if (listsClaims) finds.push(listClaims(context, node, coupon));
      for (const user of sample.of(coupon)) {
        finds.push(send(node, { f: 'find_claim', coupon, user }));
      }
    }
  }
  await Promise.all(finds);
  return Promise.all(reads);
}

/** Lists the claims of a coupon in all states, page by page. Ends at a page that a node does not return. */
async function listClaims(context: SendContext, node: number, coupon: string): Promise<void> {
  let cursor: string | undefined;
  do {
    const page = cursor === undefined ? {} : { cursor };
    const request = { f: 'list_claims', coupon, attempt: 1, ...page } as const;
    const { completion } = await sendUntilDecided(context, { node, request }, false);
    cursor = completion.nextCursor;
  } while (cursor !== undefined);
}
