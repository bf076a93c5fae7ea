// SPDX-License-Identifier: GPL-3.0-or-later
import type { CouponRules } from '../../core/coupons/check-coupon.ts';
import { invariant } from '../../core/invariant.ts';
import { consistencyRules } from './consistency-rules.ts';
import type { Database } from './database.ts';
import { throwAsReadError } from './errors/app-error.ts';
import { DatabaseFault } from './errors/pg-error.ts';
import { type Statement, statement } from './statements.ts';

const checkCoupon = statement('check-coupon');
const place = '/* rule */';
const examplesMax = 5;

/** The rules of `consistency/`, each over the rows of one coupon. */
const statements: ReadonlyMap<string, Statement> = new Map(
  consistencyRules.map(({ name, sql }) => [
    name,
    { name: `${checkCoupon.name} ${name}`, text: checkCoupon.text.replace(place, () => sql) },
  ]),
);

/** Runs the consistency rules over one coupon in PostgreSQL. */
export function postgresCouponRules(database: Database): CouponRules {
  return {
    rules: consistencyRules,
    async run({ name }, couponName) {
      const rule = statements.get(name);
      invariant(rule, 'each rule has a statement');
      try {
        const rows = await database.run<{ example: string }>(rule, [couponName]);
        const examples = rows.slice(0, examplesMax).map(({ example }) => JSON.parse(example));
        return { rows: rows.length, examples };
      } catch (error) {
        if (error instanceof DatabaseFault && error.reason === 'busy') return 'not_finished';
        return throwAsReadError(error);
      }
    },
  };
}
