// SPDX-License-Identifier: GPL-3.0-or-later

/** The functions that the command line calls. The application implements them. */
export type Program = {
  version: string;
  /** Runs the service; the options override the configuration. Resolves when the service has stopped normally. */
  serve(options: ServeOptions): Promise<void>;
  /** Decides queued claims. Resolves when the process has stopped normally. */
  consume(): Promise<void>;
  /** Serves as one of the workers of a service, on the installation that the primary process names. */
  work(worker: {
    kind: 'bundled' | 'external';
    schema: string;
    identity: string;
    /** Its number among the workers, from 0. A worker that replaces it gets the same. */
    slot: number;
  }): Promise<void>;
  /**
   * Migrates the database. Resolves to the schema, the names of the applied migrations in order, and those that only
   * `finish` applies.
   */
  migrate(
    options: MigrateOptions,
  ): Promise<{ schema: string; applied: string[]; unfinished: string[] }>;
  /** The scenarios of a drill, each with a description. */
  scenarios: Readonly<Record<string, string>>;
  /** Runs a crowd of clients against a service. Resolves to the verdict on the answers that they got. */
  drill(options: DrillArguments, output: Output): Promise<Verdict>;
  /** Audits a recorded history against the stored tables. */
  audit(options: AuditArguments, output: Output): Promise<Verdict>;
  /** Prints the operator log of a running service. */
  log(options: LogOptions, output: Output): Promise<void>;
  /**
   * Shows the sale of one coupon of a running service until a signal stops the process. Rejects when the service refuses that,
   * or cannot be reached at the start.
   */
  watch(options: WatchOptions, output: Output): Promise<void>;
  /**
   * Shows or changes one claim of a running service. Resolves to `unknown` when the claim may have changed. Rejects when the
   * service refuses the call.
   */
  claims(options: ClaimsArguments, output: Output): Promise<Verdict>;
  /**
   * Lists, shows or changes sagas of a running service. Resolves to `unknown` when the saga may have changed. Rejects when the
   * service refuses the call.
   */
  sagas(options: SagasArguments, output: Output): Promise<Verdict>;
  /**
   * Lists, shows or changes dead letters of a running service. Resolves to `unknown` when they may have changed. Rejects when
   * the service refuses the call.
   */
  deadLetters(options: DeadLettersArguments, output: Output): Promise<Verdict>;
  /**
   * Lists acknowledged batches that the database of a running service lacks, and accepts the loss with `yes`. Resolves to
   * `unknown` when the loss may be accepted. Rejects when the service refuses the call.
   */
  acceptHistory(options: AcceptHistoryOptions, output: Output): Promise<Verdict>;
  /** Writes the bundled database into a file. */
  backup(options: BackupArguments, output: Output): Promise<void>;
  /** Restores the bundled database from a file. Rejects when the restored records are not consistent. */
  restore(options: { file: string }, output: Output): Promise<void>;
  /** Copies all records between the bundled database and the configured PostgreSQL. */
  copy(options: CopyArguments, output: Output): Promise<void>;
  /** The effective configuration as lines of text, with secrets hidden. */
  config(): Promise<string>;
  /** Every setting with its default and what it does, in lines of at most 80 columns. */
  settingsHelp(): Promise<string>;
};

/** The options of `serve`. A missing one is as configured. */
export type ServeOptions = { workers?: string; unsafeDurability?: boolean };

/** The options of `migrate`. */
export type MigrateOptions = { newInstallation?: boolean; finish?: boolean };

/** The verdict on a history, or on a call; `unknown` when too little is known to pass. */
export type Verdict = 'passed' | 'failed' | 'unknown';

/** The arguments of `drill`. The defaults depend on the scenario. */
export type DrillArguments = {
  scenario: string;
  /** By default the address on which the configured service listens. */
  urls?: string[];
  seed: number;
  users?: number;
  units?: number;
  /** Arrivals per second. */
  rate?: number;
  ramp?: { fromRate: number; toRate: number };
  /** Loads of `overload`, as multiples of the saturation of the service. */
  times?: number[];
  seconds?: number;
  connections?: number;
  /** The header `Prefer` of all claims. */
  prefer?: string;
  /** How many claims a call holds at most. */
  batch?: number;
  timeoutMs?: number;
  coupon?: string;
  /** Of `sagas`: the saga, its participants, and where events are received. */
  saga?: string;
  paymentBook?: string;
  loyaltyBook?: string;
  receiver?: string;
  history?: string;
  jsonReport?: string;
  htmlReport?: string;
  /** The file of the faults injected during the drill. It must exist when the drill ends. */
  faults?: string;
  /** Whether to audit the history at once. */
  audit: boolean;
};

/** The arguments of `audit`. */
export type AuditArguments = {
  historyFile: string;
  faults?: string;
  dump?: string;
  writeDump?: string;
};

/** The options of `log`. */
export type LogOptions = {
  /** By default the address on which the configured service listens. */
  url?: string;
  limit: number;
  json?: boolean;
};

/** The options of `watch`. */
export type WatchOptions = {
  coupon: string;
  /** By default the address on which the configured service listens. */
  url?: string;
  /** Lines of JSON, also on a terminal. */
  json?: boolean;
};

/** What `claims` does with a claim. */
export const claimCalls = ['show', 'confirm', 'release', 'redeem'] as const;

/** The arguments of `claims`. */
export type ClaimsArguments = {
  call: (typeof claimCalls)[number];
  coupon: string;
  user: string;
  /** By default the address on which the configured service listens. */
  url?: string;
  /** By default the live claim of the user, else the last one. */
  claimId?: string;
  /** Only for `release`. */
  reason?: string;
  /** Only for `release`: the user can never claim the coupon again. */
  final?: boolean;
  /** Only for `redeem`; by default a new key. */
  idempotencyKey?: string;
  json?: boolean;
};

/** What `sagas` does. */
export const sagaCalls = ['list', 'show', 'retry', 'resolve'] as const;

/** The arguments of `sagas`. */
export type SagasArguments = {
  /** By default the address on which the configured service listens. */
  url?: string;
  json?: boolean;
} & (
  | { call: 'list'; states: readonly string[]; limit: number }
  | { call: 'show' | 'retry'; id: string }
  | { call: 'resolve'; id: string; as: 'done' | 'compensated'; note: string }
);

/** What `dead-letters` does. */
export const deadLetterCalls = ['list', 'show', 'redrive', 'discard', 'export'] as const;

/** The arguments of `dead-letters`. */
export type DeadLettersArguments = {
  /** By default the address on which the configured service listens. */
  url?: string;
} & (
  | { call: 'list'; limit: number; json?: boolean }
  | { call: 'show'; id: string; json?: boolean }
  | { call: 'export' }
  | {
      call: 'redrive' | 'discard';
      ids: readonly string[] | 'all';
      /** Without it nothing is changed. */
      yes?: boolean;
      json?: boolean;
    }
);

/** The options of `accept-history`. */
export type AcceptHistoryOptions = {
  /** By default the address on which the configured service listens. */
  url?: string;
  /** Without it nothing is accepted. */
  yes?: boolean;
  json?: boolean;
};

/** The arguments of `backup`. */
export type BackupArguments = { file: string; force?: boolean };

/** The arguments of `copy`: the side to copy to, by the setting that names it. */
export type CopyArguments = { to: 'database-url' | 'data-dir' };

/** The output of the command line. Texts include their newlines. */
export type Output = {
  stdout(text: string): void;
  stderr(text: string): void;
  /** The width for error lines; undefined unless standard error is a terminal. */
  errorColumns?: number | undefined;
};
