// SPDX-License-Identifier: GPL-3.0-or-later
/** Sagas from the claim to their end, with a real database and a participant over HTTP. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Database } from '../../src/adapters/postgres/database.ts';
import { postgresSagaStore } from '../../src/adapters/postgres/sagas/saga-store.ts';
import type { App } from '../../src/app.ts';
import type { SagaStore } from '../../src/core/sagas/ports.ts';
import { type Client, clientOf } from '../support/contract-client.ts';
import { pathOf } from '../support/contract-service.ts';
import { openDatabase } from '../support/open-database.ts';
import type { Conduct, ParticipantCall } from '../support/participants.ts';
import { claimWith, SagaShop } from '../support/saga-shop.ts';
import { startService } from '../support/service.ts';
import { waitFor } from '../support/wait-for.ts';

const shop = new SagaShop();
let app: App;
let client: Client;

beforeAll(async () => {
  await shop.open({ step: { undo_attempts: 3 } });
  app = await startService(shop.env);
  client = clientOf(app.url);
});

afterAll(async () => {
  client?.close();
  await app?.stop();
  await shop.close();
});

beforeEach(() => {
  shop.conduct = () => 'does';
});

const steps = ['authorize', 'points', 'capture'];
const runs = steps.map((step) => `${step} run`);
const undos = steps.map((step) => `${step} undo`).reverse();
const release = (coupon: string, body = {}) =>
  client.post(pathOf(coupon, 'claims', 'ada', 'release'), body);

it('a claim is confirmed after its steps were called once each, in order', async () => {
  const { coupon, sagaId } = await shop.claim(app.url);
  expect((await shop.until(sagaId, 'D')).steps).toBe('1D1 2D1 3D1');
  expect(shop.callsOf(sagaId)).toEqual(runs);
  const { status, json } = await claimWith(client, coupon, 'ada');
  expect(status).toBe(200);
  expect(json).toMatchObject({ state: 'confirmed', saga_id: sagaId, saga_state: 'done' });
  expect(json).not.toHaveProperty('expires_at');
});

it.each([0, 1, 2])(
  'a step that is declined after %d others is the end: they are undone, and the unit is free',
  async (before) => {
    shop.conduct = ({ name }) => (name === runs[before] ? 'declines' : 'does');
    const claimed = await shop.claim(app.url);
    const { cause } = await shop.until(claimed.sagaId, 'X');
    expect(cause).toContain(`step ${steps[before]} was declined`);
    expect(shop.callsOf(claimed.sagaId)).toEqual([
      ...runs.slice(0, before + 1),
      ...undos.slice(undos.length - before),
    ]);
    const { status, json } = await claimWith(client, claimed.coupon, 'ada');
    expect(status).toBe(409);
    expect(json).toMatchObject({ code: 'claim_released', claim: { reason: 'saga' } });
    await shop.mustBeFree(app.url, claimed);
  },
);

it.each(['loses', 'fails', 'breaks'] as const)(
  'each call is made again with its key where the participant %s, and done once',
  async (how) => {
    const seen = new Set<string>();
    shop.conduct = ({ key }) => {
      if (seen.has(key)) return 'does';
      seen.add(key);
      return how;
    };
    const { sagaId } = await shop.claim(app.url);
    await shop.until(sagaId, 'D');
    expect(shop.callsOf(sagaId)).toEqual(runs.flatMap((name) => [name, name]));
    const keys = [...seen].filter((key) => key.startsWith(sagaId));
    expect(keys).toEqual(steps.map((step) => `${sagaId}:${step}:run`));
  },
);

it('a participant that is away for a while delays its sagas alone', async () => {
  await shop.participant.stop();
  const { sagaId } = await shop.claim(app.url);
  await waitFor('failed attempts', async () => (await shop.stored(sagaId)).steps.startsWith('1P'));
  await shop.participant.start();
  await shop.until(sagaId, 'D');
});

it('a step that takes longer than its time is called again, and done once', async () => {
  const slow = new SagaShop();
  await slow.open({ step: { timeout_ms: 100 } });
  const hanging = new Set<string>();
  slow.conduct = ({ key }) => {
    if (hanging.has(key)) return 'does';
    hanging.add(key);
    return new Promise(() => undefined);
  };
  const service = await startService(slow.env);
  try {
    const { sagaId } = await slow.claim(service.url);
    await slow.until(sagaId, 'D');
    expect(new Set(slow.callsOf(sagaId))).toEqual(new Set(runs));
    expect(hanging.size).toBe(3);
  } finally {
    await service.stop();
    await slow.close();
  }
});

describe('an operator', () => {
  it('asks a running saga to undo, which it does before the next step', async () => {
    const held = holdAt('points run');
    const claimed = await shop.claim(app.url);
    await held.reached;
    const refused = await client.post(pathOf(claimed.coupon, 'claims', 'ada', 'confirm'), {});
    expect([refused.status, refused.json.code]).toEqual([409, 'saga_running']);
    expect((await release(claimed.coupon, { reason: 'fraud' })).status).toBe(202);
    held.release();
    await shop.until(claimed.sagaId, 'X');
    expect(shop.callsOf(claimed.sagaId)).toEqual([
      ...['authorize run', 'points run', 'points undo', 'authorize undo'],
    ]);
    const { json } = await claimWith(client, claimed.coupon, 'ada');
    expect(json.claim).toMatchObject({ state: 'released', reason: 'fraud' });
    await shop.mustBeFree(app.url, claimed);
  });

  it('releases a claim whose saga is done: all steps are undone before the unit is free', async () => {
    const claimed = await shop.claim(app.url);
    await shop.until(claimed.sagaId, 'D');
    const held = holdAt('authorize undo');
    expect((await release(claimed.coupon)).status).toBe(202);
    await held.reached;
    expect((await claimWith(client, claimed.coupon, 'bob')).json.code).toBe('sold_out');
    held.release();
    await shop.until(claimed.sagaId, 'X');
    expect(shop.callsOf(claimed.sagaId)).toEqual([...runs, ...undos]);
    await shop.mustBeFree(app.url, claimed);
  });
});

describe('an undo that keeps failing', () => {
  const actor = { actor: 'cli', requestId: null } as const;
  let connection: Database;
  let sagas: SagaStore;

  beforeAll(() => {
    connection = openDatabase(shop.database);
    sagas = postgresSagaStore(connection);
  });

  afterAll(() => connection.close());

  /** A saga whose first step cannot be undone for now. */
  async function needingAttention() {
    shop.conduct = ({ name }) => {
      if (name === 'capture run') return 'declines';
      return name === 'authorize undo' ? 'fails' : 'does';
    };
    const claimed = await shop.claim(app.url);
    const { cause, steps: stored } = await shop.until(claimed.sagaId, 'A');
    expect(cause).toContain('step authorize could not be undone in 3 calls');
    expect(stored).toBe('1Q3 2U1 3N1');
    const { json } = await claimWith(client, claimed.coupon, 'ada');
    expect(json).toMatchObject({ state: 'reserved', saga_state: 'needs_attention' });
    return claimed;
  }

  it('needs attention, keeps its unit, and goes on after a retry', async () => {
    const claimed = await needingAttention();
    shop.conduct = () => 'does';
    await sagas.retry(claimed.sagaId, actor);
    await shop.until(claimed.sagaId, 'X');
    await shop.mustBeFree(app.url, claimed);
  });

  it.each([
    ['done', 'D', 'confirmed'],
    ['compensated', 'X', 'released'],
  ] as const)('ends as %s where an operator says so, without a call', async (as, state, claim) => {
    const { coupon, sagaId } = await needingAttention();
    const calls = shop.callsOf(sagaId).length;
    await sagas.resolve(sagaId, { as, note: 'settled by telephone' }, actor);
    await shop.until(sagaId, state);
    expect(shop.callsOf(sagaId)).toHaveLength(calls);
    const { json } = await claimWith(client, coupon, 'ada');
    expect(json.claim ?? json).toMatchObject({ state: claim });
  });
});

/** Holds the next call of a name until the test releases it. */
function holdAt(name: string) {
  let reach: (call: ParticipantCall) => void = () => {};
  let release = () => {};
  const reached = new Promise<ParticipantCall>((resolve) => {
    reach = resolve;
  });
  const released = new Promise<void>((resolve) => {
    release = resolve;
  });
  shop.conduct = async (call): Promise<Conduct> => {
    if (call.name === name) {
      reach(call);
      await released;
    }
    return 'does';
  };
  return { reached, release: () => release() };
}
