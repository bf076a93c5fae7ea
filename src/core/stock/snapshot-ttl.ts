// SPDX-License-Identifier: GPL-3.0-or-later

/** For so long after it was asked, a look that found nothing left may be believed. */
export const snapshotTtlMs = 500;

/**
 * So long after the announcement of an addition nobody believes a look any more that is older than the announcement.
 * Longer than a look holds: two machines' clocks do not run at quite the same rate, and a timer may be a little early.
 */
export const announcementWaitMs = snapshotTtlMs + 50;
