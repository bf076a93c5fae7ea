// SPDX-License-Identifier: GPL-3.0-or-later
/** A loss that another process has stored, and how operators see and accept it. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { acceptHistory } from '../../src/app/accept-history-command.ts';
import type { App } from '../../src/app.ts';
import { loadConfig } from '../../src/config.ts';
import type { AcceptHistoryOptions } from '../../src/entrypoints/cli/program.ts';
import { createFirstcome } from '../../src/library.ts';
import { adminKey } from '../support/access-keys.ts';
import { logIn } from '../support/console-session.ts';
import { openPool } from '../support/open-pool.ts';
import { patience, startService } from '../support/service.ts';
import { createTestDatabase, type TestDatabase } from '../support/test-database.ts';
import { waitFor } from '../support/wait-for.ts';

let database: TestDatabase;
let app: App;

beforeEach(async () => {
  database = await createTestDatabase();
  app = await startService({ ...patience, DATABASE_URL: database.url });
});

afterEach(async () => {
  await app.stop();
  await database.drop();
});

/** Stores a loss, as the process does that finds it. */
async function storeLoss(couponName: string, { claims = 1, position = 7 } = {}): Promise<void> {
  await database.query(
    `insert into lost_batches
      (batch_id, coupon_name, claims, changes, user_id, position, acknowledged_at, found_at, found_by)
    values (gen_random_uuid(), $1, $2, 1, 'ada', $3, now(), now(), 'another/1')`,
    [couponName, claims, position],
  );
}

async function call(path: string, body?: object) {
  const answer = await fetch(`${app.url}${path}`, {
    ...(body !== undefined && { method: 'POST', body: JSON.stringify(body) }),
  });
  return { status: answer.status, body: (await answer.json()) as Record<string, unknown> };
}

async function command(options: AcceptHistoryOptions = {}) {
  const seen = { stdout: '', stderr: '' };
  const verdict = await acceptHistory(
    loadConfig({}),
    { url: app.url, ...options },
    {
      stdout: (text) => {
        seen.stdout += text;
      },
      stderr: (text) => {
        seen.stderr += text;
      },
    },
  );
  return { verdict, ...seen };
}

const untilLost = () =>
  waitFor('refusals', async () => (await call('/health')).body.reason === 'history_lost');
const untilHealthy = () =>
  waitFor('health', async () => (await call('/health')).body.status === 'healthy');

describe('a loss that another process has stored', () => {
  it('stops a service that runs, and its acceptance lets it go on', async () => {
    await call('/api/coupons', { name: 'SALE', amount: 1 });
    await storeLoss('SALE');
    await untilLost();
    const refused = await call('/api/coupons/claim', { coupon_name: 'SALE', user_id: 'eve' });
    expect(refused).toMatchObject({
      status: 503,
      body: {
        ...{ code: 'unavailable', effect: 'none' },
        detail: expect.stringContaining('the database lacks claims that were acknowledged'),
      },
    });
    const { found_until } = (await call('/api/lost-history')).body;
    expect(await call('/api/lost-history/accept', { found_until })).toEqual({
      status: 200,
      body: { message: 'lost history accepted', accepted: 1 },
    });
    // The process that was called serves again at once.
    const claimed = await call('/api/coupons/claim', { coupon_name: 'SALE', user_id: 'eve' });
    expect(claimed.status).toBe(200);
  });

  it('stays until it is accepted, also when a part of it is found later', async () => {
    await storeLoss('ONE');
    await untilLost();
    const { found_until } = (await call('/api/lost-history')).body;
    await storeLoss('TWO');
    expect((await call('/api/lost-history/accept', { found_until })).body.accepted).toBe(1);
    expect((await call('/health')).body.reason).toBe('history_lost');
    expect((await call('/api/lost-history')).body).toMatchObject({
      total: 1,
      batches: [{ coupon_name: 'TWO' }],
    });
  });

  it.each([
    { found_until: 'yesterday' },
    { found_until: '2026-13-01T00:00:00.000000Z' },
    { found_until: null },
    {},
  ])('is not accepted up to %j', async (body) => {
    expect(await call('/api/lost-history/accept', body)).toMatchObject({
      status: 400,
      body: { errors: [{ field: 'found_until' }] },
    });
  });
});

describe('firstcome accept-history', () => {
  it('says that nothing is lost', async () => {
    expect(await command({ yes: true })).toEqual({
      ...{ verdict: 'passed', stderr: '' },
      stdout: 'the database has all batches that were acknowledged\n',
    });
  });

  it('lists what is lost, and accepts it only with --yes', async () => {
    await storeLoss('SALE', { claims: 2, position: 9 });
    await storeLoss('SALE', { claims: 0, position: 3 });
    await storeLoss('A "B"');
    await untilLost();
    const dryRun = await command();
    expect(dryRun.verdict).toBe('passed');
    const lines = dryRun.stdout.split('\n');
    expect(lines[0]).toBe('the database lacks 3 batches that were acknowledged:');
    expect(lines.map((line) => line.slice('2026-11-29T14:00:00.000000Z'.length).trim())).toEqual(
      expect.arrayContaining([
        '2 claims, 1 change of coupon "SALE", the last: user "ada", position 9',
        '1 change of coupon "SALE", the last: user "ada", position 3',
        '1 claim, 1 change of coupon "A \\"B\\"", the last: user "ada", position 7',
      ]),
    );
    expect(dryRun.stderr).toContain('add --yes');
    expect((await call('/health')).body.reason).toBe('history_lost');

    expect((await command({ yes: true })).stdout).toContain('accepted: 3 batches\n');
    await untilHealthy();
    const { entries } = (await call('/api/operator-log')).body as { entries: object[] };
    expect(entries).toHaveLength(2);
    expect(entries).toContainEqual(
      expect.objectContaining({
        ...{ action: 'accept_history', coupon_name: 'SALE', actor: 'anonymous', after: null },
        before: { lost_batches: 2, lost_claims: 2, lost_changes: 2, last_position: 9 },
      }),
    );
  });

  it.each([
    ['no key', {}],
    ['a wrong key', { ADMIN_API_KEY: 'wrong-key-of-thirty-two-characters!' }],
  ])('says which key the service wants when it gets %s', async (_, env) => {
    await app.stop();
    const ADMIN_API_KEY = 'right-key-of-thirty-two-characters!';
    app = await startService({ ...patience, DATABASE_URL: database.url, ADMIN_API_KEY });
    const call = acceptHistory(
      loadConfig(env),
      { url: app.url, yes: true },
      { stdout: () => undefined, stderr: () => undefined },
    );
    await expect(call).rejects.toThrow(
      `the service at ${app.url} wants a valid key (401)\nSet ADMIN_API_KEY to the admin key`,
    );
  });

  it('prints the list as JSON', async () => {
    await storeLoss('SALE');
    const { stdout } = await command({ json: true });
    expect(JSON.parse(stdout)).toMatchObject({ total: 1, batches: [{ coupon_name: 'SALE' }] });
  });
});

it('an embedded engine refuses calls too, and can list and accept a loss', async () => {
  const pool = openPool({ connectionString: database.url });
  const warnings: string[] = [];
  await storeLoss('SALE');
  const engine = await createFirstcome({
    ...{ pool, schema: 'firstcome', logger: { warn: (_, message) => void warnings.push(message) } },
  });
  try {
    await expect(engine.readCoupon('SALE')).rejects.toMatchObject({ code: 'unavailable' });
    expect(warnings.join()).toContain('a loss of acknowledged batches was found');
    const { batches, foundUntil } = await engine.readLostHistory();
    expect(batches).toMatchObject([{ couponName: 'SALE', claims: 1, changes: 1 }]);
    await expect(engine.acceptHistory({ foundUntil: 'now' })).rejects.toMatchObject({
      code: 'invalid_request',
    });
    expect(await engine.acceptHistory({ foundUntil: foundUntil ?? '' })).toBe(1);
    await expect(engine.readCoupon('SALE')).rejects.toMatchObject({ code: 'coupon_not_found' });
  } finally {
    await engine.stop();
    await pool.end();
  }
});

it('operators log in to the console while calls are refused, and their sessions last', async () => {
  const env = { ...patience, DATABASE_URL: database.url, ADMIN_API_KEY: adminKey };
  const [first, other] = await Promise.all([startService(env), startService(env)]);
  try {
    const before = await logIn(adminKey, first.url);
    await storeLoss('SALE');
    for (const { url } of [first, other]) {
      await waitFor('refusals', async () => {
        const { reason } = (await (await fetch(`${url}/health`)).json()) as { reason?: string };
        return reason === 'history_lost';
      });
    }
    const during = await logIn(adminKey, first.url);
    // Each is unknown to the other service.
    for (const Cookie of [before, during]) {
      const answer = await fetch(`${other.url}/api/lost-history`, {
        headers: { Cookie, 'Sec-Fetch-Site': 'same-origin' },
      });
      expect(answer.status).toBe(200);
      expect(await answer.json()).toMatchObject({ total: 1 });
    }
  } finally {
    await Promise.all([first.stop(), other.stop()]);
  }
});
