// SPDX-License-Identifier: GPL-3.0-or-later
/** Reads the files of the API keys, and of the keys of user tokens, again: at SIGHUP, and when they have changed. */
import type { Logger } from 'pino';
import { fileStates, watchFiles } from '../adapters/system/watch-files.ts';
import { apiKeyVariables, type Config, ConfigError, keyFiles, rereadKeys } from '../config.ts';
import type { Clock } from '../core/clock.ts';
import { type CurrentKeys, keysOf } from './api-keys.ts';

/** What a process needs to follow its key files. */
export type KeyFilesOptions = {
  config: Config;
  current: CurrentKeys;
  log: Pick<Logger, 'info' | 'warn' | 'error'>;
  clock: Clock;
  /** Sends the keys to the other processes. False if one does not confirm them in time. */
  sendKeys?(): Promise<boolean>;
};

type Reading = ReturnType<typeof rereadKeys> | { mistakes: string[] };

// A key is in use after one to two of these.
const watchEveryMs = 1000;

/**
 * Follows the files. While one of them cannot be used, all keys stay as they are: the rules between keys hold for all of
 * them together.
 */
export class KeyFiles {
  private readonly options: KeyFilesOptions;
  private readonly files: { name: string; path: string }[];
  /** The mistakes that the log shows and that are not fixed yet. */
  private knownMistakes = '';

  constructor(options: KeyFilesOptions) {
    this.options = options;
    this.files = keyFiles(options.config);
  }

  /** Reads the files at once. */
  reload(): void {
    if (this.files.length === 0) {
      this.options.log.warn('SIGHUP has no effect: no key is read from a file');
      return;
    }
    this.apply(this.read(), 'signal');
  }

  /** Reads the files whenever they have changed. Returns a function that ends this and then calls `stop`. */
  watchUntil(stop: () => Promise<void>): () => Promise<void> {
    if (this.files.length === 0) return stop;
    const endWatch = watchFiles({
      states: fileStates(this.files.map(({ path }) => path)),
      read: () => this.read(),
      apply: (reading) => this.apply(reading, 'change'),
      clock: this.options.clock,
      everyMs: watchEveryMs,
    });
    return () => {
      endWatch();
      return stop();
    };
  }

  private read(): Reading {
    try {
      return rereadKeys(this.options.config);
    } catch (error) {
      if (error instanceof ConfigError) return { mistakes: error.mistakes };
      throw error;
    }
  }

  private apply(reading: Reading, cause: 'signal' | 'change'): void {
    if ('mistakes' in reading) {
      this.logMistakes(reading.mistakes, cause);
      return;
    }
    const { current, log } = this.options;
    const before = current.now();
    const keys = keysOf(reading);
    const changed: string[] = apiKeyVariables
      .filter(({ name }) => keys[name] !== before[name])
      .map(({ variable }) => variable);
    if (keys.userTokenKeys !== before.userTokenKeys) changed.push(...this.tokenKeysVariable());
    const isFixed = this.knownMistakes !== '';
    this.knownMistakes = '';
    if (cause === 'change' && changed.length === 0 && !isFixed) return;
    for (const warning of reading.warnings) log.warn(warning);
    current.replace(keys);
    void this.report(changed);
  }

  private tokenKeysVariable(): string[] {
    return this.files.map(({ name }) => name).filter((name) => name.startsWith('USER_TOKEN_'));
  }

  /** Logs the change when every process uses the keys: clients may then use a new one. */
  private async report(changed: string[]): Promise<void> {
    const { log, sendKeys } = this.options;
    if ((await sendKeys?.()) === false) {
      log.warn({ changed }, 'a worker does not confirm the keys; it may still use the old ones');
    }
    log.info({ read: this.files.map(({ name }) => name), changed }, 'keys read again');
  }

  /** At a signal always, since an operator waits for the answer; otherwise once. */
  private logMistakes(mistakes: string[], cause: 'signal' | 'change'): void {
    const { log } = this.options;
    const text = mistakes.join('\n');
    if (cause === 'change' && text === this.knownMistakes) return;
    this.knownMistakes = text;
    log[cause === 'signal' ? 'error' : 'warn'](
      { mistakes },
      'the keys were not changed: a file cannot be used. Correct it: the service reads it again',
    );
  }
}
