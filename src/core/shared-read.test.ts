// SPDX-License-Identifier: GPL-3.0-or-later
import { describe, expect, it } from 'vitest';
import { flushPromises } from '../../test/support/fixed-clock.ts';
import { SharedRead } from './shared-read.ts';

type Load = {
  keys: string[];
  end(values: Record<string, number>): Promise<void>;
  fail(error: Error): Promise<void>;
};

function setup(limits: { keysMax?: number; readersMax?: number; unchanging?: boolean } = {}) {
  const loads: Load[] = [];
  const shared = new SharedRead<number>({
    keysMax: 10,
    readersMax: 10_000,
    ...limits,
    load: (keys) =>
      new Promise((resolve, reject) => {
        loads.push({
          keys: [...keys],
          end: (values) => {
            resolve(new Map(Object.entries(values)));
            return flushPromises();
          },
          fail: (error) => {
            reject(error);
            return flushPromises();
          },
        });
      }),
  });
  /** The load that was started as number `index`. */
  const load = (index: number) => {
    const found = loads[index];
    if (found === undefined) throw new Error(`only ${loads.length} loads were started`);
    return found;
  };
  return { shared, loads, load };
}

describe('a reader', () => {
  it('is served at once when no load is under way', async () => {
    const { shared, load } = setup();
    const read = shared.read('a');
    expect(load(0).keys).toEqual(['a']);
    await load(0).end({ a: 1 });
    expect(await read).toBe(1);
  });

  it('never shares a load that had started before it arrived', async () => {
    const { shared, loads, load } = setup();
    const early = shared.read('a');
    const late = shared.read('a');
    expect(loads.length).toBe(1);
    await load(0).end({ a: 1 });
    expect(await early).toBe(1);
    expect(load(1).keys).toEqual(['a']);
    await load(1).end({ a: 2 });
    expect(await late).toBe(2);
  });

  it('gets what never changes from the load under way, and what is absent from the next load', async () => {
    const { shared, loads, load } = setup({ unchanging: true });
    const known = [shared.read('a'), shared.read('a')];
    await load(0).end({ a: 1 });
    expect(await Promise.all(known)).toEqual([1, 1]);
    expect(loads.length).toBe(1);
    const absent = [shared.read('b'), shared.read('b')];
    await load(1).end({});
    await load(2).end({ b: 2 });
    expect(await Promise.all(absent)).toEqual([undefined, 2]);
  });

  it('gets undefined for a key that does not exist', async () => {
    const { shared, load } = setup();
    const read = shared.read('a');
    await load(0).end({});
    expect(await read).toBeUndefined();
  });
});

describe('readers that arrive together', () => {
  it('share one load, even a thousand of them, after the one under way', async () => {
    const { shared, loads, load } = setup();
    const first = shared.read('a');
    const reads = Array.from({ length: 1_000 }, (_, index) => shared.read(`key ${index % 2}`));
    await load(0).end({ a: 1 });
    await first;
    expect(load(1).keys).toEqual(['key 0', 'key 1']);
    await load(1).end({ 'key 0': 0, 'key 1': 1 });
    const values = await Promise.all(reads);
    expect(values.filter((value) => value === 0).length).toBe(500);
    expect(loads.length).toBe(2);
  });

  it('are split into loads of keysMax keys, one after the other', async () => {
    const { shared, loads, load } = setup({ keysMax: 2 });
    const reads = ['a', 'b', 'c', 'd', 'b', 'e', 'f'].map((key) => shared.read(key));
    await load(0).end({ a: 1 });
    expect(load(1).keys).toEqual(['b', 'c']);
    expect(loads.length).toBe(2);
    await load(1).end({ b: 2, c: 3 });
    expect(load(2).keys).toEqual(['d', 'e']);
    await load(2).end({ d: 4, e: 5 });
    expect(load(3).keys).toEqual(['f']);
    await load(3).end({ f: 6 });
    expect(await Promise.all(reads)).toEqual([1, 2, 3, 4, 2, 5, 6]);
  });
});

describe('a load that fails', () => {
  it('fails exactly its own readers, and the next load serves the others', async () => {
    const { shared, load } = setup();
    const failing = shared.read('a');
    const fine = shared.read('a');
    const error = new Error('down');
    const [failure] = await Promise.all([
      failing.catch((caught: unknown) => caught),
      load(0).fail(error),
    ]);
    expect(failure).toBe(error);
    await load(1).end({ a: 2 });
    expect(await fine).toBe(2);
  });

  it('fails its readers also when it throws at once, and later readers are served', async () => {
    let isDown = true;
    const shared = new SharedRead<number>({
      ...{ keysMax: 1, readersMax: 1 },
      load: () => {
        if (isDown) throw new Error('down');
        return Promise.resolve(new Map([['a', 1]]));
      },
    });
    await expect(shared.read('a')).rejects.toThrow('down');
    isDown = false;
    expect(await shared.read('a')).toBe(1);
  });
});

describe('readersMax', () => {
  it('readers may wait, with those of the load under way, and one more gets overloaded', async () => {
    const { shared, load } = setup({ readersMax: 3 });
    const reads = [shared.read('a'), shared.read('b'), shared.read('b')];
    await expect(shared.read('a')).rejects.toMatchObject({ code: 'overloaded' });
    await load(0).end({ a: 1 });
    await load(1).end({ b: 2 });
    expect(await Promise.all(reads)).toEqual([1, 2, 2]);
  });

  it('does not count readers that are answered, also by a failure', async () => {
    const { shared, load } = setup({ readersMax: 1 });
    const failing = shared.read('a').catch(() => 'failed');
    await load(0).fail(new Error('down'));
    expect(await failing).toBe('failed');
    const read = shared.read('a');
    await load(1).end({ a: 1 });
    expect(await read).toBe(1);
  });
});
