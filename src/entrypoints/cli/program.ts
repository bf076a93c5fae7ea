// SPDX-License-Identifier: GPL-3.0-or-later

/** What the command line can set in motion. The command line knows only these; the application hands them in. */
export type Program = {
  version: string;
  /** Runs the service, with what is said here over the configuration; resolves once it has stopped in good order. */
  serve(options: ServeOptions): Promise<void>;
  /** Serves as one of the workers of a service with this kind of database; only a primary process asks for it. */
  work(database: 'bundled' | 'external'): Promise<void>;
  /** Brings the database up to date; resolves to the names of the migrations applied, in order. */
  migrate(): Promise<string[]>;
  /** The configuration in force as lines of text, secrets hidden. */
  config(): string;
  /** Every setting with its default and what it does, in lines of at most 80 columns. */
  settingsHelp(): string;
};

/** What `serve` can be told on the command line; what is not told is as configured. */
export type ServeOptions = { workers?: string; unsafeDurability?: boolean };

/** Where the command line writes; both take text that brings its own newlines. */
export type Output = { stdout(text: string): void; stderr(text: string): void };
