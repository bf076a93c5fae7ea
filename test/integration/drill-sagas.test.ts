// SPDX-License-Identifier: GPL-3.0-or-later
/** The drill of sagas against nodes of the service and the participants of the examples. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { drill } from '../../src/app/proof.ts';
import type { App } from '../../src/app.ts';
import { loadConfig } from '../../src/config.ts';
import {
  type ExampleParticipant,
  participantSecret,
  startExample,
} from '../support/example-participant.ts';
import { patience, startService } from '../support/service.ts';
import { createTestDatabase, type TestDatabase } from '../support/test-database.ts';

let database: TestDatabase;
let folder: string;
let receiver: string;
let payment: ExampleParticipant;
let loyalty: ExampleParticipant;
let apps: App[];
let env: Record<string, string>;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'firstcome-drill-sagas-'));
  database = await createTestDatabase();
  receiver = await freeAddress();
  // Some users are declined, and some answers are lost.
  const knobs = { DECLINE: '0.2', LOSE_ANSWER: '0.1' };
  payment = await startExample('payment', join(folder, 'payment.journal'), knobs);
  loyalty = await startExample('loyalty', join(folder, 'loyalty.journal'), { LOSE_ANSWER: '0.1' });
  const file = join(folder, 'sagas.json');
  await writeFile(file, JSON.stringify(sagasFile()));
  env = {
    ...patience,
    ...{ DATABASE_URL: database.url, SAGAS_FILE: file, ADMIN_API_KEY: 'a'.repeat(32) },
    ...{ PAYMENT_SECRET: participantSecret, LOYALTY_SECRET: participantSecret },
    ...{ WEBHOOK_ALLOW_HTTP: 'true', WEBHOOK_ALLOWED_RECEIVERS: new URL(receiver).host },
  };
  apps = [await startService(env), await startService(env)];
});

afterAll(async () => {
  for (const app of apps) await app.stop();
  await Promise.all([payment.kill(), loyalty.kill()]);
  await database.drop();
  await rm(folder, { recursive: true });
});

async function freeAddress(): Promise<string> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return `http://127.0.0.1:${port}`;
}

function sagasFile() {
  const money = { amount_cents: 1_999, currency: 'EUR' };
  const fast = { backoff_ms: 50, timeout_ms: 2_000 };
  return {
    participants: {
      payment: { url: payment.url, secret_env: 'PAYMENT_SECRET' },
      loyalty: { url: loyalty.url, secret_env: 'LOYALTY_SECRET' },
    },
    sagas: {
      checkout: {
        steps: [
          {
            ...{ name: 'authorize', kind: 'payment', action: 'authorize', participant: 'payment' },
            ...{ data: money, ...fast },
          },
          {
            ...{ name: 'points', kind: 'loyalty', action: 'grant', participant: 'loyalty' },
            ...{ data: { points: 100 }, ...fast },
          },
          {
            ...{ name: 'capture', kind: 'payment', action: 'capture', participant: 'payment' },
            ...fast,
          },
        ],
      },
    },
  };
}

/** Plays the scenario, and returns the verdict and the output. */
async function play(paymentBook = payment.url, saga = 'checkout') {
  let said = '';
  const output = {
    stdout: (text: string) => {
      said += text;
    },
    stderr: () => undefined,
  };
  const options = {
    ...{ scenario: 'sagas', urls: apps.map(({ url }) => url), seed: 7, users: 200, units: 60 },
    ...{ rate: 60, history: join(folder, 'sagas.jsonl'), audit: true },
    ...{ saga, paymentBook, loyaltyBook: loyalty.url, receiver },
  };
  const verdict = await drill(loadConfig(env), options, output, new AbortController().signal);
  return { verdict, said };
}

it('a drill of sagas passes its audit, though participants decline and lose answers', async () => {
  const { verdict, said } = await play();
  expect(said).toContain('verdict: passed');
  expect(verdict).toBe('passed');
  for (const rule of ['R15', 'R24', 'R25', 'R26', 'R27', 'R28', 'R29']) {
    expect(said).toMatch(new RegExp(`^${rule} +passed +[1-9]`, 'm'));
  }
  // Its webhook is gone, and with it the deliveries.
  expect(await database.query('select id from webhooks')).toEqual([]);
});

it('a drill of a saga that the service does not know says what is missing', async () => {
  await expect(play(payment.url, 'unknown')).rejects.toThrow(
    'the service needs SAGAS_FILE with a saga that is named unknown',
  );
});
