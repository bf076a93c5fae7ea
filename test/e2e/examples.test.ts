// SPDX-License-Identifier: GPL-3.0-or-later
/** The example participants of sagas, as processes that are called, killed and started again. */
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import {
  type ExampleParticipant,
  participantSecret,
  startExample,
} from '../support/example-participant.ts';
import { createTemporaryFolder, removeTemporaryFolder } from '../support/temporary-folder.ts';
import { waitFor } from '../support/wait-for.ts';

const steps: (() => unknown)[] = [];
afterEach(async () => {
  for (const step of steps.splice(0).reverse()) await step();
});

async function journalFile(): Promise<string> {
  const folder = await createTemporaryFolder('examples');
  steps.push(() => removeTemporaryFolder(folder));
  return join(folder, 'journal');
}

async function started(
  name: 'payment' | 'loyalty',
  journal: string,
  env: Record<string, string> = {},
): Promise<ExampleParticipant> {
  const participant = await startExample(name, journal, env);
  steps.push(() => participant.kill());
  return participant;
}

const authorize = { saga: 's1', step: 'authorize', data: { amount_cents: 1_999 } };
const capture = { saga: 's1', step: 'capture' };
const grant = { saga: 's1', step: 'points', data: { points: 100 } };
const undo = <Call>(call: Call) => ({ ...call, direction: 'undo' as const });
const done = (amount: number) => ({ status: 200, body: { amount_cents: amount } });
const declined = (error: string) => ({ status: 422, body: { error } });

describe('the example of a payment service', () => {
  it('books each step of a saga once, however often a key comes', async () => {
    const payment = await started('payment', await journalFile());
    const twice = async (action: string, call: typeof capture) => [
      ...(await Promise.all([payment.call(action, call), payment.call(action, call)])),
      await payment.call(action, call),
    ];
    expect(await twice('authorize', authorize)).toEqual([done(1_999), done(1_999), done(1_999)]);
    expect(await twice('capture', capture)).toEqual([done(1_999), done(1_999), done(1_999)]);
    expect(await twice('refund', undo(capture))).toEqual([done(1_999), done(1_999), done(1_999)]);
    expect(await twice('void', undo(authorize))).toEqual([done(0), done(0), done(0)]);
    const { entries, totals } = await payment.book();
    const claim = { claim_id: 'claim-of-s1', user_id: 'ada', coupon_name: 'COUPON' };
    expect(entries.map(({ seq, action }) => [seq, action])).toEqual([
      ...[[1, 'authorize'] as const, [2, 'capture'] as const],
      ...[[3, 'refund'] as const, [4, 'void'] as const],
    ]);
    expect(entries[1]).toMatchObject({ ...claim, step: 'capture', amount_cents: 1_999 });
    expect(totals).toEqual({
      ...{ authorized: { count: 1, amount_cents: 1_999 } },
      ...{ captured: { count: 1, amount_cents: 1_999 }, voided: { count: 0, amount_cents: 0 } },
      refunded: { count: 1, amount_cents: 1_999 },
    });
    expect((await payment.book(3)).entries).toEqual(entries.slice(3));
  });

  it('captures only what is authorized, and voids nothing that is captured', async () => {
    const payment = await started('payment', await journalFile());
    expect(await payment.call('capture', capture)).toEqual(declined('not authorized'));
    const other = { ...capture, saga: 's2' };
    await payment.call('authorize', { ...authorize, saga: 's2' });
    expect(await payment.call('void', undo({ ...authorize, saga: 's2' }))).toEqual(done(1_999));
    expect(await payment.call('capture', other)).toEqual(declined('not authorized'));
    await payment.call('authorize', authorize);
    await payment.call('capture', { ...capture, step: 'take' });
    expect(await payment.call('void', undo(authorize))).toMatchObject({ status: 409 });
    await payment.call('refund', undo({ ...capture, step: 'take' }));
    // The refusal was no answer for good.
    expect(await payment.call('void', undo(authorize))).toEqual(done(0));
  });

  it.each([0, -1, 1.5, '5', null, 2 ** 53])('authorizes no amount of %j', async (amount) => {
    const payment = await started('payment', await journalFile());
    const call = { ...authorize, data: { amount_cents: amount } };
    expect(await payment.call('authorize', call)).toEqual(declined('amount_cents'));
    expect((await payment.book()).entries).toEqual([]);
  });

  it('lets an undo come before its step, which is declined then, also after a restart', async () => {
    const journal = await journalFile();
    const first = await started('payment', journal);
    expect(await first.call('void', undo(authorize))).toEqual(done(0));
    expect(await first.call('refund', undo(capture))).toEqual(done(0));
    expect(await first.call('authorize', authorize)).toEqual(declined('undone'));
    await first.kill();
    const second = await started('payment', journal);
    expect(await second.call('authorize', authorize)).toEqual(declined('undone'));
    expect(await second.call('capture', capture)).toEqual(declined('undone'));
    expect((await second.book()).totals).toMatchObject({ authorized: { count: 0 } });
  });

  it('keeps its book and its answers when it is killed, but for a line that was cut off', async () => {
    const journal = await journalFile();
    const first = await started('payment', journal);
    await first.call('authorize', authorize);
    await first.call('capture', { ...capture, saga: 'other' });
    const book = await first.book();
    await first.kill();
    appendFileSync(journal, '{"key":"s2:authorize:run","stat');
    const second = await started('payment', journal);
    expect(await second.book()).toEqual(book);
    expect(await second.call('authorize', authorize)).toEqual(done(1_999));
    const declinedBefore = await second.call('capture', { ...capture, saga: 'other' });
    expect(declinedBefore).toEqual(declined('not authorized'));
    expect(await second.call('capture', capture)).toEqual(done(1_999));
    const lines = readFileSync(journal, 'utf8').trimEnd().split('\n');
    expect(lines.map((line) => JSON.parse(line).key)).toEqual([
      ...['s1:authorize:run', 'other:capture:run', 's1:capture:run'],
    ]);
  });

  it('has every answer on the disk that it gave while it was killed', async () => {
    const journal = await journalFile();
    const first = await started('payment', journal, { CRASH: '0.02' });
    const answered: string[] = [];
    const calls = Array.from({ length: 200 }, async (_, n) => {
      const { status } = await first.call('authorize', {
        ...authorize,
        saga: `s${n}`,
        user: `${n}`,
      });
      if (status === 200) answered.push(`s${n}`);
    });
    await Promise.allSettled(calls);
    await waitFor('the crash', () => first.process.signalCode === 'SIGKILL');
    const second = await started('payment', journal);
    const { entries } = await second.book();
    const booked = entries.map((entry) => entry.saga_id);
    expect(booked).toEqual(expect.arrayContaining(answered));
    expect(new Set(booked).size).toBe(booked.length);
  });

  it('ends with a line that says what to do when its port is in use', async () => {
    const { port } = new URL((await started('payment', await journalFile())).url);
    const second = join(import.meta.dirname, '../../examples/payment/payment.mjs');
    const env = { PORT: port, JOURNAL: await journalFile(), PAYMENT_SECRET: participantSecret };
    const { status, stderr } = spawnSync(process.execPath, [second], { env, encoding: 'utf8' });
    expect({ status, stderr }).toEqual({
      status: 1,
      stderr: `payment cannot listen on 127.0.0.1:${port} (EADDRINUSE); set PORT\n`,
    });
  });

  it('refuses a call that is not signed, or with another secret, and books nothing', async () => {
    const payment = await started('payment', await journalFile());
    const other = 'whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA';
    const refused = { status: 401, body: { error: 'signature' } };
    expect(await payment.call('authorize', authorize, other)).toEqual(refused);
    const { status } = await fetch(`${payment.url}/authorize`, { method: 'POST', body: '{}' });
    expect(status).toBe(401);
    const tooLarge = { ...authorize, data: { text: 'x'.repeat(65_536) } };
    // No answer for good: it says nothing of earlier calls.
    expect(await payment.call('authorize', tooLarge)).toMatchObject({ status: 500 });
    expect((await payment.book()).entries).toEqual([]);
  });
});

describe('the example of a loyalty service', () => {
  it('grants and revokes the points of each step once', async () => {
    const loyalty = await started('loyalty', await journalFile());
    for (const _ of [1, 2]) await loyalty.call('grant', grant);
    await loyalty.call('grant', { ...grant, step: 'bonus', data: { points: 7 } });
    for (const _ of [1, 2]) {
      expect(await loyalty.call('revoke', undo(grant))).toEqual({
        ...{ status: 200, body: { points: 100 } },
      });
    }
    expect((await loyalty.book()).totals).toEqual({
      granted: { count: 2, points: 107 },
      revoked: { count: 1, points: 100 },
    });
    expect(await loyalty.call('grant', { ...grant, data: { points: 0 } })).toMatchObject({
      status: 200,
    });
    expect(await loyalty.call('grant', { ...grant, saga: 's2', data: {} })).toEqual(
      declined('points'),
    );
  });

  it('ends at a request to stop, and its journal is read at the next start', async () => {
    const journal = await journalFile();
    const first = await started('loyalty', journal);
    await first.call('grant', grant);
    first.process.kill('SIGTERM');
    expect(await once(first.process, 'exit')).toEqual([0, null]);
    const second = await started('loyalty', journal);
    expect((await second.book()).totals.granted).toEqual({ count: 1, points: 100 });
  });
});

describe('the knobs of the examples', () => {
  it('decline for good, and never an undo', async () => {
    const loyalty = await started('loyalty', await journalFile(), { DECLINE: '1' });
    expect(await loyalty.call('grant', grant)).toEqual(declined('no'));
    expect(await loyalty.turn({ decline: 0 })).toMatchObject({ body: { decline: 0 } });
    expect(await loyalty.call('grant', grant)).toEqual(declined('no'));
    await loyalty.turn({ decline: 1 });
    expect(await loyalty.call('revoke', undo(grant))).toMatchObject({ status: 200 });
  });

  it('lose the answer to work that is done, and answer the next call with the key', async () => {
    const loyalty = await started('loyalty', await journalFile(), { LOSE_ANSWER: '1' });
    await expect(loyalty.call('grant', grant)).rejects.toThrow();
    await loyalty.turn({ lose_answer: 0 });
    expect(await loyalty.call('grant', grant)).toMatchObject({ status: 200 });
    expect((await loyalty.book()).totals.granted).toEqual({ count: 1, points: 100 });
  });

  it('answer with an error before any work', async () => {
    const loyalty = await started('loyalty', await journalFile(), { ERROR: '1' });
    expect(await loyalty.call('grant', grant)).toMatchObject({ status: 500 });
    expect((await loyalty.book()).entries).toEqual([]);
  });

  it('meet the share of the calls that they say, the same ones for a seed', async () => {
    const fates = async (seed: number) => {
      const env = { DECLINE: '0.2', DELAY_MS: '1', SEED: `${seed}` };
      const loyalty = await started('loyalty', await journalFile(), env);
      const calls = Array.from({ length: 200 }, async (_, n) => {
        const call = { ...grant, saga: `${seed}-${Math.random()}`, user: `user-${n}` };
        return (await loyalty.call('grant', call)).status;
      });
      return Promise.all(calls);
    };
    const [first, again, other] = [await fates(1), await fates(1), await fates(2)];
    expect(again).toEqual(first);
    expect(other).not.toEqual(first);
    const share = first.filter((status) => status === 422).length / 200;
    expect(share).toBeGreaterThan(0.1);
    expect(share).toBeLessThan(0.3);
  });

  it('refuse what is no knob or no share', async () => {
    const loyalty = await started('loyalty', await journalFile());
    expect(await loyalty.turn({ decline: 1.5 })).toMatchObject({ status: 400 });
    expect(await loyalty.turn({ declines: 1 })).toMatchObject({ status: 400 });
    expect(await loyalty.turn({})).toMatchObject({ status: 200, body: { decline: 0 } });
  });
});
