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
import type { SagasArguments } from '../entrypoints/cli/program.ts';
import { callOnSagas } from './sagas-command.ts';

const id = '01947a5c-3e2f-8d10-8b6a-5f0c1d2e3f40';
const adminKey = 'admin-key-of-thirty-two-characters!';

const summary = {
  ...{ saga_id: id, saga: 'checkout', version: '0123456789abcdef', state: 'needs_attention' },
  ...{ coupon_name: 'SALE " ', claim_id: '01947a5c-3e2f-7d10-8b6a-5f0c1d2e3f40' },
  ...{ user_id: 'ada', position: 17, started_at: '2030-01-31T18:00:00.000000Z' },
  ...{ deadline_at: '2030-01-31T18:10:00.000000Z', ended_at: null, next_attempt_at: null },
  cause: 'step points cannot be undone',
};
const saga = {
  ...summary,
  steps: [
    {
      ...{ name: 'authorize', participant: 'payment', state: 'done', attempts: 1 },
      ...{ last_status: 200, last_error: null, changed_at: '2030-01-31T18:00:01.000000Z' },
    },
    {
      ...{ name: 'points', participant: 'loyalty', state: 'unknown', attempts: 10 },
      ...{ last_status: null, last_error: 'no answer within 3000 ms' },
      changed_at: '2030-01-31T18:02:00.000000Z',
    },
    {
      ...{ name: 'capture', participant: 'payment', state: 'pending', attempts: 0 },
      ...{ last_status: null, last_error: null, changed_at: null },
    },
  ],
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
  given: SagasArguments,
  replies: Reply[],
  env: Record<string, string> = { ADMIN_API_KEY: adminKey },
) {
  service.replies = replies;
  return runCommand((output) =>
    callOnSagas(loadConfig(env), { url: service.url, ...given }, output),
  );
}

const list = { call: 'list', states: [], limit: 50 } as const;
const show = { call: 'show', id } as const;
const retry = { call: 'retry', id } as const;
const resolve = { call: 'resolve', id, as: 'done', note: 'by hand' } as const;
const page = (count: number, next: string | null): Reply => ({
  ...{ status: 200, body: { sagas: Array(count).fill(summary), next_cursor: next } },
});
const found: Reply = { status: 200, body: saga };
const accepted: Reply = { status: 202, body: { message: 'saga retried', ...saga } };

describe('firstcome sagas', () => {
  it('lists sagas in two lines each of at most 80 columns, and quotes the texts of callers', async () => {
    const { verdict, stdout, stderr } = await run(list, [page(2, null)]);
    expect({ verdict, stderr }).toEqual({ verdict: 'passed', stderr: '' });
    const lines = [
      `${id}  needs_attention  2030-01-31T18:00:00Z`,
      '  saga "checkout", coupon "SALE \\" ", user "ada"',
    ];
    expect(stdout.split('\n')).toEqual([...lines, ...lines, '']);
    for (const line of stdout.split('\n')) expect(line.length).toBeLessThanOrEqual(80);
  });

  it('lists sagas in the given states, page after page up to the limit', async () => {
    const states = ['running', 'needs_attention'];
    const given = { ...list, states, limit: 1500, json: true };
    const { stdout } = await run(given, [page(1000, 'c'), page(500, 'd')]);
    expect(seen.map(({ line }) => line)).toEqual([
      'GET /api/sagas?limit=1000&state=running&state=needs_attention',
      'GET /api/sagas?limit=500&state=running&state=needs_attention&cursor=c',
    ]);
    const lines = stdout.trimEnd().split('\n');
    expect(lines).toHaveLength(1500);
    expect(JSON.parse(String(lines[1499]))).toEqual(summary);
  });

  it('prints nothing where no saga is in the states', async () => {
    expect(await run(list, [page(0, null)])).toEqual({
      ...{ verdict: 'passed', stdout: '', stderr: '' },
    });
  });

  it('shows what is known of a saga and of each step', async () => {
    const { verdict, stdout } = await run(show, [found]);
    expect(verdict).toBe('passed');
    expect(seen).toMatchObject([{ line: `GET /api/sagas/${id}`, key: `Bearer ${adminKey}` }]);
    expect(stdout.split('\n')).toEqual([
      `saga_id          ${id}`,
      'saga             "checkout"',
      'version          0123456789abcdef',
      'state            needs_attention',
      'coupon_name      "SALE \\" "',
      'claim_id         01947a5c-3e2f-7d10-8b6a-5f0c1d2e3f40',
      'user_id          "ada"',
      'position         17',
      'started_at       2030-01-31T18:00:00.000000Z',
      'deadline_at      2030-01-31T18:10:00.000000Z',
      'cause            "step points cannot be undone"',
      'step 1           authorize (payment): done, 1 call, status 200',
      'step 2           points (loyalty): unknown, 10 calls',
      '                 no answer within 3000 ms',
      'step 3           capture (payment): pending',
      '',
    ]);
  });

  it('retries and resolves a saga, and shows it as it is then', async () => {
    const retried = await run(retry, [accepted]);
    const resolved = await run(resolve, [accepted]);
    for (const { verdict, stdout } of [retried, resolved]) {
      expect(verdict).toBe('passed');
      expect(stdout).toMatch(/^saga_id {10}0194/);
      expect(stdout).not.toContain('message');
    }
    expect(seen.map(({ line, body }) => [line, JSON.parse(body)])).toEqual([
      [`POST /api/sagas/${id}/retry`, {}],
      [`POST /api/sagas/${id}/resolve`, { as: 'done', note: 'by hand' }],
    ]);
  });

  it('sends no key where none is set', async () => {
    await run(show, [found], {});
    expect(seen.map(({ key }) => key)).toEqual([undefined]);
  });

  it.each([
    ['retry', retry, 'reset'],
    ['resolve', resolve, 'reset'],
    ['retry', retry, problem('outcome_unknown')],
    ['resolve', resolve, problem('outcome_unknown')],
  ] as const)('says how to see a saga when the answer to %s was lost', async (_, given, lost) => {
    const { verdict, stdout, stderr } = await run(given, [lost]);
    expect({ verdict, stdout }).toEqual({ verdict: 'unknown', stdout: '' });
    expect(stderr).toBe(
      'firstcome: the answer was lost, and the saga may have changed\n' +
        `See it with: firstcome sagas show ${id}\n`,
    );
  });

  it.each<[string, SagasArguments, Reply[], string]>([
    ['a lost answer to a list', list, ['reset'], 'does not answer\nStart it, or set its address'],
    ['a lost answer to a read', show, ['reset'], 'does not answer\nStart it, or set its address'],
    ['no service', { ...retry, url: 'http://127.0.0.1:2' }, [], 'does not answer'],
    ['a wrong URL', { ...list, url: 'ftp://user:secret@host' }, [], 'must be http://host:port'],
    ['another service', show, [{ status: 200, body: {} }], 'is no firstcome (200)'],
    ['another list', list, [{ status: 200, body: {} }], 'is no firstcome (200)'],
    ['a wrong key', retry, [problem('unauthorized')], 'Set ADMIN_API_KEY to the admin key'],
    [
      'a key that may not',
      resolve,
      [problem('forbidden')],
      'the detail of forbidden\nSet ADMIN_API_KEY to the admin key of the service.',
    ],
    [
      'an unknown saga',
      show,
      [problem('saga_not_found')],
      `there is no saga ${id}\nTo list sagas: firstcome sagas list --state needs_attention`,
    ],
    [
      'a saga that needs no attention',
      retry,
      [problem('invalid_request')],
      `the detail of invalid_request\nSee it with: firstcome sagas show ${id}`,
    ],
    [
      'an older service',
      list,
      [problem('route_not_found')],
      'has no such call\nSet the address of a service of this version with --url.',
    ],
    [
      'a service that refuses it now',
      resolve,
      [problem('unavailable')],
      'the detail of unavailable (unavailable)\nThis call has changed nothing. Run it again later.',
    ],
  ])('says what to do with %s', async (_, given, replies, message) => {
    const { verdict, stdout } = await run(given, replies);
    expect(verdict).toContain(message);
    expect(verdict).not.toContain('secret');
    expect(stdout).toBe('');
  });

  it('prints the body of the answer as JSON, also of a refusal', async () => {
    expect((await run({ ...show, json: true }, [found])).stdout).toBe(`${JSON.stringify(saga)}\n`);
    const refused = await run({ ...retry, json: true }, [problem('saga_not_found')]);
    expect(JSON.parse(refused.stdout)).toMatchObject({ code: 'saga_not_found' });
    expect(refused.verdict).toContain('there is no saga');
  });
});
