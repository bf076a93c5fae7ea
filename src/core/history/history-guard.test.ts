// SPDX-License-Identifier: GPL-3.0-or-later
import { describe, expect, it } from 'vitest';
import { AcknowledgedBatches } from './acknowledged-batches.ts';
import { HistoryGuard } from './history-guard.ts';
import type { AcknowledgedBatch, HistoryConnection } from './ports.ts';

/** A server with batches and, once a loss was found on it, that loss. */
class FakeServer implements HistoryConnection {
  readonly name: string;
  readonly stored = new Set<string>();
  readonly has: Set<string>;
  checks: string[][] = [];
  canStore = true;

  constructor(name: string, has: string[] = []) {
    this.name = name;
    this.has = new Set(has);
  }

  get facts() {
    return { server: this.name, isLossStored: this.stored.size > 0 };
  }

  async check(batches: readonly AcknowledgedBatch[]) {
    this.checks.push(batches.map(({ batchId }) => batchId));
    const missing = batches.filter(({ batchId }) => !this.has.has(batchId));
    return { ...this.facts, missing };
  }

  async record(missing: readonly AcknowledgedBatch[]) {
    if (!this.canStore) throw new Error('read-only');
    for (const { batchId } of missing) this.stored.add(batchId);
  }
}

function setup({ shared }: { shared?: () => AcknowledgedBatch[] | undefined } = {}) {
  const time = { nowMs: 0 };
  const lines: string[] = [];
  const line = (level: string) => (event: Record<string, unknown>, message: string) => {
    lines.push(`${level} ${message.split(':')[0]} ${JSON.stringify(event.coupons ?? '')}`);
  };
  const batches = new AcknowledgedBatches(() => 1);
  const guard = new HistoryGuard({
    ...{ batches, node: 'here/1', clock: { nowMs: () => time.nowMs }, answerMsMax: 10_000 },
    log: { error: line('error'), warn: line('warn'), info: line('info') },
    shared: shared && { publish: async () => true, read: async () => shared() },
  });
  let position = 0;
  const acknowledge = (batchId: string) => {
    position += 1;
    const claim = {
      ...{ claimId: batchId, couponName: 'SALE', userId: 'ada', position },
      ...{ claimedAt: '', state: 'confirmed' as const },
    };
    batches.add({ batchId, couponName: 'SALE' }, [{ outcome: 'claimed', claim }]);
  };
  const changes: string[] = [];
  guard.onChange(() => changes.push(`${guard.server} ${guard.isLost}`));
  const connect = (server: FakeServer) => guard.checkConnection(server.facts, server);
  return { guard, time, lines, changes, acknowledge, connect };
}

describe('the guard of the history', () => {
  it('looks batches up only on a server that is another one', async () => {
    const { guard, acknowledge, connect, changes, lines } = setup();
    const [one, two] = [new FakeServer('one', ['a']), new FakeServer('two', ['a'])];
    await connect(one);
    acknowledge('a');
    await connect(one);
    await guard.checkAgain(one);
    expect(one.checks).toEqual([[], []]);
    await connect(two);
    expect(two.checks).toEqual([['a']]);
    expect(guard).toMatchObject({ isLost: false, server: 'two' });
    expect(changes).toEqual(['two false']);
    expect(lines).toEqual(['info the database is on another server, or was restarted ""']);
  });

  it('closes where a batch is missing, stores that, and opens where all are back', async () => {
    const { guard, acknowledge, connect, changes, lines } = setup();
    const [one, two] = [new FakeServer('one', ['a', 'b']), new FakeServer('two', ['a'])];
    await connect(one);
    acknowledge('a');
    acknowledge('b');
    await connect(two);
    expect(guard.isLost).toBe(true);
    expect([...two.stored]).toEqual(['b']);
    await connect(two);
    await connect(one);
    expect(guard.isLost).toBe(false);
    expect(changes).toEqual(['two true', 'one false']);
    expect(lines).toEqual([
      'error the database lacks batches that were acknowledged {"SALE":{"batches":1,"claims":1,"changes":0}}',
      'warn the database has all acknowledged batches ""',
    ]);
  });

  it('stays closed while a loss is stored, also one that another process has found', async () => {
    const { guard, connect } = setup();
    const one = new FakeServer('one');
    one.stored.add('of another process');
    await connect(one);
    expect(guard.isLost).toBe(true);
    await guard.checkAgain(one);
    expect(guard.isLost).toBe(true);
    // An operator has accepted it.
    one.stored.clear();
    await guard.checkAgain(one);
    expect(guard.isLost).toBe(false);
    one.stored.add('found meanwhile');
    await guard.checkAgain(one);
    expect(guard.isLost).toBe(true);
  });

  it('finds a batch whose answer still came from the server before', async () => {
    const { guard, acknowledge, connect, time } = setup();
    const [one, two] = [new FakeServer('one', ['a']), new FakeServer('two')];
    await connect(one);
    await connect(two);
    acknowledge('a');
    time.nowMs = 9_000;
    await guard.checkAgain(two);
    expect(guard.isLost).toBe(true);
  });

  it('refuses calls also where the loss cannot be stored, says so once, and stores it later', async () => {
    const { guard, acknowledge, connect, lines } = setup();
    const [one, two] = [new FakeServer('one', ['a']), new FakeServer('two')];
    await connect(one);
    acknowledge('a');
    two.canStore = false;
    await connect(two);
    await guard.checkAgain(two);
    await guard.checkAgain(two);
    expect(guard.isLost).toBe(true);
    const repeated =
      'warn the loss of acknowledged batches could not be stored for other processes ""';
    expect(lines.filter((line) => line === repeated)).toHaveLength(1);
    two.canStore = true;
    await guard.checkAgain(two);
    expect([...two.stored]).toEqual(['a']);
  });

  it('lets connections to the same server wait for one check', async () => {
    const { acknowledge, connect } = setup();
    const [one, two] = [new FakeServer('one', ['a']), new FakeServer('two', ['a'])];
    await connect(one);
    acknowledge('a');
    await Promise.all([connect(two), connect(two), connect(two)]);
    expect(two.checks.length).toBe(1);
  });

  it('ignores a check that began before a later one and ends after it', async () => {
    const { guard, acknowledge, connect } = setup();
    const [one, two] = [new FakeServer('one', ['a']), new FakeServer('two')];
    await connect(one);
    acknowledge('a');
    await connect(two);
    let answer = () => {};
    const late: HistoryConnection = {
      check: async (batches) => {
        const { facts } = two;
        await new Promise<void>((resolve) => {
          answer = resolve;
        });
        return { ...facts, missing: [...batches] };
      },
      record: async () => undefined,
    };
    const earlier = guard.checkAgain(late);
    // An operator accepts the loss.
    await Promise.resolve();
    two.stored.clear();
    two.has.add('a');
    await guard.checkAgain(two);
    expect(guard.isLost).toBe(false);
    answer();
    await earlier;
    expect(guard.isLost).toBe(false);
  });

  it('looks up what other processes share, as soon as that can be read', async () => {
    let shared: AcknowledgedBatch[] | undefined;
    const { guard, connect } = setup({ shared: () => shared });
    const one = new FakeServer('one');
    await connect(one);
    expect(guard.isLost).toBe(false);
    const batch = { batchId: 'b', couponName: 'SALE', claims: 1, changes: 0 };
    shared = [{ ...batch, userId: 'eve', position: 1, claimId: 'b', acknowledgedAtMs: 1 }];
    await guard.checkAgain(one);
    expect(guard.isLost).toBe(true);
  });

  it('stores what a copy lacks, once, and goes on with its own server', async () => {
    const { guard, acknowledge, connect, lines } = setup();
    const [one, copy] = [new FakeServer('one', ['a', 'b', 'c']), new FakeServer('copy', ['a'])];
    await connect(one);
    for (const batchId of ['a', 'b']) acknowledge(batchId);
    await guard.checkCopy('copy', copy);
    await guard.checkCopy('copy', copy);
    expect(copy.checks).toEqual([['a', 'b']]);
    expect([...copy.stored]).toEqual(['b']);
    expect(guard).toMatchObject({ isLost: false, server: 'one' });
    expect(lines).toEqual([
      'error a copy has taken the place of the database, and lacks batches that were acknowledged ' +
        '{"SALE":{"batches":1,"claims":1,"changes":0}}',
    ]);
    // An answer that was still under way.
    acknowledge('c');
    await guard.checkCopy('copy', copy);
    expect([...copy.stored]).toEqual(['b', 'c']);
  });

  it('looks at a copy again where the loss could not be stored', async () => {
    const { guard, acknowledge } = setup();
    const copy = new FakeServer('copy');
    acknowledge('a');
    copy.canStore = false;
    await expect(guard.checkCopy('copy', copy)).rejects.toThrow('read-only');
    copy.canStore = true;
    await guard.checkCopy('copy', copy);
    expect([...copy.stored]).toEqual(['a']);
  });
});
