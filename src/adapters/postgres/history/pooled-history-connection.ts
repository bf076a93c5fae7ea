// SPDX-License-Identifier: GPL-3.0-or-later
import type { HistoryConnection } from '../../../core/history/ports.ts';
import type { Database } from '../database.ts';
import { historyConnection } from './history-connection.ts';

/** The connections of a pool, also while calls are refused. */
export function pooledHistoryConnection(database: Database, node: string): HistoryConnection {
  return historyConnection((given, values) => database.probe(given, values), node);
}
