// SPDX-License-Identifier: GPL-3.0-or-later
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  problem,
  type Reply,
  runCommand,
  type ScriptedService,
  startScriptedService,
} from '../../test/support/scripted-service.ts';
import { loadConfig } from '../config.ts';
import type { ClaimsArguments } from '../entrypoints/cli/program.ts';
import { callOnClaim } from './claims.ts';

const id = '01947a5c-3e2f-7d10-8b6a-5f0c1d2e3f40';
const adminKey = 'admin-key-of-thirty-two-characters!';
const claimKey = 'claim-key-of-thirty-two-characters!';

const reserved = {
  ...{ claim_id: id, coupon_name: 'SALE " ', user_id: 'a/b', position: 17 },
  ...{ claimed_at: '2030-01-31T18:00:00.000000Z', state: 'reserved' },
  expires_at: '2030-01-31T18:10:00.000000Z',
};
const sagaId = '01947a5c-3e2f-8d10-8b6a-5f0c1d2e3f40';
const { expires_at: _, ...held } = reserved;
const withSaga = { ...held, saga_id: sagaId, saga_state: 'running' };
const released = {
  ...{ claim_id: id, state: 'released', reason: 'expired' },
  released_at: '2030-01-31T18:10:00.000000Z',
};

let service: ScriptedService;
let seen: ScriptedService['seen'];

beforeAll(async () => {
  service = await startScriptedService();
});

beforeEach(() => {
  seen = service.seen = [];
});

afterAll(() => {
  service.close();
});

/** Runs the command against these replies of the service. */
function run(
  options: Partial<ClaimsArguments>,
  given: Reply[],
  env: Record<string, string> = { ADMIN_API_KEY: adminKey },
) {
  service.replies = given;
  const target = { call: 'show' as const, coupon: 'SALE " ', user: 'a/b', url: service.url };
  return runCommand((output) => callOnClaim(loadConfig(env), { ...target, ...options }, output));
}

const found: Reply = { status: 200, body: reserved };

describe('firstcome claims', () => {
  it('shows each member of the claim in a line, and quotes the texts of callers', async () => {
    expect(await run({}, [found])).toEqual({
      ...{ verdict: 'passed', stderr: '' },
      stdout: [
        `claim_id     ${id}`,
        'coupon_name  "SALE \\" "',
        'user_id      "a/b"',
        'position     17',
        'claimed_at   2030-01-31T18:00:00.000000Z',
        'state        reserved',
        'expires_at   2030-01-31T18:10:00.000000Z',
        '',
      ].join('\n'),
    });
    expect(seen).toMatchObject([
      { line: 'GET /api/coupons/SALE%20%22%20/claims/a%2Fb', key: `Bearer ${adminKey}` },
    ]);
  });

  it('sends the claim key where no admin key is set, and none where neither is', async () => {
    await run({}, [found], { CLAIM_API_KEY: claimKey });
    await run({}, [found], {});
    expect(seen.map(({ key }) => key)).toEqual([`Bearer ${claimKey}`, undefined]);
  });

  it('changes the claim that it has read, so that a repeat changes no newer one', async () => {
    const after: Reply = { status: 200, body: { ...released, reason: 'paid late' } };
    const options = { call: 'release', reason: 'paid late', final: true } as const;
    const { verdict, stdout } = await run(options, [found, after]);
    expect(verdict).toBe('passed');
    expect(stdout).toContain('state        released\n');
    expect(stdout).toContain('reason       "paid late"\n');
    expect(seen[1]?.line).toBe('POST /api/coupons/SALE%20%22%20/claims/a%2Fb/release');
    expect(JSON.parse(seen[1]?.body ?? '')).toEqual({
      ...{ claim_id: id, reason: 'paid late', final: true },
    });
    expect(seen[1]?.idempotencyKey).toBeUndefined();
  });

  it('changes the last claim of a user without a live one', async () => {
    const none = problem('claim_not_found', { last_claim: released });
    await run({ call: 'release' }, [none, { status: 200, body: released }]);
    expect(JSON.parse(seen[1]?.body ?? '')).toEqual({ claim_id: id });
  });

  it('redeems with the key that it was given, or with a new one', async () => {
    await run({ call: 'redeem', claimId: 'x' }, [found, found]);
    await run({ call: 'redeem', idempotencyKey: 'till 7' }, [found, found]);
    const [, first, , second] = seen;
    expect(JSON.parse(first?.body ?? '')).toEqual({ claim_id: 'x' });
    expect(first?.idempotencyKey).toMatch(/^[0-9a-f-]{36}$/);
    expect(second?.idempotencyKey).toBe('till 7');
  });

  it.each([[problem('outcome_unknown')], ['reset' as const]])(
    'says how to repeat a change whose answer was lost (%j)',
    async (lost) => {
      const options = { call: 'redeem', idempotencyKey: 'till-7' } as const;
      const { verdict, stderr } = await run(options, [found, lost]);
      expect(verdict).toBe('unknown');
      expect(stderr).toBe(
        'firstcome: the answer was lost, and the claim may have changed\n' +
          `Run the command again with --claim-id ${id} --idempotency-key till-7\n`,
      );
    },
  );

  it('prints a claim whose release its saga makes, and where to see that saga', async () => {
    const undone = { ...withSaga, saga_state: 'compensating' };
    const release = { call: 'release' } as const;
    const accepted: Reply = { status: 202, body: undone };
    const { verdict, stdout, stderr } = await run(release, [found, accepted]);
    expect(verdict).toBe('passed');
    expect(stdout).toContain(`saga_id      ${sagaId}\nsaga_state   compensating\n`);
    expect(stderr).toBe(
      'firstcome: the saga of the claim undoes its steps, and releases the claim then\n' +
        `See it with: firstcome sagas show ${sagaId}\n`,
    );
    for (const line of stderr.split('\n')) expect(line.length).toBeLessThanOrEqual(80);
  });

  it.each(['confirm', 'release', 'redeem'] as const)(
    'says where to see the saga that keeps a claim from %s',
    async (call) => {
      const running = problem('saga_running', { saga_id: sagaId });
      const { verdict, stdout } = await run({ call }, [found, running]);
      const [what, where, ...more] = verdict.split('\n');
      expect([what, where]).toEqual([
        'the saga of the claim confirms or releases it',
        `See it with: firstcome sagas show ${sagaId}`,
      ]);
      expect(more).toEqual(
        call === 'release' ? ['With the admin key a release has the saga undo its steps.'] : [],
      );
      expect(stdout).toBe('');
    },
  );

  it.each<[string, Partial<ClaimsArguments>, Reply[], string]>([
    ['a lost answer to a read', {}, ['reset'], 'does not answer\nStart it, or set its address'],
    ['no service', { url: 'http://127.0.0.1:1' }, [], 'does not answer'],
    ['a wrong URL', { url: 'ftp://user:secret@host' }, [], 'must be http://host:port'],
    ['another service', {}, [{ status: 200, body: {} }], 'is no firstcome (200)'],
    ['a wrong key', {}, [problem('unauthorized')], 'Set ADMIN_API_KEY or CLAIM_API_KEY'],
    ['an unknown coupon', {}, [problem('coupon_not_found')], 'there is no coupon "SALE \\" "'],
    ['no claim', { call: 'confirm' }, [problem('claim_not_found')], 'there is no live claim'],
    [
      ...(['a released claim', {}] as const),
      [problem('claim_not_found', { last_claim: released })],
      'The last one ended at 2030-01-31T18:10:00.000000Z: expired.',
    ],
    [
      ...(['a claim released without a reason', {}] as const),
      [problem('claim_not_found', { last_claim: { ...released, reason: undefined } })],
      'The last one ended at 2030-01-31T18:10:00.000000Z.',
    ],
    [
      ...(['another claim', { call: 'confirm', claimId: 'x' }] as const),
      [found, problem('claim_mismatch', { claim: reserved })],
      `To confirm the live one, run it with --claim-id ${id}`,
    ],
    [
      ...(['a claim that is reserved', { call: 'redeem' }] as const),
      [found, problem('not_confirmed', { claim: reserved })],
      'Confirm it first, with: firstcome claims confirm',
    ],
    [
      ...(['a call for the admin key', { call: 'release' }] as const),
      [found, problem('forbidden')],
      'the detail of forbidden\nSet ADMIN_API_KEY to the admin key',
    ],
    [
      ...(['a service that refuses it now', { call: 'release' }] as const),
      [found, problem('unavailable')],
      'the detail of unavailable (unavailable)\nThis call has changed nothing. Run it again later.',
    ],
  ])('says what to do with %s', async (_, options, given, message) => {
    const { verdict, stdout } = await run(options, given);
    expect(verdict).toContain(message);
    expect(verdict).not.toContain('secret');
    expect(stdout).toBe('');
  });

  it('says why a claim ended only where its release has a reason', async () => {
    const { reason: _, ...unexplained } = released;
    const none = problem('claim_not_found', { last_claim: unexplained });
    expect((await run({}, [none])).verdict).toBe(
      'there is no live claim by "a/b" of the coupon "SALE \\" "\n' +
        'The last one ended at 2030-01-31T18:10:00.000000Z.',
    );
    const refused = (claim: object) =>
      run({ call: 'confirm' }, [found, problem('claim_released', { claim })]);
    expect((await refused(unexplained)).verdict).toBe(
      'the claim was released\nIt ended at 2030-01-31T18:10:00.000000Z.',
    );
    expect((await refused({ ...released, reason: 'a mistake' })).verdict).toBe(
      'the claim was released\nIt ended at 2030-01-31T18:10:00.000000Z: a mistake.',
    );
  });

  it('prints the body of the answer as JSON, also of a refusal', async () => {
    expect((await run({ json: true }, [found])).stdout).toBe(`${JSON.stringify(reserved)}\n`);
    const refused = await run({ json: true }, [problem('coupon_not_found')]);
    expect(JSON.parse(refused.stdout)).toMatchObject({ code: 'coupon_not_found' });
    expect(refused.verdict).toContain('there is no coupon');
  });
});
