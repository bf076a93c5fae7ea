// SPDX-License-Identifier: GPL-3.0-or-later
/** Sagas whose process is killed, paused or stopped: between any two steps, and before and after each of them is done. */
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { ParticipantCall } from '../support/participants.ts';
import { SagaShop } from '../support/saga-shop.ts';
import { startService } from '../support/service.ts';
import { endServiceProcesses, startServiceProcess } from '../support/service-process.ts';
import { waitFor } from '../support/wait-for.ts';

let shop: SagaShop;

beforeEach(async () => {
  shop = new SagaShop();
  await shop.open();
});

afterEach(async () => {
  await endServiceProcesses();
  await shop.close();
});

const steps = ['authorize', 'points', 'capture'];
const moments = steps.flatMap((step) => [
  { step, when: 'before' as const },
  { step, when: 'after' as const },
]);

/** Holds the first call of a step of each saga: before the step is done, or after that and before the answer. */
function holdEach() {
  const held = new Map<string, () => void>();
  const placeOf = ({ coupon_name: coupon }: ParticipantCall['body']['claim']) =>
    moments[Number(coupon.split(' ')[1]) - 1];
  let isOver = false;
  shop.conduct = async ({ name, body }: ParticipantCall) => {
    const place = placeOf(body.claim);
    if (isOver || held.has(body.saga_id) || name !== `${place?.step} run`) return 'does';
    const wait = new Promise<void>((resolve) => held.set(body.saga_id, resolve));
    if (place?.when === 'after') return { conduct: 'does', answersAfter: wait };
    await wait;
    return 'does';
  };
  return {
    held,
    /** Claims once for each moment, and waits until each saga is held. */
    async claimAll(url: string): Promise<string[]> {
      const ids: string[] = [];
      for (const _ of moments) {
        const { sagaId } = await shop.claim(url);
        ids.push(sagaId);
      }
      await waitFor('all sagas to be held', () => held.size >= ids.length);
      return ids;
    },
    /** No further call is held. Those that are go on when the test says so. */
    end() {
      isOver = true;
    },
    release() {
      for (const resume of held.values()) resume();
    },
  };
}

const allDone = Object.fromEntries(steps.map((step) => [step, 'done']));

it('the sagas of a process that is killed end elsewhere, and no step is done twice', async () => {
  const holds = holdEach();
  const first = await startServiceProcess(shop.env);
  const ids = await holds.claimAll(first.url);
  await first.killGroup();
  holds.end();
  await startServiceProcess(shop.env);
  for (const [index, sagaId] of ids.entries()) {
    await shop.until(sagaId, 'D');
    expect(shop.participant.effects(sagaId)).toEqual(allDone);
    // Only the call that was under way is made again.
    const runs = steps.map((step) => `${step} run`);
    const again = `${moments[index]?.step} run`;
    expect(shop.callsOf(sagaId).sort()).toEqual([...runs, again].sort());
  }
  holds.release();
});

it('a process that is paused stores nothing when it goes on, and makes no further call', async () => {
  const holds = holdEach();
  const first = await startServiceProcess(shop.env);
  const ids = await holds.claimAll(first.url);
  first.signal('SIGSTOP');
  holds.end();
  // Now every step is undone: the calls of the first process come too late.
  await shop.database.query('update sagas set deadline_at = clock_timestamp()');
  const second = await startServiceProcess(shop.env);
  for (const sagaId of ids) await shop.until(sagaId, 'X');
  const stored = await Promise.all(ids.map((sagaId) => shop.stored(sagaId)));
  const calls = ids.map((sagaId) => shop.callsOf(sagaId));
  holds.release();
  first.signal('SIGCONT');
  const later = await shop.claim(first.url);
  await shop.until(later.sagaId, 'D');
  for (const { signal, ended } of [first, second]) {
    signal('SIGTERM');
    await ended();
  }
  expect(await Promise.all(ids.map((sagaId) => shop.stored(sagaId)))).toEqual(stored);
  expect(ids.map((sagaId) => shop.callsOf(sagaId))).toEqual(calls);
  for (const sagaId of ids) {
    expect(Object.values(shop.participant.effects(sagaId))).not.toContain('done');
  }
});

it('sagas go on while a process without SAGAS_FILE runs the relay', async () => {
  const first = await startServiceProcess(shop.env);
  await shop.until((await shop.claim(first.url)).sagaId, 'D');
  first.signal('SIGTERM');
  await first.ended();
  const { SAGAS_FILE: _, ...withoutFile } = shop.env;
  const holders = () =>
    shop.database.query<{ node: string }>(
      `select node from duties where name = 'event_relay' and expires_at > clock_timestamp()`,
    );
  await waitFor('the relay to be free', async () => (await holders()).length === 0);
  const other = await startServiceProcess(withoutFile);
  const holder = await waitFor('the relay', async () => (await holders())[0]);
  const second = await startServiceProcess(shop.env);
  for (const _ of steps) await shop.until((await shop.claim(second.url)).sagaId, 'D');
  expect(await holders()).toEqual([holder]);
  const warning = 'coupons have sagas, and SAGAS_FILE is not set';
  await waitFor('the warning', () => other.output().includes(warning));
  expect(second.output()).not.toContain('coupons have sagas');
});

it('a stop leaves each saga between two calls, from where the next service goes on', async () => {
  const holds = holdEach();
  const first = await startService(shop.env);
  const ids = await holds.claimAll(first.url);
  await first.stop();
  holds.end();
  holds.release();
  for (const [index, sagaId] of ids.entries()) {
    const { state, steps: stored } = await shop.stored(sagaId);
    expect([state, stored]).toEqual(['R', ['', '', '1D1', '1D1', '1D1 2D1', '1D1 2D1'][index]]);
  }
  const second = await startService(shop.env);
  try {
    for (const sagaId of ids) await shop.until(sagaId, 'D');
  } finally {
    await second.stop();
  }
});

it('a deadline that passes while no service runs is the end of its sagas', async () => {
  const holds = holdEach();
  const first = await startService(shop.env);
  const ids = await holds.claimAll(first.url);
  await first.stop();
  holds.end();
  holds.release();
  await shop.database.query('update sagas set deadline_at = clock_timestamp()');
  const second = await startService(shop.env);
  try {
    for (const sagaId of ids) {
      expect((await shop.until(sagaId, 'X')).cause).toBe('the deadline has passed');
      expect(Object.values(shop.participant.effects(sagaId))).not.toContain('done');
    }
  } finally {
    await second.stop();
  }
});
