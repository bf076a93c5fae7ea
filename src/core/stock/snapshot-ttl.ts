// SPDX-License-Identifier: GPL-3.0-or-later

/** How long a stock snapshot that shows a sold-out coupon stays valid, from the moment its query was sent. */
export const snapshotTtlMs = 500;

/**
 * How long to wait after an announcement. No snapshot from before the announcement is valid then. Longer than the TTL,
 * since the clocks of two machines do not run at exactly the same rate, and a timer may fire a little early.
 */
export const announcementWaitMs = snapshotTtlMs + 50;
