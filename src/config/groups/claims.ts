// SPDX-License-Identifier: GPL-3.0-or-later
import { wholeNumber } from '../kinds.ts';
import type { SettingGroup } from '../setting-tree.ts';

/** The limits of claims. */
export const claimsGroup = {
  heading: 'Claims',
  introduction:
    'How many claims may wait, and for how long, before the service refuses further ones at once.',
  settings: {
    claims: {
      timeoutMs: wholeNumber({
        variable: 'CLAIM_TIMEOUT_MS',
        default: 5_000,
        min: 100,
        max: 60_000,
        unit: 'milliseconds',
        help: 'How long a claim may wait for its outcome.',
      }),
      batchMax: wholeNumber({
        variable: 'CLAIM_BATCH_MAX',
        default: 1_000,
        min: 1,
        max: 10_000,
        help: 'Claims of one coupon that one transaction decides.',
      }),
      laneWaitingMax: wholeNumber({
        variable: 'CLAIM_LANE_WAITING_MAX',
        default: 10_000,
        min: 1,
        max: 1_000_000,
        help: 'Claims of one coupon that may wait; further ones get "overloaded".',
      }),
      waitMaxMs: wholeNumber({
        variable: 'CLAIM_WAIT_MAX_MS',
        default: 1_000,
        min: 10,
        max: 600_000,
        unit: 'milliseconds',
        help: 'A claim that would wait longer behind others of its coupon gets "overloaded" at once.',
      }),
      lanesMax: wholeNumber({
        variable: 'CLAIM_LANES_MAX',
        default: 20_000,
        min: 1,
        max: 1_000_000,
        help: 'Coupons that may have claims waiting at once.',
      }),
      /** Never below `laneWaitingMax`. */
      waitingMax: wholeNumber({
        variable: 'CLAIM_WAITING_MAX',
        default: 50_000,
        min: 1,
        max: 10_000_000,
        help: 'Claims of all coupons that may wait; not below CLAIM_LANE_WAITING_MAX.',
      }),
      soldOutHoldersMax: wholeNumber({
        variable: 'CLAIM_SOLD_OUT_HOLDERS_MAX',
        default: 2_000_000,
        min: 0,
        max: 100_000_000,
        help: 'Holders of sold out coupons to cache, so that other users are refused without the database; 0: none.',
      }),
    },
  },
} satisfies SettingGroup;
