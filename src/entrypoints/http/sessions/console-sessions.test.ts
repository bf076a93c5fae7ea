// SPDX-License-Identifier: GPL-3.0-or-later
import { describe, expect, it } from 'vitest';
import { FixedClock } from '../../../../test/support/fixed-clock.ts';
import type { SessionStore } from '../../../core/console/ports.ts';
import type { ApiKeys } from '../api-keys.ts';
import { ConsoleSessions } from './console-sessions.ts';

const times = { endsAt: '2030-01-31T18:00:00Z', idleEndsAt: '2030-01-31T07:00:00Z' };

/** Two nodes with one database. */
function setup() {
  const clock = new FixedClock();
  const stored = new Map<string, string>();
  const finds: { hashes: readonly string[]; isUse: boolean }[] = [];
  const current: { keys: ApiKeys } = { keys: { adminApiKey: 'first', viewerApiKey: 'view' } };
  const store: SessionStore = {
    create: async ({ hash, fingerprint }) => void stored.set(hash, fingerprint),
    async find(hashes, isUse) {
      finds.push({ hashes, isUse });
      return hashes.flatMap((hash) => {
        const fingerprint = stored.get(hash);
        return fingerprint === undefined ? [] : [{ hash, fingerprint, ...times }];
      });
    },
    end: async (hash) => void stored.delete(hash),
  };
  const node = () => new ConsoleSessions({ store, clock, keys: () => current.keys });
  return { clock, stored, finds, current, node: node(), other: node() };
}

describe('sessions of the console', () => {
  it('are read once in half a minute, which is their use', async () => {
    const { clock, finds, node } = setup();
    const id = await node.open('first');
    for (let n = 0; n < 10; n += 1)
      expect(await node.find(id)).toEqual({ caller: 'admin', ...times });
    await clock.advance(29_999);
    expect(node.remembered(id)?.caller).toBe('admin');
    expect(finds).toMatchObject([{ isUse: true }]);
    await clock.advance(1);
    expect(node.remembered(id)).toBeUndefined();
    await node.find(id);
    expect(finds).toHaveLength(2);
  });

  it('end on this node at once, and on others within half a minute', async () => {
    const { clock, node, other } = setup();
    const id = await node.open('first');
    await other.find(id);
    await node.end(id);
    expect(await node.find(id)).toBeUndefined();
    await clock.advance(30_000);
    expect(await other.find(id)).toBeUndefined();
  });

  it('end with their key, and stay while it moves to another place', async () => {
    const { current, node, stored } = setup();
    const id = await node.open('first');
    await node.find(id);
    current.keys = { adminApiKey: 'second', adminApiKeyNext: 'first' };
    expect(node.remembered(id)?.caller).toBe('admin-next');
    current.keys = { adminApiKey: 'second' };
    expect(node.remembered(id)).toBeUndefined();
    expect(await node.find(id)).toBeUndefined();
    expect(stored.size).toBe(0);
    current.keys = { adminApiKey: 'first' };
    expect(await node.find(id)).toBeUndefined();
  });

  it('lose the role of an operator when the key becomes that of viewers', async () => {
    const { current, node } = setup();
    const id = await node.open('first');
    current.keys = { adminApiKey: 'second', viewerApiKey: 'first' };
    expect((await node.find(id))?.caller).toBe('viewer');
  });

  it('are looked at without being used, by the database and not from memory', async () => {
    const { finds, node, other } = setup();
    const id = await node.open('first');
    await other.find(id);
    expect(await other.check(id)).toBe('admin');
    await node.end(id);
    expect(await other.check(id)).toBeUndefined();
    expect(finds.map(({ isUse }) => isUse)).toEqual([true, false, false]);
    // What was learned there counts for requests too.
    expect(other.remembered(id)).toBeUndefined();
  });

  it('of made-up ids cost one read for many, and none for what is no id', async () => {
    const { finds, node } = setup();
    const ids = Array.from({ length: 50 }, (_, n) => String(n).padStart(43, 'x'));
    await Promise.all(ids.map((id) => node.find(id)));
    expect(finds.length).toBeLessThanOrEqual(2);
    for (const id of ['', 'x', 'x'.repeat(44), `${'x'.repeat(42)}=`]) await node.find(id);
    expect(finds.length).toBeLessThanOrEqual(2);
  });
});
