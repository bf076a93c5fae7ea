// SPDX-License-Identifier: GPL-3.0-or-later
import { AppError } from './errors.ts';

/** The limits of a `SharedRead`. */
export type SharedReadOptions<Value> = {
  /** Reads all of the keys in one go; keys that do not exist are absent from the answer. */
  load(keys: readonly string[]): Promise<ReadonlyMap<string, Value>>;
  /** Keys in one load. */
  keysMax: number;
  /** Readers that may wait; one more gets `overloaded`. */
  readersMax: number;
  /** What exists never changes: a value also answers the readers that arrived during its load. */
  unchanging?: boolean;
};

type Entry<Value> = {
  promise: Promise<Value | undefined>;
  resolve(value: Value | undefined): void;
  reject(error: unknown): void;
  readers: number;
};

/**
 * Lets readers share loads without reading anything stale: a reader shares a load that starts after the reader arrived,
 * never one under way, unless what it reads never changes. One load runs at a time; its successor collects readers
 * meanwhile.
 */
export class SharedRead<Value> {
  private readonly options: SharedReadOptions<Value>;
  private nextLoad = new Map<string, Entry<Value>>();
  private loading = false;
  private readers = 0;

  constructor(options: SharedReadOptions<Value>) {
    this.options = options;
  }

  /** The value as of a moment after this call, or undefined when the key does not exist. */
  read(key: string): Promise<Value | undefined> {
    if (this.readers >= this.options.readersMax) {
      return Promise.reject(
        new AppError('overloaded', { detail: 'too many reads are waiting for the database' }),
      );
    }
    let entry = this.nextLoad.get(key);
    if (entry === undefined) {
      entry = newEntry<Value>();
      this.nextLoad.set(key, entry);
    }
    entry.readers += 1;
    this.readers += 1;
    if (!this.loading) void this.loadAll();
    return entry.promise;
  }

  private async loadAll(): Promise<void> {
    this.loading = true;
    while (this.nextLoad.size > 0) {
      const batch = this.takeBatch();
      let values: ReadonlyMap<string, Value> | undefined;
      let failure: unknown;
      try {
        values = await this.options.load([...batch.keys()]);
      } catch (error) {
        failure = error;
      }
      for (const [key, entry] of batch) {
        this.readers -= entry.readers;
        if (values === undefined) entry.reject(failure);
        else {
          entry.resolve(values.get(key));
          if (this.options.unchanging === true && values.has(key)) this.answerEarly(key, values);
        }
      }
    }
    this.loading = false;
  }

  /** Answers readers of the next load with a value of this one. */
  private answerEarly(key: string, values: ReadonlyMap<string, Value>): void {
    const entry = this.nextLoad.get(key);
    if (entry === undefined) return;
    this.nextLoad.delete(key);
    this.readers -= entry.readers;
    entry.resolve(values.get(key));
  }

  private takeBatch(): Map<string, Entry<Value>> {
    if (this.nextLoad.size <= this.options.keysMax) {
      const batch = this.nextLoad;
      this.nextLoad = new Map();
      return batch;
    }
    const batch = new Map<string, Entry<Value>>();
    for (const [key, entry] of this.nextLoad) {
      if (batch.size === this.options.keysMax) break;
      batch.set(key, entry);
      this.nextLoad.delete(key);
    }
    return batch;
  }
}

function newEntry<Value>(): Entry<Value> {
  let resolve: Entry<Value>['resolve'] = () => undefined;
  let reject: Entry<Value>['reject'] = () => undefined;
  const promise = new Promise<Value | undefined>((onResolve, onReject) => {
    resolve = onResolve;
    reject = onReject;
  });
  return { promise, resolve, reject, readers: 0 };
}
