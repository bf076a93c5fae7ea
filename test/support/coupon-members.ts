// SPDX-License-Identifier: GPL-3.0-or-later

/** The members of a coupon body, and of its entries in the operator log, that a creation with a name and an amount leaves out. */
export const membersLeftOut = {
  hold_seconds: null,
  claims_per_user_max: 3,
  saga: null,
  stock_low_at: null,
  title: null,
  description: null,
  pause_reason: null,
};
