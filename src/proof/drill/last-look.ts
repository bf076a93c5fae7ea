// SPDX-License-Identifier: GPL-3.0-or-later
import type { PlacedAsk } from './ask.ts';
import { type Completion, classOf } from './completion.ts';
import { askUntilDecided, type Persistence } from './persistence.ts';
import type { Random } from './random.ts';

/** What a node told of a coupon when all was over; without amounts where it could not tell. */
export type LastRead = {
  url: string;
  coupon: string;
  outcome: string;
  amount?: number;
  remainingAmount?: number;
};

const usersOfAKind = 15;
const kinds = ['won', 'refused', 'unknown'] as const;

type Kind = (typeof kinds)[number];
type Drawn = { seen: number; users: string[] };

/** Some of the users of each coupon, drawn evenly from those who won, were refused, or were told nothing certain. */
export class UserSample {
  private readonly random: Random;
  private readonly drawn = new Map<string, Record<Kind, Drawn>>();

  constructor(random: Random) {
    this.random = random;
  }

  add({ ask }: PlacedAsk, completion: Completion): void {
    const { f, coupon, user } = ask;
    const kind = kinds.find((one) => one === classOf(f, completion));
    if (f !== 'claim' || user === undefined || kind === undefined) return;
    let ofCoupon = this.drawn.get(coupon);
    if (ofCoupon === undefined) {
      const none = (): Drawn => ({ seen: 0, users: [] });
      ofCoupon = { won: none(), refused: none(), unknown: none() };
      this.drawn.set(coupon, ofCoupon);
    }
    // Reservoir sampling: each one seen so far is in with the same chance.
    const { users } = ofCoupon[kind];
    ofCoupon[kind].seen += 1;
    const place =
      users.length < usersOfAKind ? users.length : this.random.below(ofCoupon[kind].seen);
    if (place < usersOfAKind) users[place] = user;
  }

  of(coupon: string): string[] {
    const ofCoupon = this.drawn.get(coupon);
    if (ofCoupon === undefined) return [];
    return [...new Set(kinds.flatMap((kind) => ofCoupon[kind].users))];
  }
}

/**
 * After everything was answered: reads each coupon and looks for the claims of some users, on every node. It is recorded
 * like all else, so that what clients see in the end can be held against what they were told.
 */
export async function lookAround(
  persistence: Persistence,
  options: { urls: readonly string[]; coupons: readonly string[]; sample: UserSample },
): Promise<LastRead[]> {
  const { urls, coupons, sample } = options;
  const look = (node: number, ask: Omit<PlacedAsk['ask'], 'attempt'>) =>
    askUntilDecided(persistence, { node, ask: { ...ask, attempt: 1 } }, false);
  const reads: Promise<LastRead>[] = [];
  const finds: Promise<unknown>[] = [];
  for (const [node, url] of urls.entries()) {
    for (const coupon of coupons) {
      reads.push(
        look(node, { f: 'read', coupon }).then(({ completion }) => ({
          ...{ url, coupon, outcome: completion.outcome },
          ...(completion.amount !== undefined && { amount: completion.amount }),
          ...(completion.remainingAmount !== undefined && {
            remainingAmount: completion.remainingAmount,
          }),
        })),
      );
      for (const user of sample.of(coupon)) {
        finds.push(look(node, { f: 'find_claim', coupon, user }));
      }
    }
  }
  await Promise.all(finds);
  return Promise.all(reads);
}
