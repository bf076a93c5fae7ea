// SPDX-License-Identifier: GPL-3.0-or-later
import type { FieldError } from '../../../core/errors.ts';
import type { RefusalRule } from '../../../core/refusal-rules.ts';

/** What a refusal by a constraint means. */
export type ConstraintMeaning =
  /** The caller can correct this field. */
  | FieldError
  /** No caller can correct this. */
  | { rule: RefusalRule }
  /** The answer to the batch was lost, and a void mark with its id was committed since. */
  | { isVoid: true };

/** Every function of the migrations. An error in any other function comes from a trigger of another program. */
export const ownFunctions: ReadonlySet<string> = new Set([
  ...['coupon_state', 'claim_batch', 'claim_bundle', 'void_batch'],
  ...['coupon_holders', 'view_coupon', 'change_coupon', 'add_stock'],
  ...['installation_identity', 'require_primary', 'add_stock_2'],
  ...['coupon_holders_2', 'coupon_holders_under_lock'],
  ...['refuse_operator_log_change', 'coupon_in_log'],
  ...['view_coupon_2', 'change_coupon_2', 'add_stock_3'],
  ...['view_coupon_3', 'coupon_in_log_2', 'change_coupon_3'],
  ...['add_stock_4', 'holds_duty', 'sweep_due_coupons'],
]);

const text = 'must be a text of 1 to 255 characters';

const meanings: Record<string, ConstraintMeaning> = {
  coupons_primary_key: { rule: 'sequence' },
  coupons_name_unique: { rule: 'own' },
  coupons_name_length: { field: 'name', message: text },
  coupons_amount_at_least_one: { field: 'amount', message: 'must be at least 1' },
  coupons_never_oversold: { rule: 'own' },
  coupons_remaining_within_amount: { rule: 'own' },
  coupons_ledger_seq_at_least_one: { rule: 'own' },
  coupons_window_order: { field: 'closes_at', message: 'must be later than opens_at' },
  coupons_kept_window_order: { field: 'closes_at', message: 'must be later than opens_at' },
  coupons_archived_is_closed: { rule: 'own' },
  coupons_kept_while_archived: { rule: 'own' },
  claims_user_id_length: { field: 'user_id', message: text },
  claims_position_at_least_one: { rule: 'own' },
  claims_one_per_user: { rule: 'own' },
  claims_one_per_position: { rule: 'leftovers' },
  installation_has_one_row: { rule: 'own' },
  installation_only_row_is_true: { rule: 'own' },
  installation_primary_key: { rule: 'own' },
  duties_primary_key: { rule: 'own' },
  duties_epoch_at_least_zero: { rule: 'own' },
  duties_node_length: { rule: 'own' },
  duties_held_by_a_node: { rule: 'own' },
  operator_log_primary_key: { rule: 'own' },
  operator_log_actor_known: { rule: 'own' },
  operator_log_action_known: { rule: 'own' },
  stock_ledger_seq_at_least_one: { rule: 'own' },
  stock_ledger_one_per_batch: { isVoid: true },
  stock_ledger_kind_known: { rule: 'own' },
  stock_ledger_never_oversold: { rule: 'own' },
  stock_ledger_primary_key: { rule: 'leftovers' },
  stock_ledger_units_match_kind: { rule: 'own' },
  stock_ledger_position_match_kind: { rule: 'own' },
};

/** The meaning of every constraint of the migrations, by its name. */
export const constraintMeanings: ReadonlyMap<string, ConstraintMeaning> = new Map(
  Object.entries(meanings),
);
