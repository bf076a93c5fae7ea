// SPDX-License-Identifier: GPL-3.0-or-later
/** Every call of the API by users with a token, beside callers with keys. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { calls, type Row } from '../support/access-calls.ts';
import { adminKey, bearers, claimKey, viewerKey } from '../support/access-keys.ts';
import type { Call } from '../support/contract-client.ts';
import { expectProblem } from '../support/contract-problems.ts';
import { type ContractService, newName, useService } from '../support/contract-service.ts';
import { plantSagas } from '../support/sagas.ts';
import { acceptTokens, newSigningKey, signToken, toKeySet } from '../support/user-tokens.ts';
import { createWebhook } from '../support/webhooks.ts';

const folder = mkdtempSync(join(tmpdir(), 'firstcome-users-'));
afterAll(() => rmSync(folder, { recursive: true }));
const key = newSigningKey('EdDSA', 'ed-1');
const tokens = acceptTokens(folder, toKeySet([key]));
const bearerFor = async (sub: string) => ({
  Authorization: `Bearer ${await signToken(key, { sub })}`,
});

const callers = {
  none: bearers.none,
  'broken token': { Authorization: 'Bearer a.b.c' },
  'other user': await bearerFor('other'),
  user: await bearerFor('holder'),
  claim: bearers.claim,
  viewer: bearers.viewer,
  admin: bearers.admin,
};
type Caller = keyof typeof callers;
const everyCaller = Object.keys(callers) as Caller[];

type Rules = { env: Record<string, string>; mayConfirm: boolean };

const services: Record<string, Rules> = {
  'user tokens alone': { env: tokens, mayConfirm: false },
  'user tokens and every key': {
    env: { ...tokens, ADMIN_API_KEY: adminKey, CLAIM_API_KEY: claimKey, VIEWER_API_KEY: viewerKey },
    ...{ mayConfirm: false },
  },
  'users that may confirm': {
    env: { ...tokens, ADMIN_API_KEY: adminKey, USER_TOKEN_MAY_CONFIRM: 'true' },
    ...{ mayConfirm: true },
  },
};

const ofKeys: Record<Row['for'], Caller[]> = {
  all: everyCaller,
  change: ['admin'],
  view: ['admin', 'viewer'],
  claim: ['admin', 'claim'],
  'change claim': ['admin', 'claim'],
  find: ['admin', 'claim', 'viewer'],
};

/** The answer that a caller gets: served, or the code of the refusal. */
function expected(name: string, caller: Caller, { env, mayConfirm }: Rules) {
  const { for: group } = calls[name] as Row;
  const isOpen = env.ADMIN_API_KEY === undefined && (group === 'change' || group === 'view');
  const known = {
    ...{ none: false, 'broken token': false, user: true, 'other user': true },
    admin: env.ADMIN_API_KEY !== undefined,
    claim: env.CLAIM_API_KEY !== undefined,
    viewer: env.VIEWER_API_KEY !== undefined,
  }[caller];
  if (isOpen || group === 'all') return 'served';
  if (!known) return 'unauthorized';
  const ofUsers = [
    'claim',
    'release a claim',
    "read one user's claim",
    "read one user's claim by HEAD",
  ];
  if (mayConfirm) ofUsers.push('confirm a claim');
  const mayDo = caller === 'user' ? ofUsers.includes(name) : ofKeys[group].includes(caller);
  return mayDo ? 'served' : 'forbidden';
}

async function aCoupon({ client }: ContractService, { ofHolds, for: group }: Row): Promise<string> {
  const name = newName();
  const body = { name, amount: 50, ...(ofHolds && { hold_seconds: 600 }) };
  await client.post('/api/coupons', body, bearers.admin);
  const claim = { user_id: 'holder', coupon_name: name };
  if (group !== 'claim') await client.post('/api/coupons/claim', claim, callers.user);
  return name;
}

describe.each(Object.keys(services))('a service with %s', (title) => {
  const rules = services[title] as Rules;
  const service = useService(rules.env);

  it.each(Object.keys(calls))('serves and refuses the right callers that %s', async (name) => {
    const row = calls[name] as Row;
    for (const caller of everyCaller) {
      const coupon = await aCoupon(service, row);
      const webhook = await createWebhook(service.database, { url: 'https://127.0.0.1/' });
      const [saga = ''] = await plantSagas(service.database, newName('with sagas'), 1);
      await service.database.query(`update sagas set state = 'A' where saga_id = $1`, [saga]);
      const made: Call = row.make({ coupon, webhook, saga });
      const body = name === 'claim' ? { coupon_name: coupon, user_id: 'holder' } : made.body;
      const before = await service.storedCounts();
      const answer = await service.client.call({
        ...{ ...made, body },
        headers: { ...made.headers, ...callers[caller] },
      });
      const outcome = expected(name, caller, rules);
      if (outcome === 'served') {
        expect(answer.status, `${caller}: ${answer.text}`).toBeLessThan(300);
      } else {
        const status = outcome === 'forbidden' ? 403 : 401;
        expect(answer.status, `${caller}: ${answer.text}`).toBe(status);
        const challenge = caller === 'none' ? 'Bearer' : 'Bearer error="invalid_token"';
        if (made.method !== 'HEAD') expectProblem(answer, outcome, challenge);
        expect(await service.storedCounts()).toEqual(before);
      }
      await service.database.query('delete from webhooks');
    }
  });
});
