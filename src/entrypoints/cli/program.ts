// SPDX-License-Identifier: GPL-3.0-or-later

/** What the command line can set in motion. The command line knows only these; the application hands them in. */
export type Program = {
  version: string;
  /** Runs the service, with what is said here over the configuration; resolves once it has stopped in good order. */
  serve(options: ServeOptions): Promise<void>;
  /** Serves as one of the workers of a service; only a primary process asks for it, and says which tables are its. */
  work(database: { kind: 'bundled' | 'external'; schema: string; identity: string }): Promise<void>;
  /** Brings the database up to date; resolves to the schema, and the names of the migrations applied, in order. */
  migrate(options: MigrateOptions): Promise<{ schema: string; applied: string[] }>;
  /** The scenarios that a drill can play, each with what it is. */
  scenarios: Readonly<Record<string, string>>;
  /** Sends a crowd at a service and resolves to the verdict on what it was told. */
  drill(options: DrillArguments, output: Output): Promise<Verdict>;
  /** Judges a recorded history against what is stored. */
  audit(options: AuditArguments, output: Output): Promise<Verdict>;
  /** The configuration in force as lines of text, secrets hidden. */
  config(): Promise<string>;
  /** Every setting with its default and what it does, in lines of at most 80 columns. */
  settingsHelp(): Promise<string>;
};

/** What `serve` can be told on the command line; what is not told is as configured. */
export type ServeOptions = { workers?: string; unsafeDurability?: boolean };

/** The options of `migrate`. */
export type MigrateOptions = { newInstallation?: boolean };

/** How a history was judged; `unknown` where it shows too little to be called passed. */
export type Verdict = 'passed' | 'failed' | 'unknown';

/** What `drill` can be told; what is not told depends on the scenario. */
export type DrillArguments = {
  scenario: string;
  /** By default where the settings say that the service listens. */
  urls?: string[];
  seed: number;
  users?: number;
  units?: number;
  /** Arrivals a second. */
  rate?: number;
  ramp?: { fromRate: number; toRate: number };
  /** Loads of `overload`, as multiples of what the service can take. */
  times?: number[];
  seconds?: number;
  connections?: number;
  timeoutMs?: number;
  coupon?: string;
  history?: string;
  jsonReport?: string;
  htmlReport?: string;
  /** The file of what was broken on purpose meanwhile; it is there in the end at the latest. */
  faults?: string;
  /** Whether to judge the history at once. */
  audit: boolean;
};

/** What `audit` can be told. */
export type AuditArguments = {
  historyFile: string;
  faults?: string;
  dump?: string;
  writeDump?: string;
};

/** Where the command line writes; both take text that brings its own newlines. */
export type Output = {
  stdout(text: string): void;
  stderr(text: string): void;
  /** The width that error lines are wrapped to: set where standard error is a terminal. */
  errorColumns?: number | undefined;
};
