// SPDX-License-Identifier: GPL-3.0-or-later

/** A key with its value, between the keys that were set before and after it. */
type Entry<Value> = {
  key: string;
  value: Value;
  older: Entry<Value> | undefined;
  newer: Entry<Value> | undefined;
};

/**
 * A map with a limited number of keys: one more removes the key that was set first. Each call takes the same short time,
 * however many keys there are. That is why the order is a list of its own: to find the first key of a plain map, V8 passes
 * all keys that were removed before it, up to as many as the map has; and an iterator that is kept to avoid this keeps
 * every table that the map has outgrown.
 */
export class OldestOut<Value> {
  private readonly keysMax: number;
  private readonly entries = new Map<string, Entry<Value>>();
  private oldest: Entry<Value> | undefined;
  private newest: Entry<Value> | undefined;

  constructor(keysMax: number) {
    this.keysMax = keysMax;
  }

  get size(): number {
    return this.entries.size;
  }

  get(key: string): Value | undefined {
    return this.entries.get(key)?.value;
  }

  has(key: string): boolean {
    return this.entries.has(key);
  }

  /** Makes the key the newest one. Returns the key that had to make room for it. */
  set(key: string, value: Value): string | undefined {
    let entry = this.entries.get(key);
    if (entry === undefined) {
      entry = { key, value, older: undefined, newer: undefined };
      this.entries.set(key, entry);
    } else {
      entry.value = value;
      this.unlink(entry);
    }
    entry.older = this.newest;
    if (this.newest === undefined) this.oldest = entry;
    else this.newest.newer = entry;
    this.newest = entry;
    const { oldest } = this;
    if (this.entries.size <= this.keysMax || oldest === undefined) return undefined;
    this.delete(oldest.key);
    return oldest.key;
  }

  delete(key: string): boolean {
    const entry = this.entries.get(key);
    if (entry === undefined) return false;
    this.entries.delete(key);
    this.unlink(entry);
    return true;
  }

  private unlink(entry: Entry<Value>): void {
    const { older, newer } = entry;
    if (older === undefined) this.oldest = newer;
    else older.newer = newer;
    if (newer === undefined) this.newest = older;
    else newer.older = older;
    entry.older = undefined;
    entry.newer = undefined;
  }
}
