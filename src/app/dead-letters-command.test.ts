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
import type { DeadLettersArguments } from '../entrypoints/cli/program.ts';
import { callOnDeadLetters } from './dead-letters-command.ts';

const id = '0123456789abcdef0123456789abcdef';
const otherId = 'fedcba9876543210fedcba9876543210';
const adminKey = 'admin-key-of-thirty-two-characters!';

const letter = {
  ...{ dead_letter_id: id, reason: 'no "sale" today', died_at: '2030-01-31T18:00:00.000Z' },
  ...{ unreadable: null, claim_id: '01947a5c-3e2f-7d10-8b6a-5f0c1d2e3f40' },
  ...{ coupon_name: 'SALE " ', user_id: 'ada', accepted_at: '2030-01-31T17:59:00.000Z' },
  ...{ size_bytes: 240, body: { encoding: 'utf8', text: '{"version":1}' } },
};
const junk = {
  ...{ dead_letter_id: otherId, reason: 'it is no JSON object', died_at: null },
  ...{ unreadable: 'it is no JSON object', claim_id: null, coupon_name: null, user_id: null },
  ...{ accepted_at: null, size_bytes: 20_000, body: null },
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
  given: DeadLettersArguments,
  replies: Reply[],
  env: Record<string, string> = { ADMIN_API_KEY: adminKey },
) {
  service.replies = replies;
  return runCommand((output) =>
    callOnDeadLetters(loadConfig(env), { url: service.url, ...given }, output),
  );
}

const page = (letters: object[], next: string | null): Reply => ({
  status: 200,
  body: { dead_letters: letters, total: letters.length, next_cursor: next },
});
const handled = (members: object = {}, status = 202): Reply => ({
  ...{ status },
  body: {
    ...{ message: 'dead letters redriven', dry_run: status === 200, done: 1, refused_count: 0 },
    ...{ refused: [], not_found: [], left: 0, stopped_by: null, ...members },
  },
});
const bodies = () => seen.map(({ line, body }) => [line, JSON.parse(body)]);

const list = { call: 'list', limit: 50 } as const;
const show = { call: 'show', id } as const;
const redrive = { call: 'redrive', ids: [id], yes: true } as const;
const discard = { call: 'discard', ids: 'all', yes: true } as const;

describe('firstcome dead-letters', () => {
  it('lists letters in lines of at most 80 columns, quotes texts, and shortens long reasons', async () => {
    const long = { ...letter, reason: `"${'x'.repeat(400)}` };
    const { verdict, stdout, stderr } = await run(list, [page([letter, junk, long], null)]);
    expect({ verdict, stderr }).toEqual({ verdict: 'passed', stderr: '' });
    expect(stdout.split('\n')).toEqual([
      `${id}  2030-01-31T18:00:00Z`,
      '  coupon "SALE \\" ", user "ada"',
      '  "no \\"sale\\" today"',
      `${otherId}  unknown time`,
      '  unreadable: it is no JSON object',
      '  "it is no JSON object"',
      `${id}  2030-01-31T18:00:00Z`,
      '  coupon "SALE \\" ", user "ada"',
      `  "\\"${'x'.repeat(72)}...`,
      '',
    ]);
    for (const line of stdout.split('\n')) expect(line.length).toBeLessThanOrEqual(80);
  });

  it('lists letters page after page up to the limit, as JSON with all that they hold', async () => {
    const replies = [page(Array(200).fill(letter), '200'), page(Array(50).fill(letter), '250')];
    const { stdout } = await run({ ...list, limit: 250, json: true }, replies);
    expect(seen.map(({ line }) => line)).toEqual([
      'GET /api/dead-letters?limit=200',
      'GET /api/dead-letters?limit=50&cursor=200',
    ]);
    expect(seen[0]?.key).toBe(`Bearer ${adminKey}`);
    const lines = stdout.trimEnd().split('\n');
    expect(lines).toHaveLength(250);
    expect(JSON.parse(String(lines[249]))).toEqual(letter);
  });

  it('says that there are none, and prints nothing as JSON', async () => {
    expect(await run(list, [page([], null)])).toMatchObject({
      ...{ verdict: 'passed', stdout: 'there are no dead letters\n' },
    });
    expect((await run({ ...list, json: true }, [page([], null)])).stdout).toBe('');
    expect((await run({ call: 'export' }, [page([], null)])).stdout).toBe('');
  });

  it('shows all that a letter holds', async () => {
    const { verdict, stdout } = await run(show, [{ status: 200, body: letter }]);
    expect(verdict).toBe('passed');
    expect(seen.map(({ line }) => line)).toEqual([`GET /api/dead-letters/${id}`]);
    expect(stdout.split('\n')).toEqual([
      `dead_letter_id  ${id}`,
      'reason          "no \\"sale\\" today"',
      'died_at         2030-01-31T18:00:00.000Z',
      'claim_id        01947a5c-3e2f-7d10-8b6a-5f0c1d2e3f40',
      'coupon_name     "SALE \\" "',
      'user_id         "ada"',
      'accepted_at     2030-01-31T17:59:00.000Z',
      'size_bytes      240',
      'body            {"encoding":"utf8","text":"{\\"version\\":1}"}',
      '',
    ]);
    const json = await run({ ...show, json: true }, [{ status: 200, body: letter }]);
    expect(JSON.parse(json.stdout)).toEqual(letter);
  });

  it('exports each letter as a line of JSON, and reads those whole that the list leaves out', async () => {
    const whole = { ...junk, body: { encoding: 'base64', text: '/wA=' } };
    const replies = [page([letter, junk], null), { status: 200, body: whole }];
    const { verdict, stdout } = await run({ call: 'export' }, replies);
    expect(verdict).toBe('passed');
    expect(stdout).toBe(`${JSON.stringify(letter)}\n${JSON.stringify(whole)}\n`);
    expect(seen.map(({ line }) => line)).toEqual([
      'GET /api/dead-letters?limit=200',
      `GET /api/dead-letters/${otherId}`,
    ]);
  });

  it('changes nothing without --yes, and says so', async () => {
    const { verdict, stdout } = await run({ call: 'redrive', ids: 'all' }, [handled({}, 200)]);
    expect(verdict).toBe('passed');
    expect(stdout).toBe('would redrive: 1\nnothing was changed; to do it add --yes\n');
    expect(bodies()).toEqual([['POST /api/dead-letters/redrive', { all: true, dry_run: true }]]);
  });

  it('prints the answer alone as JSON, also of a dry run', async () => {
    const { stdout } = await run({ ...discard, yes: false, json: true }, [handled({}, 200)]);
    expect(JSON.parse(stdout)).toMatchObject({ dry_run: true, done: 1 });
  });

  it('redrives and discards letters, and calls again until nothing is left', async () => {
    expect(await run(redrive, [handled()])).toEqual({
      ...{ verdict: 'passed', stdout: 'redriven: 1\n', stderr: '' },
    });
    const replies = [handled({ done: 1_000, left: 7 }), handled({ done: 7 })];
    expect((await run(discard, replies)).stdout).toBe('discarded: 1000\nleft: 7\ndiscarded: 7\n');
    expect(bodies()).toEqual([
      ['POST /api/dead-letters/redrive', { ids: [id], dry_run: false }],
      ['POST /api/dead-letters/discard', { all: true, dry_run: false }],
      ['POST /api/dead-letters/discard', { all: true, dry_run: false }],
    ]);
  });

  it('sends more ids than one call takes in several calls', async () => {
    const ids = Array.from({ length: 1_500 }, (_, index) => `${index}`.padStart(32, '0'));
    const replies = [handled({ done: 1_000 }), handled({ done: 500 })];
    const { stdout } = await run({ ...redrive, ids }, replies);
    expect(stdout).toBe('redriven: 1000\nredriven: 500\n');
    expect(bodies().map(([, body]) => body.ids.length)).toEqual([1_000, 500]);
  });

  it.each([
    ['not found', { done: 0, not_found: [otherId] }, `redriven: 0\nnot found: ${otherId}\n`],
    [
      'not redrivable',
      { refused_count: 1, refused: [{ dead_letter_id: otherId, reason: 'it is no JSON object' }] },
      `redriven: 1\ncannot be redriven: 1\n  ${otherId}  it is no JSON object\n`,
    ],
  ])('says that only a part is done where a letter is %s', async (_, members, stdout) => {
    const expected = { verdict: 'unknown', stdout, stderr: '' };
    expect(await run(redrive, [handled(members)])).toEqual(expected);
  });

  it('stops with what was done when the queue takes nothing more', async () => {
    const reply = handled({ done: 3, left: 4, stopped_by: 'the queue of claims is full' });
    expect(await run(redrive, [reply])).toEqual({
      ...{ verdict: 'unknown', stdout: 'redriven: 3\nleft: 4\n' },
      stderr: 'firstcome: stopped: the queue of claims is full\nRun it again later.\n',
    });
    expect(seen).toHaveLength(1);
  });

  it.each([
    ['redrive', redrive, 'reset'],
    ['discard', discard, 'reset'],
    ['redrive', redrive, problem('outcome_unknown')],
  ] as const)('says what to do when the answer to %s was lost', async (_, given, lost) => {
    const { verdict, stdout, stderr } = await run(given, [lost]);
    expect({ verdict, stdout }).toEqual({ verdict: 'unknown', stdout: '' });
    expect(stderr).toBe(
      'firstcome: the answer was lost, and dead letters may have changed\n' +
        'See them with: firstcome dead-letters list\n' +
        'Running the same command again is safe.\n',
    );
  });

  it('says what was lost of a dry run: nothing', async () => {
    const { verdict } = await run({ ...discard, yes: false }, ['reset']);
    expect(verdict).toContain('does not answer');
  });

  it.each<[string, DeadLettersArguments, Reply[], string]>([
    ['a lost answer to a list', list, ['reset'], 'does not answer\nStart it, or set its address'],
    ['no service', { ...redrive, url: 'http://127.0.0.1:2' }, [], 'does not answer'],
    ['a wrong URL', { ...list, url: 'ftp://user:secret@host' }, [], 'must be http://host:port'],
    ['another service', list, [{ status: 200, body: {} }], 'is no firstcome (200)'],
    ['a wrong key', redrive, [problem('unauthorized')], 'Set ADMIN_API_KEY to the admin key'],
    ['a key that may not', redrive, [problem('forbidden')], 'Set ADMIN_API_KEY to the admin key'],
    [
      'an unknown letter',
      show,
      [problem('dead_letter_not_found')],
      `there is no dead letter ${id}\nTo list them: firstcome dead-letters list`,
    ],
    [
      'a service without a queue',
      list,
      [problem('route_not_found')],
      'has no queue of claims\nSet AMQP_URL there, or the address of another service with --url.',
    ],
    [
      'a broker that is away',
      redrive,
      [problem('unavailable')],
      'the detail of unavailable (unavailable)\nThis call has changed nothing. Run it again later.',
    ],
  ])('says what to do with %s', async (_, given, replies, message) => {
    const { verdict, stdout } = await run(given, replies);
    expect(verdict).toContain(message);
    expect(verdict).not.toContain('secret');
    expect(stdout).toBe('');
  });

  it('does not say that nothing has changed when a later call is refused', async () => {
    const replies = [handled({ done: 1_000, left: 7 }), problem('unavailable')];
    const { verdict, stdout, stderr } = await run(discard, replies);
    expect({ verdict, stdout }).toEqual({
      ...{ verdict: 'unknown', stdout: 'discarded: 1000\nleft: 7\n' },
    });
    expect(stderr).toBe('firstcome: stopped: the detail of unavailable\nRun it again later.\n');
  });

  it('prints the body of a refusal as JSON, too', async () => {
    for (const given of [show, redrive]) {
      const { verdict, stdout } = await run({ ...given, json: true }, [problem('unavailable')]);
      expect(JSON.parse(stdout)).toMatchObject({ code: 'unavailable' });
      expect(verdict).toContain('the detail of unavailable');
    }
  });
});
