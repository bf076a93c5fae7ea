// SPDX-License-Identifier: GPL-3.0-or-later
import type { ActedBy } from '../operator-log/operator-log.ts';

/** A batch of claims, or of changes of claims, that was acknowledged after its commit. */
export type AcknowledgedBatch = {
  batchId: string;
  couponName: string;
  /** How many claims were acknowledged. */
  claims: number;
  /** How many changes of claims were acknowledged. */
  changes: number;
  /** The user of the last of these claims, or of those that were changed. */
  userId: string;
  /** The position of the same claim. */
  position: number;
  /** The id of the last claim that was acknowledged; undefined where only changes were. */
  claimId: string | undefined;
  /** When it was acknowledged, by the clock of this process: milliseconds since 1970. */
  acknowledgedAtMs: number;
};

/** What a server shows of its history. */
export type HistoryFacts = {
  /** Distinguishes this run of this server: its cluster, its timeline and when it was started. */
  server: string;
  /** A loss was found on it before, by any process, and no operator has accepted it. */
  isLossStored: boolean;
};

/** A connection to a server, as the guard uses it. Both calls reject when the connection fails. */
export type HistoryConnection = {
  /** The facts of the server, and which of these batches it lacks. */
  check(
    batches: readonly AcknowledgedBatch[],
  ): Promise<HistoryFacts & { missing: AcknowledgedBatch[] }>;
  /** Stores batches that it lacks, for all processes and later starts. */
  record(missing: readonly AcknowledgedBatch[]): Promise<void>;
};

/** The acknowledged batches of all processes of an installation. */
export type SharedBatches = {
  /** Replaces those of this process, and resolves to whether that was done. Never rejects. */
  publish(batches: readonly AcknowledgedBatch[]): Promise<boolean>;
  /** Those of all processes; undefined where they cannot be read now. Never rejects. */
  read(): Promise<AcknowledgedBatch[] | undefined>;
};

/** A batch that the database lacks although it was acknowledged. Times are RFC 3339, UTC. */
export type LostBatch = Pick<
  AcknowledgedBatch,
  'batchId' | 'couponName' | 'claims' | 'changes' | 'userId' | 'position'
> & { acknowledgedAt: string; foundAt: string; foundBy: string };

/** The loss that no operator has accepted; `foundUntil` is null where there is none. */
export type LostHistory = {
  /** The oldest ones, in the order in which they were acknowledged. */
  batches: LostBatch[];
  /** All of them, also those that are not listed. */
  total: number;
  /** When the last of all was found. */
  foundUntil: string | null;
};

/** Reads and accepts a loss, also while all other calls are refused. Rejects with an `AppError`. */
export type LostHistoryStore = {
  read(limit: number): Promise<LostHistory>;
  /** Accepts what was found up to this time, and returns how many batches that were. */
  accept(foundUntil: string, by: ActedBy): Promise<number>;
};

/** Where the guard reports what an operator must know. */
export type HistoryLog = Record<
  'error' | 'warn' | 'info',
  (event: Record<string, unknown>, message: string) => void
>;
