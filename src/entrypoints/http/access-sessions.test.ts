// SPDX-License-Identifier: GPL-3.0-or-later
import { describe, expect, it } from 'vitest';
import { accessWith } from './access.ts';
import type { SessionCaller } from './sessions/console-sessions.ts';

const id = 'x'.repeat(43);
const times = { endsAt: '', idleEndsAt: '' };

function setup(caller: SessionCaller | undefined) {
  const calls: string[] = [];
  const access = accessWith({
    keys: () => ({ adminApiKey: 'a', viewerApiKey: 'v' }),
    sessions: {
      remembered: () => undefined,
      async find() {
        calls.push('find');
        return caller && { caller, ...times };
      },
      async check() {
        calls.push('check');
        return caller;
      },
    },
  });
  const headers = { cookie: `__Host-firstcome-session=${id}`, 'sec-fetch-site': 'same-origin' };
  const request = { headers, caller: 'anonymous' } as never;
  return { access, calls, request };
}

describe('whether a stream may go on', () => {
  it.each<[SessionCaller | undefined, 'view' | 'admin', boolean]>([
    ['viewer', 'view', true],
    ['viewer', 'admin', false],
    ['admin-next', 'admin', true],
    [undefined, 'view', false],
  ])('follows from its session of %s for %s, without using it', async (caller, rule, expected) => {
    const { access, calls, request } = setup(caller);
    expect(await access.isStillAllowed(rule, request)).toBe(expected);
    expect(calls).toEqual(['check']);
  });
});
