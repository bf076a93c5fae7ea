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
  | { isVoid: true }
  /** Another session has stored the row meanwhile. Repeated, the statement reads it. */
  | { isConflict: true };

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
  ...['claim_batch_2', 'claim_multi_coupon', 'decide_batch', 'resolve_batch'],
  ...['claim_together', 'change_together', 'decide_in_order', 'change_claim', 'change_live'],
  ...[
    'change_released',
    'reclaim_expired',
    'release_rows',
    'record_batch',
    'needs_announcement',
    'is_announced',
    'announcement_now',
  ],
  ...['last_released', 'log_release', 'decision_on_live', 'decision_on_released'],
  ...['claim_state', 'claim_in_json', 'time_in_json', 'positions_given', 'units_returned'],
  ...['sale_state', 'begin_event_relay', 'begin_event_cursors'],
  ...['record_sale_state', 'relay_ledger'],
  ...['due_deliveries', 'record_deliveries', 'end_old_deliveries'],
  ...['webhook_in_log', 'create_webhook', 'delete_webhook', 'rotate_webhook_secret'],
  ...['enable_webhook'],
  ...['due_saga_shards', 'take_sagas', 'record_sagas', 'view_saga', 'steps_of_saga'],
  ...['saga_in_log', 'log_saga', 'retry_saga', 'resolve_saga'],
  ...['begin_sagas', 'saga_state_name', 'saga_id_of', 'saga_shard_of'],
  ...['saga_state_of', 'lock_sagas', 'change_of_saga', 'change_beside_saga', 'hold_end'],
  ...['position_max', 'reclaim_own', 'claims_won', 'decisions_together'],
  ...['server_identity', 'is_history_lost', 'find_missing_batches', 'accept_lost_batches'],
  ...['claim_tickets', 'store_tickets', 'ticket_time', 'ticket_outcome', 'ticket_problem'],
  ...['find_tickets', 'read_ticket', 'end_ticket', 'delete_old_tickets'],
  ...['keep_ticket_secret', 'wait_for_standby', 'require_durability'],
  ...['require_durability_of', 'check_coupon', 'ledger_row_matches_kind'],
  ...['begin_outcomes', 'delete_old_outcomes'],
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
  coupons_hold_seconds_range: { field: 'hold_seconds', message: 'must be from 1 to 2592000' },
  coupons_claims_per_user_range: { field: 'claims_per_user_max', message: 'must be from 1 to 100' },
  coupons_stock_low_at_least_zero: { field: 'stock_low_at', message: 'must be at least 0' },
  coupons_title_length: { field: 'title', message: 'must be a text of at most 120 characters' },
  coupons_description_length: {
    field: 'description',
    message: 'must be a text of at most 2000 characters',
  },
  coupons_pause_reason_length: { field: 'pause_reason', message: text },
  coupons_returned_units_at_least_zero: { rule: 'own' },
  coupons_expiry_position_at_least_zero: { rule: 'own' },
  claims_user_id_length: { field: 'user_id', message: text },
  claims_position_at_least_one: { rule: 'own' },
  claims_one_per_user: { rule: 'own' },
  claims_one_per_position: { rule: 'leftovers' },
  released_claims_primary_key: { rule: 'leftovers' },
  released_claims_one_per_user_and_position: { rule: 'leftovers' },
  released_claims_reason_length: { field: 'reason', message: text },
  redemptions_one_per_user: { rule: 'leftovers' },
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
  stock_ledger_changes_match_kind: { rule: 'own' },
  stock_ledger_matches_kind: { rule: 'own' },
  webhooks_primary_key: { rule: 'own' },
  webhooks_url_length: { field: 'url', message: 'must be a text of 1 to 2048 characters' },
  webhooks_secrets_count: { rule: 'own' },
  webhooks_one_per_key: { rule: 'own' },
  event_cursors_primary_key: { rule: 'own' },
  event_cursors_sale_state_known: { rule: 'own' },
  event_relay_primary_key: { rule: 'own' },
  event_relay_one_row: { rule: 'own' },
  webhook_deliveries_primary_key: { rule: 'leftovers' },
  webhook_deliveries_state_known: { rule: 'own' },
  job_workers_primary_key: { rule: 'own' },
  coupons_saga_length: { field: 'saga', message: 'must be a text of 1 to 64 characters' },
  coupons_saga_needs_hold: { field: 'saga', message: 'must come with hold_seconds' },
  saga_definitions_primary_key: { rule: 'own' },
  sagas_primary_key: { rule: 'leftovers' },
  sagas_state_known: { rule: 'own' },
  sagas_resolved_as_known: { rule: 'own' },
  sagas_one_per_claim: { rule: 'leftovers' },
  saga_steps_primary_key: { rule: 'leftovers' },
  saga_steps_state_known: { rule: 'own' },
  ticket_secret_primary_key: { rule: 'own' },
  ticket_secret_only_row_is_true: { rule: 'own' },
  tickets_primary_key: { isConflict: true },
  tickets_outcome_known: { rule: 'own' },
  console_sessions_primary_key: { rule: 'own' },
  lost_batches_primary_key: { rule: 'own' },
  lost_batches_acknowledge_something: { rule: 'own' },
};

/** The meaning of every constraint of the migrations, by its name. */
export const constraintMeanings: ReadonlyMap<string, ConstraintMeaning> = new Map(
  Object.entries(meanings),
);
