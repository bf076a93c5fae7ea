// SPDX-License-Identifier: GPL-3.0-or-later
import type {
  Dump,
  DumpedClaim,
  DumpedCoupon,
  DumpedLedgerRow,
  DumpedRedemption,
  DumpedReleasedClaim,
  DumpedSaga,
} from '../dump.ts';
import { absent } from './columns.ts';
import { type Ending, endingOf } from './endings.ts';
import type { AuditOptions } from './options.ts';
import { type Origin, originOf } from './origin.ts';
import { type Outside, outsideOf } from './outside.ts';
import type { FaultSpan } from './read-faults.ts';
import type { RecordedHistory } from './recorded-history.ts';

/** A stored claim, live or ended, with its origin and its end in the history. */
export type StoredClaim = {
  claim: DumpedClaim;
  user: number;
  /** Undefined for a live claim. */
  released: DumpedReleasedClaim | undefined;
  redemption: DumpedRedemption | undefined;
  /** Undefined where none is stored for it. */
  saga: DumpedSaga | undefined;
  ending: Ending;
} & Origin;

/** All evidence about one coupon: its operations and its stored rows. */
export type Sale = {
  name: string;
  /** Undefined when nothing is stored under this name. */
  coupon: DumpedCoupon | undefined;
  /** Whether other clients may have used the coupon; some rules cannot judge it then. */
  isForeign: boolean;
  /** The operations on the coupon, in order of invocation. */
  ops: Int32Array;
  /** Whether claims of this coupon can end: it has holds, or a claim was released, or a client tried to release one. */
  claimsEnd: boolean;
  /** The claims, their changes and look-ups, grouped by user, and in order of invocation for each user. */
  userOps: Int32Array;
  /** All claims that were ever stored, by position. */
  held: StoredClaim[];
  /** The stored claims of a user in order of position, by the user's number in the history. */
  heldBy: Map<number, StoredClaim[]>;
  /** The ledger by `seq`. */
  ledger: DumpedLedgerRow[];
};

/** The input of the rules. */
export type Evidence = {
  history: RecordedHistory;
  dump: Dump;
  sales: Sale[];
  outside: Outside;
  /** The injected faults; undefined when no file of faults was given. */
  faults: FaultSpan[] | undefined;
  options: AuditOptions;
};

/** Joins the history with the dump, coupon by coupon. */
export function combineEvidence(parts: Omit<Evidence, 'sales' | 'outside'>): Evidence {
  const { history, dump, options } = parts;
  const couponsByName = new Map(dump.coupons.map((coupon) => [coupon.name, coupon]));
  const claims = byCouponId(dump.claims);
  const released = byCouponId(dump.released_claims ?? []);
  const redemptions = byCouponId(dump.redemptions ?? []);
  const sagas = byCouponId(dump.sagas ?? []);
  const ledger = byCouponId(dump.ledger);
  const ops = opsByCoupon(history);
  const names = new Set([...couponsByName.keys(), ...couponNames(history)]);
  const sales = [...names].map((name): Sale => {
    const coupon = couponsByName.get(name);
    const id = coupon?.id ?? '';
    const own = ops[history.coupons.find(name)] ?? new Int32Array(0);
    const sale: Sale = {
      name,
      coupon,
      isForeign: options.foreignCoupons.includes(name) || !wasCreated(history, own),
      ops: own,
      claimsEnd: canClaimsEnd(history, { coupon, ops: own, released: released.get(id) ?? [] }),
      userOps: inOrderOfUser(history, own),
      held: [],
      heldBy: new Map(),
      ledger: (ledger.get(id) ?? []).sort(bySeq),
    };
    addHeld(history, sale, {
      ...{ claims: claims.get(id) ?? [], released: released.get(id) ?? [] },
      ...{ redemptions: redemptions.get(id) ?? [], sagas: sagas.get(id) ?? [] },
    });
    return sale;
  });
  return { ...parts, sales, outside: outsideOf(history) };
}

/** Calls `visit` for each user of the coupon, with the operations on the user's claims in order of invocation. */
export function eachUser(
  history: RecordedHistory,
  sale: Sale,
  visit: (user: number, ops: Int32Array) => void,
): void {
  const { userOps } = sale;
  let from = 0;
  for (let to = 1; to <= userOps.length; to += 1) {
    const user = history.user.at(userOps[from] as number);
    if (to < userOps.length && history.user.at(userOps[to] as number) === user) continue;
    visit(user, userOps.subarray(from, to));
    from = to;
  }
}

function couponNames(history: RecordedHistory): string[] {
  return Array.from({ length: history.coupons.size }, (_, i) => history.coupons.text(i) as string);
}

function opsByCoupon(history: RecordedHistory): Int32Array[] {
  const sizes = new Int32Array(history.coupons.size);
  const sizeOf = (coupon: number) => sizes[coupon] as number;
  for (let op = 0; op < history.count; op += 1) {
    const coupon = history.coupon.at(op);
    sizes[coupon] = sizeOf(coupon) + 1;
  }
  const lists = Array.from(sizes, (size) => new Int32Array(size));
  sizes.fill(0);
  for (let op = 0; op < history.count; op += 1) {
    const coupon = history.coupon.at(op);
    (lists[coupon] as Int32Array)[sizeOf(coupon)] = op;
    sizes[coupon] = sizeOf(coupon) + 1;
  }
  return lists;
}

function inOrderOfUser(history: RecordedHistory, ops: Int32Array): Int32Array {
  const ofUsers = ops.filter((op) => {
    const operation = history.operation(op);
    return operation === 'claim' || operation === 'find_claim' || history.isChange(op);
  });
  // User and operation in one number: a typed array sorts numbers much faster than with a comparison function.
  const factor = 2 ** 29;
  if (history.users.size > 2 ** 24 || history.count > factor) {
    return ofUsers.sort((a, b) => history.user.at(a) - history.user.at(b) || a - b);
  }
  const sorted = Float64Array.from(ofUsers, (op) => history.user.at(op) * factor + op).sort();
  return Int32Array.from(sorted, (number) => number % factor);
}

function canClaimsEnd(
  history: RecordedHistory,
  sale: Pick<Sale, 'coupon' | 'ops'> & { released: readonly DumpedReleasedClaim[] },
): boolean {
  if (typeof sale.coupon?.hold_seconds === 'number' || sale.released.length > 0) return true;
  return sale.ops.some((op) => history.operation(op) === 'release');
}

function wasCreated(history: RecordedHistory, ops: Int32Array): boolean {
  return ops.some((op) => history.operation(op) === 'create' && history.type(op) !== 'fail');
}

function byCouponId<Row extends { coupon_id: string }>(rows: readonly Row[]): Map<string, Row[]> {
  const groups = new Map<string, Row[]>();
  for (const row of rows) {
    const group = groups.get(row.coupon_id);
    if (group === undefined) groups.set(row.coupon_id, [row]);
    else group.push(row);
  }
  return groups;
}

function bySeq(a: DumpedLedgerRow, b: DumpedLedgerRow): number {
  const difference = BigInt(a.seq) - BigInt(b.seq);
  return difference < 0n ? -1 : difference > 0n ? 1 : 0;
}

type ClaimRows = {
  claims: readonly DumpedClaim[];
  released: readonly DumpedReleasedClaim[];
  redemptions: readonly DumpedRedemption[];
  sagas: readonly DumpedSaga[];
};

function addHeld(
  history: RecordedHistory,
  sale: Sale,
  { claims, released, redemptions, sagas }: ClaimRows,
): void {
  const endedAs = new Map<DumpedClaim, DumpedReleasedClaim>(released.map((row) => [row, row]));
  const redeemedAs = new Map(redemptions.map((row) => [row.claim_id, row]));
  const sagaOf = new Map(sagas.map((saga) => [saga.position, saga]));
  const claimsOf = new Map<number, DumpedClaim[]>();
  for (const claim of [...claims, ...released]) {
    const user = history.users.find(claim.user_id);
    const others = claimsOf.get(user);
    // Users who are not in the history share one entry; none of them has operations.
    if (others === undefined) claimsOf.set(user, [claim]);
    else others.push(claim);
  }
  const endsAlone = typeof sale.coupon?.saga === 'string';
  const none = new Int32Array(0);
  const add = (user: number, ops: Int32Array) => {
    for (const claim of claimsOf.get(user) ?? []) {
      const held: StoredClaim = {
        ...{ claim, user, released: endedAs.get(claim) },
        ...{ redemption: redeemedAs.get(claim.claim_id), saga: sagaOf.get(claim.position) },
        ending: endingOf(history, ops, { claim, isEnded: endedAs.has(claim), endsAlone }),
        ...originOf(history, ops, { claim, claimsEnd: sale.claimsEnd }),
      };
      sale.held.push(held);
      const others = sale.heldBy.get(user);
      if (others === undefined) sale.heldBy.set(user, [held]);
      else others.push(held);
    }
    claimsOf.delete(user);
  };
  eachUser(history, sale, add);
  for (const user of [...claimsOf.keys()]) add(user, none);
  sale.heldBy.delete(absent);
  const byPosition = (a: StoredClaim, b: StoredClaim) => a.claim.position - b.claim.position;
  sale.held.sort(byPosition);
  for (const held of sale.heldBy.values()) held.sort(byPosition);
}
