// SPDX-License-Identifier: GPL-3.0-or-later

/** What an operator should know, and do, while the database has the functions of earlier releases. */
export const unfinishedUpgrade =
  'the upgrade of the database is not finished: holds, and the confirm, release and redeem of a claim, are unavailable; ' +
  'run `firstcome migrate --finish` once all services are of this release';
