// SPDX-License-Identifier: GPL-3.0-or-later

const versionDigit = 14;

/**
 * The id of the saga of a claim: that of the claim with version 8 (RFC 9562, 5.8) in place of its own. So the first answer to
 * a claim carries it, and the ids of sagas sort as those of claims. The function `saga_id_of` of the database does the same.
 */
export function sagaIdOf(claimId: string): string {
  return `${claimId.slice(0, versionDigit)}8${claimId.slice(versionDigit + 1)}`;
}
