// SPDX-License-Identifier: GPL-3.0-or-later

/**
 * What outlives what, for a claim that was acknowledged:
 * - `replicated`: also the loss of the primary, since a standby has confirmed the commit;
 * - `local`: a crash and the loss of power, since the commit is on the primary's disk;
 * - `unsafe`: neither, since the server is told not to wait for the disk.
 */
export const durabilityLevels = ['replicated', 'local', 'unsafe'] as const;

/** One of `durabilityLevels`. */
export type Durability = (typeof durabilityLevels)[number];

/** How the service is. Without an answer of the database its durability is not known. */
export type Health = { healthy: boolean; durability: Durability | undefined };
