// SPDX-License-Identifier: GPL-3.0-or-later
import type pg from 'pg';
import type { AcknowledgedBatch, HistoryConnection } from '../../../core/history/ports.ts';
import { invariant } from '../../../core/invariant.ts';
import { types } from '../connections/value-types.ts';
import { type Statement, statement } from '../statements.ts';

const checkHistory = statement('check-history');
const recordLostBatches = statement('record-lost-batches');

/** `missing` has places in the list of batches, counted from 1. */
type HistoryRow = { server: string; is_history_lost: boolean; missing: number[] };

/** Runs a statement, and returns its rows. */
export type Run = (statement: Statement, values: unknown[]) => Promise<pg.QueryResultRow[]>;

/** A new connection, before its first use. */
export function newHistoryConnection(client: pg.ClientBase, node: string): HistoryConnection {
  const run: Run = async ({ text }, values) => (await client.query({ text, values, types })).rows;
  return historyConnection(run, node);
}

/** Whatever runs statements on a server. `node`: how this process is shown to operators. */
export function historyConnection(run: Run, node: string): HistoryConnection {
  return {
    async check(batches) {
      const [row] = (await run(checkHistory, [
        batches.map(({ batchId }) => batchId),
        batches.map(({ couponName }) => couponName),
        batches.map(({ position }) => position),
        batches.map(({ claimId }) => claimId ?? null),
      ])) as HistoryRow[];
      invariant(row, 'a primary has one row of facts');
      return {
        ...{ server: row.server, isLossStored: row.is_history_lost },
        missing: row.missing.map((place) => batches[place - 1] as AcknowledgedBatch),
      };
    },
    async record(missing) {
      await run(recordLostBatches, [
        missing.map(({ batchId }) => batchId),
        missing.map(({ couponName }) => couponName),
        missing.map(({ claims }) => claims),
        missing.map(({ changes }) => changes),
        missing.map(({ userId }) => userId),
        missing.map(({ position }) => position),
        missing.map(({ claimId }) => claimId ?? null),
        missing.map(({ acknowledgedAtMs }) => new Date(acknowledgedAtMs).toISOString()),
        node,
      ]);
    },
  };
}
