// SPDX-License-Identifier: GPL-3.0-or-later
import type { Clock } from '../clock.ts';
import { AppError } from '../errors.ts';
import type { CheckedPage, LedgerCursor, StockCheckReader } from '../stock/stock-check.ts';
import type { StockView, StockViews } from '../stock/stock-view.ts';

/** A rule that says when the records of a coupon are consistent. */
export type CheckedRule = { name: string; sentence: string };

/** What a check of one rule has found. */
export type RuleResult = CheckedRule &
  (
    | { result: 'passed' | 'not_finished' }
    /** The rows that break it: how many, 100 at most, and some of them. */
    | { result: 'broken'; rows: number; examples: unknown[] }
  );

/** The records of a coupon, compared with each other. */
export type CheckedCoupon = {
  /** The coupon when the check began. */
  view: StockView;
  /** Undefined: nothing is broken, but not all rules are finished. */
  isConsistent: boolean | undefined;
  rules: RuleResult[];
};

/** Runs rules over the records of one coupon, each in one snapshot. */
export type CouponRules = {
  rules: readonly CheckedRule[];
  /** Rejects with `unavailable` when the database cannot be read. `not_finished`: it took too long. */
  run(
    rule: CheckedRule,
    couponName: string,
  ): Promise<{ rows: number; examples: unknown[] } | 'not_finished'>;
};

/** Checks a coupon. Rejects with `coupon_not_found`, and with `overloaded` while this process checks another one. */
export type CheckCoupon = (couponName: string) => Promise<CheckedCoupon>;

// Below the time for which proxies usually wait for an answer.
const rulesMsMax = 15_000;
const pagesMsMax = 25_000;

const pagedRules = {
  claims: {
    name: 'stock-check-claims',
    sentence: 'Page by page: each position in the ledger has one claim, and no other one has.',
  },
  ledger: {
    name: 'stock-check-ledger',
    sentence: 'Page by page: the ledger has no gaps, adds up, and offers the amount of the coupon.',
  },
} as const;

/**
 * Creates the use case. Rules read all records of the coupon at once. Where one does not finish, as with millions of claims, the
 * records are also compared page by page, as the stock check does it.
 */
export function checkCouponWith(parts: {
  rules: CouponRules;
  pages: Pick<StockCheckReader, 'checkClaims' | 'checkLedger'>;
  views: Pick<StockViews, 'read'>;
  clock: Pick<Clock, 'nowMs'>;
}): CheckCoupon {
  const { rules, pages, views, clock } = parts;
  let isBusy = false;

  const runRules = async (couponName: string, untilMs: number) => {
    const results: RuleResult[] = [];
    for (const { name, sentence } of rules.rules) {
      const found =
        clock.nowMs() < untilMs ? await rules.run({ name, sentence }, couponName) : 'not_finished';
      results.push({ name, sentence, ...toResult(found) });
    }
    return results;
  };

  const runPages = async (
    { coupon }: StockView,
    read: (from: LedgerCursor) => Promise<CheckedPage<LedgerCursor>>,
    untilMs: number,
  ) => {
    let from: LedgerCursor | undefined = {
      couponId: coupon.id,
      seq: 0,
      batchId: null,
      carried: null,
    };
    let units = 0;
    while (from?.couponId === coupon.id) {
      if (clock.nowMs() >= untilMs) return 'not_finished';
      const page: CheckedPage<LedgerCursor> = await read(from);
      // The last page may have other coupons too.
      units += page.differing.find((differing) => differing.coupon === coupon.name)?.units ?? 0;
      from = page.next;
    }
    return { rows: units, examples: units === 0 ? [] : [{ units }] };
  };

  const check = async (couponName: string): Promise<CheckedCoupon> => {
    const startMs = clock.nowMs();
    const { view } = await views.read(couponName, 0);
    const results = await runRules(couponName, startMs + rulesMsMax);
    if (results.some(({ result }) => result === 'not_finished')) {
      const untilMs = startMs + pagesMsMax;
      const claims = await runPages(view, pages.checkClaims, untilMs);
      results.push({ ...pagedRules.claims, ...toResult(claims) });
      const ledger = await runPages(view, pages.checkLedger, untilMs);
      results.push({ ...pagedRules.ledger, ...toResult(ledger) });
    }
    return { view, isConsistent: verdictOf(results), rules: results };
  };

  return async (couponName) => {
    if (isBusy) {
      throw new AppError('overloaded', { detail: 'another coupon is being checked; try again' });
    }
    isBusy = true;
    try {
      return await check(couponName);
    } finally {
      isBusy = false;
    }
  };
}

function toResult(found: Awaited<ReturnType<CouponRules['run']>>) {
  if (found === 'not_finished') return { result: 'not_finished' as const };
  return found.rows === 0 ? { result: 'passed' as const } : { result: 'broken' as const, ...found };
}

function verdictOf(results: readonly RuleResult[]): boolean | undefined {
  if (results.some(({ result }) => result === 'broken')) return false;
  return results.every(({ result }) => result === 'passed') ? true : undefined;
}
