// SPDX-License-Identifier: GPL-3.0-or-later
/** The receiver, the participant and the file of sagas that the documentation shows do what it says. */
import { afterEach, describe, expect, it } from 'vitest';
import { createCallStep } from '../src/adapters/signed-calls/call-participant.ts';
import { signMessage } from '../src/adapters/signed-calls/sign-message.ts';
import { parseSagas } from '../src/config/sagas/parse-sagas.ts';
import { findSecret } from '../src/config/sagas/participant-secret.ts';
import type { SagaStep } from '../src/core/sagas/definition.ts';
import type { StepCall } from '../src/core/sagas/ports.ts';
import { exampleIn, startDocumentedProgram } from './support/documented-program.ts';
import { waitFor } from './support/wait-for.ts';

const linesMax = 15;
const secretOf = (letter: string) => `whsec_${Buffer.from(letter.repeat(32)).toString('base64')}`;
const [secret, otherSecret] = [secretOf('s'), secretOf('o')];

const undo: (() => unknown)[] = [];

afterEach(async () => {
  for (const step of undo.splice(0).reverse()) await step();
});

async function start(page: string, env: Record<string, string>) {
  const program = await startDocumentedProgram(page, env);
  undo.push(() => program.stop());
  return program;
}

describe('the receiver of docs/webhooks.md', () => {
  const event = {
    ...{ id: 'evt_0f2e777b_1_2_1', type: 'claim.confirmed' },
    ...{ timestamp: '2026-11-28T22:46:07.561493Z', data: { user_id: 'ada' } },
  };

  async function send(url: string, secrets: string[]): Promise<number> {
    const body = JSON.stringify(event);
    const signed = signMessage(secrets, { messageId: event.id, sentAt: new Date(), body });
    const { status } = await fetch(url, { method: 'POST', body, headers: signed });
    return status;
  }

  it('verifies in few lines, takes an event once, and refuses one with another signature', async () => {
    expect(exampleIn('webhooks.md', 'js').trim().split('\n').length).toBeLessThanOrEqual(linesMax);
    const receiver = await start('webhooks.md', { WEBHOOK_SECRET: secret });
    expect(await send(receiver.url, [otherSecret])).toBe(400);
    expect(await send(receiver.url, [secret])).toBe(204);
    expect(await send(receiver.url, [otherSecret, secret])).toBe(204);
    await waitFor('output', () => receiver.output().includes('ada'));
    expect(receiver.output().match(/claim\.confirmed/g)).toHaveLength(1);
  });
});

/** The sagas of the example, whose participants are at this address. */
function sagasAt(url: string, secretOfFile = secret) {
  const text = exampleIn('sagas.md', 'json').replaceAll(/http:\/\/127\.0\.0\.1:\d+/g, url);
  const env = { PAYMENT_SECRET: secretOfFile };
  const parsed = parseSagas(text, (place) => findSecret(place, env));
  if ('mistakes' in parsed) throw new Error(parsed.mistakes.join('\n'));
  return parsed.sagas;
}

describe('the file of docs/sagas.md', () => {
  it('has a saga that authorizes, grants and captures, each with an undo', () => {
    const { definitions } = sagasAt('http://127.0.0.1:9101');
    const steps = definitions.get('checkout')?.steps ?? [];
    expect(steps.map(({ runPath, undoPath }) => [runPath, undoPath])).toEqual([
      ['/authorize', '/void'],
      ['/grant', '/revoke'],
      ['/capture', '/refund'],
    ]);
  });
});

describe('the participant of docs/sagas.md', () => {
  const sagaId = '01a22456-55a9-8411-a5e4-014f3bdbf66b';
  const claim = {
    ...{ claimId: '01a22456-55a9-7411-a5e4-014f3bdbf66b', couponName: 'SAGA', userId: 'ada' },
    ...{ position: 1, claimedAt: '2026-11-28T22:46:07.561493Z' },
  };

  /** Calls the steps of the example by name, and returns what became of each call. */
  function callsTo(url: string, secretOfFile?: string) {
    const { definitions, participants } = sagasAt(url, secretOfFile);
    const { call, close } = createCallStep({ participants, userAgent: 'firstcome/test' });
    undo.push(close);
    return async (name: string, direction: StepCall['direction']) => {
      const step = definitions
        .get('checkout')
        ?.steps.find((one): one is SagaStep => one.name === name);
      if (step === undefined) throw new Error(`there is no step ${name}`);
      const key = `${sagaId}:${name}:${direction}`;
      const stepCall = {
        sagaId,
        sagaName: 'checkout',
        step,
        direction,
        idempotencyKey: key,
        claim,
      };
      const { kind } = await call(stepCall, new AbortController().signal);
      return kind;
    };
  }

  it('verifies in few lines, and keeps the rules of participants', async () => {
    expect(exampleIn('sagas.md', 'js').trim().split('\n').length).toBeLessThanOrEqual(linesMax);
    const participant = await start('sagas.md', { PAYMENT_SECRET: secret });
    const call = callsTo(participant.url);
    // The same answer to the same key.
    expect(await call('authorize', 'run')).toBe('done');
    expect(await call('authorize', 'run')).toBe('done');
    // Undone once, whatever comes late.
    expect(await call('authorize', 'undo')).toBe('done');
    expect(await call('authorize', 'undo')).toBe('done');
    expect(await call('authorize', 'run')).toBe('declined');
    // An undo of what never happened.
    expect(await call('capture', 'undo')).toBe('done');
    expect(await call('capture', 'run')).toBe('declined');
    // A call that it cannot verify says nothing about the step.
    const withOtherSecret = callsTo(participant.url, otherSecret);
    expect(await withOtherSecret('points', 'run')).toBe('unknown');
    expect(await call('points', 'run')).toBe('done');
  });
});
