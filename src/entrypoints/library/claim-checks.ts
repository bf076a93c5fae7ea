// SPDX-License-Identifier: GPL-3.0-or-later
/** Checks what a host passes to confirm, release or redeem a claim. */
import { Type } from 'typebox';
import type { ChangeClaimCommand } from '../../core/claims/claim.ts';
import { releaseReasonRule, textRule } from '../../core/input-rules.ts';
import { assertion, CouponName, HolderId, IdempotencyKey } from './checks.ts';

const claimToChange = {
  couponName: CouponName,
  userId: HolderId,
  // Any other text than an id is that of no claim, and so a mismatch.
  claimId: Type.Optional(Type.String(textRule)),
};
const assertClaimChange = {
  confirm: assertion(claimToChange, {}),
  release: assertion(
    {
      ...claimToChange,
      reason: Type.Optional(Type.String(releaseReasonRule)),
      final: Type.Optional(Type.Boolean()),
    },
    {},
  ),
  redeem: assertion({ ...claimToChange, idempotencyKey: IdempotencyKey }, {}),
};

/** The claim that a host confirms, releases or redeems, and how. */
export type ClaimToChange = {
  couponName: string;
  userId: string;
  claimId?: string | undefined;
  reason?: string | undefined;
  final?: boolean | undefined;
  idempotencyKey?: string | undefined;
};

/** The change of a claim to decide. A host may release what is confirmed. */
export function checkClaimChange(
  change: ChangeClaimCommand['change'],
  given: ClaimToChange,
): Omit<ChangeClaimCommand, 'by'> {
  assertClaimChange[change](given);
  const { couponName, userId, claimId, reason, final: isFinal = false, idempotencyKey } = given;
  return {
    ...{ change, couponName, userId, claimId: claimId?.toLowerCase(), idempotencyKey },
    ...{ reason, isFinal, mayReleaseConfirmed: true },
  };
}
