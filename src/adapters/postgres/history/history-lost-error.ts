// SPDX-License-Identifier: GPL-3.0-or-later
import { UnusableDatabaseError } from '../errors/unusable-database-error.ts';

/** The database lacks batches that were acknowledged, and no operator has accepted that. */
export class HistoryLostError extends UnusableDatabaseError {
  override readonly name = 'HistoryLostError';

  constructor() {
    super(
      'the database lacks claims that were acknowledged: an operator must accept that, or restore them',
    );
  }
}
