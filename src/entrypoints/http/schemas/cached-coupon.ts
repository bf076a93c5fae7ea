// SPDX-License-Identifier: GPL-3.0-or-later
import type { Static } from 'typebox';
import type { StockView } from '../../../core/stock/stock-view.ts';
import type { CouponBody } from './responses.ts';
import { toCouponSummary } from './views.ts';

const jsonOfView = new WeakMap<StockView, string>();

/** The body of a coupon from the stock cache. It is written once for each view, and not for each read. */
export function cachedCouponJson(view: StockView): string {
  let json = jsonOfView.get(view);
  if (json === undefined) {
    const body: Static<typeof CouponBody> = {
      ...toCouponSummary(view.coupon),
      claimed_by_hidden: true,
    };
    json = JSON.stringify(body);
    jsonOfView.set(view, json);
  }
  return json;
}
