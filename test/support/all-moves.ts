// SPDX-License-Identifier: GPL-3.0-or-later
/** A drill in which users make every move that a claim allows, at random and in any state. */
import { type Completion, isUndecided } from '../../src/proof/drill/completion.ts';
import { type DrillSettings, loadPhases } from '../../src/proof/drill/options.ts';
import { Random } from '../../src/proof/drill/random.ts';
import type { RoutedRequest, ServiceRequest } from '../../src/proof/drill/request.ts';
import { policyOf, retryUndecided } from '../../src/proof/drill/retry-policies.ts';
import {
  claimRequest,
  type PlannedRetry,
  type Scenario,
  userName,
} from '../../src/proof/drill/scenario.ts';
import type { ClaimChange, ClaimState } from '../../src/proof/history.ts';

// Many users meet at a coupon whose holds expire soon. A few users meet at one whose holds last: services cache that it is
// sold out, and few claims are under way that take a unit that comes back.
const busyHoldSeconds = 1;
const quietHoldSeconds = 3600;
const quietShare = 0.2;
const attemptsMax = 20;
// Some moves come after the end of the hold.
const nextMoveMsMax = 1_100;

// The shares of answers after which a user makes another move soon: one with a live claim, and another one.
const goesOnShare = { live: 0.9, none: 0.3 };
// The share of releases after which another user claims the unit at once.
const wantedShare = 0.7;
// The share of moves that are sent to two nodes at once.
const twiceShare = 0.1;
// The share of requests that are sent again as they were.
const repeatShare = 0.1;
const keyShare = { claim: 0.5, change: 0.2 };
// The shares of changes that name no claim, and an earlier claim of the user. The others name the last one.
const namelessShare = 0.3;
const earlierShare = 0.15;

type Move = 'claim' | ClaimChange | 'find_claim' | 'read';

/** How often users make each move, by the state of the claim that they know. */
const weights: Record<ClaimState | 'none', Record<Move, number>> = {
  none: { claim: 84, confirm: 3, release: 3, redeem: 3, find_claim: 5, read: 2 },
  reserved: { claim: 11, confirm: 46, release: 30, redeem: 6, find_claim: 5, read: 2 },
  confirmed: { claim: 10, confirm: 8, release: 30, redeem: 45, find_claim: 5, read: 2 },
  redeemed: { claim: 30, confirm: 15, release: 20, redeem: 28, find_claim: 5, read: 2 },
  released: { claim: 63, confirm: 10, release: 10, redeem: 10, find_claim: 5, read: 2 },
};

/** A user of one coupon. */
type User = {
  name: string;
  coupon: string;
  /** The ids of the claims that answers have shown. */
  claimIds: string[];
  /** The last state that an answer has shown, of any of them. */
  state: ClaimState | 'none';
  /** The claims and changes that were sent. */
  sent: ServiceRequest[];
};

/**
 * Users arrive at random and each makes a move that suits the state of the claim it knows, or does not; after many
 * answers it makes another. Each redeemed unit is replaced by a new one. Ends after a number of moves, besides retries.
 */
export function allMoves(settings: DrillSettings, movesMax: number): Scenario {
  const { seed, units, urls } = settings;
  const random = new Random(seed);
  const nodes = urls.length;
  const few = (count: number) => Math.ceil(count * quietShare);
  const busy = { name: `${settings.coupon}-busy`, units, holdSeconds: busyHoldSeconds };
  const quiet = {
    ...{ name: `${settings.coupon}-quiet`, units: few(units) },
    holdSeconds: quietHoldSeconds,
  };
  const usersOf = (coupon: string, count: number) =>
    Array.from({ length: count }, (_, index): User => {
      return { name: userName(index + 1, seed), coupon, claimIds: [], state: 'none', sent: [] };
    });
  const users = [
    ...usersOf(busy.name, settings.users),
    ...usersOf(quiet.name, few(settings.users)),
  ];
  const keyOf = (coupon: string, name: string) => `${coupon} ${name}`;
  const userOf = new Map(users.map((user) => [keyOf(user.coupon, user.name), user]));
  const replaced = new Set<string>();
  let moves = 0;

  const move = (user: User): RoutedRequest[] => {
    moves += 1;
    const request = drawMove(random, user);
    return random.chance(twiceShare)
      ? [0, 1].map((copy) => ({ node: (moves + copy) % nodes, request }))
      : [{ node: random.below(nodes), request }];
  };
  const goOn = ({ request }: RoutedRequest, completion: Completion): PlannedRetry[] => {
    const user = userOf.get(keyOf(request.coupon, request.user ?? ''));
    if (user === undefined || isUndecided(completion)) return [];
    learn(user, completion);
    const isLive = user.state === 'reserved' || user.state === 'confirmed';
    if (moves >= movesMax || !random.chance(goesOnShare[isLive ? 'live' : 'none'])) return [];
    const delayMs = random.fraction() * nextMoveMsMax;
    return move(user).map((routed) => ({ ...routed, delayMs }));
  };
  const claimReleased = ({ request }: RoutedRequest, completion: Completion): PlannedRetry[] => {
    if (moves >= movesMax || completion.outcome !== 'released') return [];
    if (!random.chance(wantedShare)) return [];
    moves += 1;
    const others = users.filter(({ coupon }) => coupon === request.coupon);
    const claim = drawRequest(random, pick(random, others), 'claim');
    return [{ node: random.below(nodes), request: claim, delayMs: 0 }];
  };
  const replaceRedeemed = ({ request }: RoutedRequest, completion: Completion): PlannedRetry[] => {
    const { outcome, claimId = '' } = completion;
    const { coupon } = request;
    if (request.f !== 'redeem' || outcome !== 'redeemed' || replaced.has(claimId)) return [];
    replaced.add(claimId);
    const addStock: ServiceRequest = { f: 'add_stock', coupon, units: 1, key: claimId, attempt: 1 };
    return [{ node: random.below(nodes), request: addStock, delayMs: 0 }];
  };
  return {
    coupons: [busy, quiet],
    phases: () => loadPhases(settings),
    draw: () => (moves < movesMax ? move(pick(random, users)) : undefined),
    listsClaims: true,
    retryPolicy: policyOf(
      retryUndecided({ attemptsMax, nodes, seed }),
      goOn,
      claimReleased,
      replaceRedeemed,
    ),
  };
}

function drawMove(random: Random, user: User): ServiceRequest {
  return user.sent.length > 0 && random.chance(repeatShare)
    ? pick(random, user.sent)
    : drawRequest(random, user, pickWeighted(random, weights[user.state]));
}

function drawRequest(random: Random, user: User, f: Move): ServiceRequest {
  const { name, coupon, sent } = user;
  if (f === 'read') return { f, coupon, attempt: 1 };
  if (f === 'find_claim') return { f, coupon, user: name, attempt: 1 };
  const key = random.chance(keyShare[f === 'claim' ? 'claim' : 'change'])
    ? `${name}-${sent.length}`
    : undefined;
  const request =
    f === 'claim'
      ? claimRequest(coupon, name, key)
      : { f, coupon, user: name, attempt: 1, ...named(random, user), ...(key && { key }) };
  sent.push(request);
  return request;
}

function named(random: Random, { claimIds }: User): Pick<ServiceRequest, 'claimId'> {
  const claimId = random.chance(earlierShare) ? pick(random, claimIds) : claimIds.at(-1);
  return claimId === undefined || random.chance(namelessShare) ? {} : { claimId };
}

function learn(user: User, { claimId, state, type }: Completion): void {
  if (state === undefined || claimId === undefined) return;
  if (!user.claimIds.includes(claimId)) user.claimIds.push(claimId);
  // A refusal may show an earlier claim.
  if (type === 'ok' || claimId === user.claimIds.at(-1)) user.state = state;
}

function pick<Item>(random: Random, items: readonly Item[]): Item {
  return items[random.below(items.length)] as Item;
}

function pickWeighted<Name extends string>(random: Random, of: Record<Name, number>): Name {
  const names = Object.keys(of) as Name[];
  let left = random.fraction() * names.reduce((sum, name) => sum + of[name], 0);
  return (
    names.find((name) => {
      left -= of[name];
      return left < 0;
    }) ?? pick(random, names)
  );
}
