// SPDX-License-Identifier: GPL-3.0-or-later
/** Coupons whose claims have sagas, and these claims. No process runs the sagas: SQL brings them into their states. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { adminKey, bearers, claimKey } from '../support/access-keys.ts';
import { changeClaim, couponWithHolds } from '../support/claim-states.ts';
import { clientOf } from '../support/contract-client.ts';
import { expectInvalid, expectProblem } from '../support/contract-problems.ts';
import { ContractService, newName, pathOf, useService } from '../support/contract-service.ts';
import { membersLeftOut } from '../support/coupon-members.ts';
import { env, valid } from '../support/sagas-file.ts';
import { createTemporaryFolder, removeTemporaryFolder } from '../support/temporary-folder.ts';
import { createTestDatabase } from '../support/test-database.ts';

describe('a coupon with a saga', () => {
  const service = new ContractService();
  let folder: string;

  beforeAll(async () => {
    folder = await createTemporaryFolder('sagas');
    const file = join(folder, 'sagas.json');
    await writeFile(file, JSON.stringify(valid()));
    service.database = await createTestDatabase();
    await service.start({ SAGAS_FILE: file, ...env });
  });

  afterAll(async () => {
    await service.stop();
    await service.database?.drop();
    await removeTemporaryFolder(folder);
  });

  const create = (members: object) =>
    service.client.post('/api/coupons', { name: newName(), amount: 10, ...members });

  it('every body of the coupon and the operator log name its saga', async () => {
    const created = await create({ hold_seconds: 600, saga: 'checkout' });
    expect(created.status, created.text).toBe(201);
    const { message, ...coupon } = created.json;
    const members = { ...membersLeftOut, hold_seconds: 600, saga: 'checkout' };
    expect(coupon).toMatchObject(members);
    const path = pathOf(coupon.name);
    expect((await service.client.get(path)).json).toEqual(coupon);
    const { claimed_by: _, ...summary } = coupon;
    for (const query of ['limit=1000', 'order=newest']) {
      const { coupons } = (await service.client.get(`/api/coupons?${query}`)).json;
      expect(coupons).toContainEqual(summary);
    }
    const titled = await service.client.patch(path, { title: 'Launch' });
    expect(titled.json).toEqual({ ...coupon, title: 'Launch' });
    const added = await service.client.post(`${path}/stock`, { add: 1 });
    expect(added.json).toMatchObject({ saga: 'checkout', amount: 11 });
    const { entries } = (await service.client.get('/api/operator-log?limit=3')).json;
    expect(entries).toHaveLength(3);
    for (const { after } of entries) expect(after).toMatchObject({ saga: 'checkout' });
  });

  it.each([
    ['that SAGAS_FILE does not have', { hold_seconds: 60, saga: 'refund' }, 'SAGAS_FILE: checkout'],
    ['without hold_seconds', { saga: 'checkout' }, 'must come with hold_seconds'],
  ])('a saga %s is refused, and nothing is stored', async (_, members, message) => {
    const before = await service.storedCounts();
    const answer = await create(members);
    expectInvalid(answer, 'saga');
    expect(answer.json.errors[0].message).toContain(message);
    expect(await service.storedCounts()).toEqual(before);
  });

  it('a name of 64 characters of any script is accepted by the rules of the body', async () => {
    const answer = await create({ hold_seconds: 60, saga: '🎟'.repeat(64) });
    expect(answer.json.errors[0].message).toContain('must be a saga of SAGAS_FILE');
    const longer = await create({ hold_seconds: 60, saga: '🎟'.repeat(65) });
    expect(longer.json.errors[0].message).toContain('must be a text of 1 to 64 characters');
  });

  it('a coupon whose saga is null has none', async () => {
    const answer = await create({ saga: null });
    expect(answer.json).toMatchObject({ ...membersLeftOut, saga: null });
  });
});

describe('a claim with a saga', () => {
  const service = useService({ ADMIN_API_KEY: adminKey, CLAIM_API_KEY: claimKey });
  const as = (key: 'admin' | 'claim') => service.with(clientOf(service.client.url, bearers[key]));
  const idOf = '(select id from coupons where name = $1)';

  /** A coupon whose claims have sagas, which begin when `inState` says so. */
  async function couponWithSaga(): Promise<string> {
    const coupon = await couponWithHolds(as('admin'));
    await service.database.query(`update coupons set saga = 'checkout' where name = $1`, [coupon]);
    return coupon;
  }

  /** Begins the sagas of the claims of a coupon, and brings them into a state. */
  async function bring(coupon: string, set: string, claimSet?: string): Promise<void> {
    const { database } = service;
    await database.query(`select begin_sagas(id, 1, 100) from coupons where name = $1`, [coupon]);
    await database.query(`update sagas set ${set} where coupon_id = ${idOf}`, [coupon]);
    if (claimSet === undefined) return;
    await database.query(`update claims set ${claimSet} where coupon_id = ${idOf}`, [coupon]);
  }

  const confirmed = 'expires_at = null, confirmed_at = claimed_at';

  async function claimOn(coupon: string, user = 'ada', key?: string) {
    return (await as('claim').mustClaim(coupon, { user, ...(key !== undefined && { key }) })).json;
  }

  it('has the id of its saga from the first answer on, and no end of a hold', async () => {
    const coupon = await couponWithSaga();
    const { message, ...claim } = await claimOn(coupon, 'ada', 'k-1');
    const sagaId = `${claim.claim_id.slice(0, 14)}8${claim.claim_id.slice(15)}`;
    expect(claim).toMatchObject({ state: 'reserved', saga_id: sagaId, saga_state: 'running' });
    expect(claim).not.toHaveProperty('expires_at');
    const again = await as('claim').client.claim('ada', coupon, 'k-1');
    expect(again.json).toEqual({ message, ...claim });
    const held = await as('claim').client.claim('ada', coupon);
    expectProblem(held, 'already_claimed');
    expect(held.json.claim).toEqual(claim);
    expect((await as('claim').client.get(pathOf(coupon, 'claims', 'ada'))).json).toEqual(claim);
  });

  it.each([
    ['reserved', 'running', `state = 'R'`, undefined],
    ['reserved', 'compensating', `state = 'C', is_undoing = true`, undefined],
    ['reserved', 'needs_attention', `state = 'A'`, undefined],
    ['confirmed', 'done', `state = 'D', ended_at = now()`, confirmed],
    ['confirmed', 'compensating', `state = 'C', is_undoing = true`, confirmed],
    ['confirmed', 'needs_attention', `state = 'A', is_undoing = true`, confirmed],
  ])('is %s while its saga is %s, in every list and export', async (state, saga, set, claimSet) => {
    const coupon = await couponWithSaga();
    const user = newName('user');
    const { claim_id: id } = await claimOn(coupon, user);
    await bring(coupon, set, claimSet);
    const { client } = as('admin');
    const path = pathOf(coupon, 'claims');
    const claim = (await client.get(`${path}/${user}`)).json;
    expect(claim).toMatchObject({ claim_id: id, state, saga_state: saga });
    expect(claim.saga_id.slice(15)).toBe(id.slice(15));
    expect(claim).not.toHaveProperty('expires_at');
    for (const query of ['', `?state=${state}`, '?position=1', `?claim_id=${id}`]) {
      expect((await client.get(path + query)).json.claims).toEqual([claim]);
    }
    expect((await client.get(`/api/claims?user_id=${user}`)).json.claims).toEqual([claim]);
    const ndjson = await client.get(path, { Accept: 'application/x-ndjson' });
    expect(JSON.parse(ndjson.text)).toEqual(claim);
    const csv = await client.get(path, { Accept: 'text/csv' });
    const [header, line] = csv.text.split('\r\n');
    expect(header?.split(',').slice(-5)).toEqual([
      ...['expires_at', 'released_at', 'reason', 'saga_id', 'saga_state'],
    ]);
    expect(line?.split(',').slice(-5)).toEqual(['', '', '', claim.saga_id, saga]);
  });

  it('is compensated once it is released', async () => {
    const coupon = await couponWithSaga();
    const claim = await claimOn(coupon);
    await bring(coupon, `state = 'C', is_undoing = true, step = 0`);
    await service.database.query(
      `with gone as (delete from claims where coupon_id = ${idOf} returning *)
       insert into released_claims
         (coupon_id, user_id, position, claim_id, claimed_at, released_at, reason, is_final)
       select coupon_id, user_id, position, claim_id, claimed_at, now(), 'saga', false from gone`,
      [coupon],
    );
    const answer = await as('claim').client.get(pathOf(coupon, 'claims', 'ada'));
    expectProblem(answer, 'claim_not_found');
    const ended = { state: 'released', reason: 'saga', saga_state: 'compensated' };
    expect(answer.json.last_claim).toMatchObject({ ...ended, saga_id: claim.saga_id });
  });

  it.each([
    ['before its saga has begun', undefined],
    ['while its saga runs', `state = 'R'`],
    ['while its saga is undone', `state = 'C', is_undoing = true`],
    ['while its saga needs attention', `state = 'A'`],
  ])('%s, the claim key changes nothing: 409 with the id of the saga', async (_, set) => {
    const coupon = await couponWithSaga();
    const claim = await claimOn(coupon);
    if (set !== undefined) await bring(coupon, set);
    const before = (await as('claim').client.get(pathOf(coupon, 'claims', 'ada'))).json;
    for (const call of ['confirm', 'release', 'redeem'] as const) {
      for (const body of [{}, { claim_id: claim.claim_id }]) {
        const answer = await changeClaim(as('claim'), call, { coupon }, body);
        expectProblem(answer, 'saga_running');
        expect(answer.json.saga_id).toBe(claim.saga_id);
        expect(answer.json).not.toHaveProperty('claim');
      }
    }
    expect((await as('claim').client.get(pathOf(coupon, 'claims', 'ada'))).json).toEqual(before);
  });

  it('the admin key releases it by its saga: 202 with the claim, which is not released yet', async () => {
    const coupon = await couponWithSaga();
    const claim = await claimOn(coupon);
    await bring(coupon, `state = 'A'`);
    for (const call of ['confirm', 'redeem'] as const) {
      expectProblem(await changeClaim(as('admin'), call, { coupon }), 'saga_running');
    }
    const body = { claim_id: claim.claim_id, reason: 'fraud' };
    const answer = await changeClaim(as('admin'), 'release', { coupon }, body);
    expect(answer.status, answer.text).toBe(202);
    const read = await as('claim').client.get(pathOf(coupon, 'claims', 'ada'));
    expect(answer.json).toEqual(read.json);
    expect(read.json).toMatchObject({ state: 'reserved', saga_state: 'compensating' });
    const saga = await as('admin').client.get(`/api/sagas/${claim.saga_id}`);
    expect(saga.json).toMatchObject({ state: 'compensating', claim_id: claim.claim_id });
  });

  it('once its saga is done it is changed as any other, and a release by an operator undoes it', async () => {
    const coupon = await couponWithSaga();
    const claim = await claimOn(coupon);
    await bring(coupon, `state = 'D', ended_at = now()`, confirmed);
    expectProblem(await changeClaim(as('claim'), 'release', { coupon }), 'forbidden');
    const again = await changeClaim(as('claim'), 'confirm', { coupon });
    expect(again).toMatchObject({ status: 200, json: { state: 'confirmed', saga_state: 'done' } });
    const asked = await changeClaim(as('admin'), 'release', { coupon });
    expect(asked.status, asked.text).toBe(202);
    expect(asked.json).toMatchObject({
      ...{ claim_id: claim.claim_id, state: 'confirmed', saga_state: 'compensating' },
    });
    expectProblem(await changeClaim(as('claim'), 'redeem', { coupon }), 'saga_running');
  });
});
