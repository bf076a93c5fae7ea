// SPDX-License-Identifier: GPL-3.0-or-later
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { OldestOut } from './oldest-out.ts';

describe('a map from which the oldest key goes', () => {
  it('removes the key that was set first for one more', () => {
    const map = new OldestOut<number>(2);
    expect(['a', 'b', 'a', 'c', 'd'].map((key, index) => map.set(key, index))).toEqual([
      ...[undefined, undefined, undefined, 'b', 'a'],
    ]);
    expect(['a', 'b', 'c', 'd'].map((key) => map.get(key))).toEqual([undefined, undefined, 3, 4]);
  });

  it('holds what a plain list would hold, whatever is set and deleted', () => {
    const key = fc.integer({ min: 0, max: 30 }).map(String);
    const call = fc.record({ key, isDelete: fc.nat(3).map((drawn) => drawn === 0) });
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 12 }),
        fc.array(call, { maxLength: 300 }),
        (keysMax, calls) => {
          const map = new OldestOut<string>(keysMax);
          let list: string[] = [];
          for (const { key, isDelete } of calls) {
            const others = list.filter((one) => one !== key);
            if (isDelete) {
              expect(map.delete(key)).toBe(list.includes(key));
              list = others;
              continue;
            }
            const all = [...others, key];
            expect(map.set(key, key)).toBe(all.length > keysMax ? all[0] : undefined);
            list = all.slice(-keysMax);
          }
          expect(map.size).toBe(list.length);
          for (const one of list) expect(map.get(one)).toBe(one);
        },
      ),
    );
  });

  it('keeps no memory for keys that are set again or deleted', () => {
    setFlagsFromString('--expose-gc');
    const collectGarbage: () => void = runInNewContext('gc');
    const bytesUsed = () => {
      collectGarbage();
      return process.memoryUsage().heapUsed;
    };
    const map = new OldestOut<number>(100_000);
    const before = bytesUsed();
    for (let count = 0; count < 300_000; count += 1) {
      map.set('same', count);
      map.set(`other ${count}`, count);
      map.delete(`other ${count}`);
    }
    expect(map.size).toBe(1);
    expect(bytesUsed() - before).toBeLessThan(10_000_000);
  });
});
