// SPDX-License-Identifier: GPL-3.0-or-later
import type { ChangeClaimCommand, ChangeClaimOutcome } from './claim.ts';

/**
 * Confirms, releases or redeems a claim. Resolves with a decision that is committed; rejects with an `AppError` whose code
 * says whether anything may have changed.
 */
export type ChangeClaim = (command: ChangeClaimCommand) => Promise<ChangeClaimOutcome>;
