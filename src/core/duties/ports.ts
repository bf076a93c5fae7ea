// SPDX-License-Identifier: GPL-3.0-or-later

/** The duties: work that one node at a time does for all nodes on a database. */
export const dutyNames = [
  'stock_check',
  'expiry_sweep',
  'event_relay',
  'ticket_retention',
] as const;

/** One of `dutyNames`. */
export type DutyName = (typeof dutyNames)[number];

/** The right of this process to run a duty, until it expires by the database's clock. */
export type Lease = {
  duty: DutyName;
  /** Rises with each holder, so a write of an earlier holder is recognised. */
  epoch: string;
};

/** A duty and the node that runs it. Without a node nothing runs it now. */
export type DutyHolder = {
  name: DutyName;
  node: string | null;
  since: string | null;
  /** There is something to do, or can be at any time. */
  isNeeded: boolean;
};

/** The database cannot be reached. The log says so already. */
export class DatabaseAwayError extends Error {
  override readonly name = 'DatabaseAwayError';
}

/** Where the leases are stored. Rejects when the database cannot be read or written: see `DatabaseAwayError`. */
export type DutyLeases = {
  /** Every duty and its holder now. */
  list(): Promise<DutyHolder[]>;
  /** A lease of `leaseMs`; undefined while another process holds one. */
  acquire(duty: DutyName): Promise<Lease | undefined>;
  /** Prolongs the lease. False when it has expired or belongs to another process. */
  renew(lease: Lease): Promise<boolean>;
  /** Ends the lease, so that another process can acquire it at once. */
  release(lease: Lease): Promise<void>;
};

/** How long a lease lasts. A renewal comes every second. */
export const leaseMs = 5_000;

/** Work that only the holder of its lease does. */
export type Duty = {
  name: DutyName;
  /** False: this process cannot do the work, and leaves the lease to others. Undefined: it always can. */
  canRun?(): boolean;
  /**
   * Begins the work. Each of its writes must carry the lease, and the database refuses the write when the lease is gone.
   * The returned function ends the work, and resolves when no part of it runs any more.
   */
  begin(lease: Lease): () => Promise<void>;
};

/** Where the runner reports what an operator should know. */
export type DutyLog = {
  info(event: Record<string, unknown>, message: string): void;
  warn(event: Record<string, unknown>, message: string): void;
};

/** What the jobs, which all processes share, report of their work. */
export type JobMetrics = {
  /** A turn of a job, such as `deliver`, has ended in this process. */
  jobEnded(job: string, result: 'done' | 'failed'): void;
  /** The jobs of so many workers that are gone were given to others. */
  workersReplaced(count: number): void;
  /** The jobs of this process have ended by themselves, and are started again. */
  jobsRestarted(): void;
};
