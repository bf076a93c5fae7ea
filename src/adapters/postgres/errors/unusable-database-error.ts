// SPDX-License-Identifier: GPL-3.0-or-later

/**
 * The server answers, but its database must not be used: it is another one, or has lost acknowledged claims. Callers get the
 * message as the detail.
 */
export abstract class UnusableDatabaseError extends Error {}
