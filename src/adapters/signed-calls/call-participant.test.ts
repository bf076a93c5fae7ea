// SPDX-License-Identifier: GPL-3.0-or-later
/** Calls of participants that are real servers on this machine. */
import { Webhook } from 'standardwebhooks';
import { afterEach, expect, it, vi } from 'vitest';
import { range } from '../../../test/support/crowd.ts';
import {
  type Receiver,
  type Respond,
  startRawReceiver,
  startReceiver,
} from '../../../test/support/receivers.ts';
import { waitFor } from '../../../test/support/wait-for.ts';
import type { SagaStep } from '../../core/sagas/definition.ts';
import { Secret } from '../../core/secret.ts';
import { createCallStep } from './call-participant.ts';

const secret = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';
const sagaId = '01890a5d-ac96-874b-bcce-b302099a8057';
const never = new AbortController().signal;
const claim = {
  ...{ claimId: '01890a5d-ac96-774b-bcce-b302099a8057', couponName: 'CÖUPON', userId: 'ada' },
  ...{ position: 7, claimedAt: '2030-01-31T18:00:00.000Z' },
};
const step: SagaStep = {
  ...{ name: 'authorize', kind: 'payment', participant: 'payment' },
  ...{ runPath: '/authorize', undoPath: '/void', data: { currency: 'EUR', amount_cents: 1_999 } },
  // Only a machine that stands still for a minute exceeds it.
  ...{ timeoutMs: 60_000, attemptsMax: 5, undoAttemptsMax: 10, backoffMs: 200 },
};

const steps: (() => unknown)[] = [];
afterEach(async () => {
  for (const step of steps.splice(0).reverse()) await step();
});

async function started(starting: Promise<Receiver>): Promise<Receiver> {
  const receiver = await starting;
  steps.push(() => receiver.close());
  return receiver;
}

const answering = (respond?: Respond) => started(startReceiver(respond));
const raw = (onConnection: Parameters<typeof startRawReceiver>[0]) =>
  started(startRawReceiver(onConnection));
/** A participant that answers each request with these bytes. */
const saying = (text: string) => raw((socket) => socket.on('data', () => socket.write(text)));

type Changes = {
  step?: Partial<SagaStep>;
  direction?: 'run' | 'undo';
  traceparent?: string;
  signal?: AbortSignal;
};

function callerOf({ port }: Pick<Receiver, 'port'>, scheme = 'http') {
  const url = `${scheme}://127.0.0.1:${port}/api`;
  const caller = createCallStep({
    participants: new Map([['payment', { name: 'payment', url, secret: new Secret(secret) }]]),
    userAgent: 'firstcome/1',
  });
  steps.push(() => caller.close());
  const call = (changes: Changes = {}) => {
    const { direction = 'run', signal = never, traceparent } = changes;
    const stepCall = {
      ...{ sagaId, sagaName: 'checkout', step: { ...step, ...changes.step }, direction, claim },
      ...{ idempotencyKey: `${sagaId}:authorize:${direction}`, traceparent },
    };
    return caller.call(stepCall, signal);
  };
  return { call, close: () => caller.close() };
}

const unknown = (error: unknown, status: number | null = null) => ({
  ...{ kind: 'unknown', status, error, retryAfterSeconds: undefined },
});

it.each([
  ['run', '/api/authorize'],
  ['undo', '/api/void'],
] as const)(
  'sends the claim and the data to %s a step, under one key and signed',
  async (direction, path) => {
    const participant = await answering();
    const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
    const { call } = callerOf(participant);
    expect(await call({ direction, traceparent })).toEqual({ kind: 'done', status: 204 });
    const [received] = participant.received;
    const key = `${sagaId}:authorize:${direction}`;
    expect(received?.path).toBe(path);
    expect(received?.headers).toMatchObject({
      ...{ 'idempotency-key': key, 'webhook-id': key, 'user-agent': 'firstcome/1', traceparent },
      'content-type': 'application/json',
    });
    const headers = received?.headers as Record<string, string>;
    expect(new Webhook(secret).verify(received?.body ?? '', headers)).toEqual({
      ...{ saga_id: sagaId, saga: 'checkout', step: 'authorize' },
      claim: {
        ...{ claim_id: claim.claimId, coupon_name: 'CÖUPON', user_id: 'ada', position: 7 },
        claimed_at: '2030-01-31T18:00:00.000Z',
      },
      data: { amount_cents: 1_999, currency: 'EUR' },
    });
    const other = new Webhook('whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA');
    expect(() => other.verify(received?.body ?? '', headers)).toThrow('No matching');
  },
);

it('each call is made at once, however many others of the participant are under way', async () => {
  const waiting: (() => void)[] = [];
  const receiver = await answering((response) => void waiting.push(() => response.end()));
  const { call } = callerOf(receiver);
  const answers = range(256).map(() => call());
  await waitFor('all calls', () => waiting.length >= 256);
  for (const answer of waiting) answer();
  expect(new Set((await Promise.all(answers)).map(({ kind }) => kind))).toEqual(new Set(['done']));
});

it('sends the same bytes with each attempt, also of a step that was stored meanwhile, and no traceparent untraced', async () => {
  const participant = await answering((response) => response.writeHead(503).end());
  const { call } = callerOf(participant);
  await call();
  await call({ step: { data: { amount_cents: 1_999, currency: 'EUR' } } });
  const [first, second] = participant.received;
  expect(second?.body).toBe(first?.body);
  expect(second?.headers['idempotency-key']).toBe(first?.headers['idempotency-key']);
  expect(first?.headers).not.toHaveProperty('traceparent');
});

const every = (from: number, to: number) => Array.from({ length: to - from }, (_, n) => from + n);
const undecided = [401, 407, 408, 409, 425, 429];

it('takes each 2xx as done, each other 4xx as declined, and everything else as unknown', async () => {
  let status = 0;
  const { call } = callerOf(await answering((response) => response.writeHead(status).end()));
  const kinds = { run: new Map<number, string>(), undo: new Map<number, string>() };
  for (status of every(200, 600)) {
    for (const direction of ['run', 'undo'] as const) {
      const answer = await call({ direction });
      expect(answer.status).toBe(status);
      kinds[direction].set(status, answer.kind);
    }
  }
  const statusesOf = (direction: 'run' | 'undo', kind: string) =>
    every(200, 600).filter((one) => kinds[direction].get(one) === kind);
  expect(statusesOf('run', 'done')).toEqual(every(200, 300));
  expect(statusesOf('run', 'declined')).toEqual(
    every(400, 500).filter((one) => !undecided.includes(one)),
  );
  expect(statusesOf('run', 'unknown')).toEqual([
    ...every(300, 400),
    ...undecided,
    ...every(500, 600),
  ]);
  expect(statusesOf('undo', 'done')).toEqual(every(200, 300));
  expect(statusesOf('undo', 'unknown')).toEqual(every(300, 600));
});

it.each([
  ['7', 7],
  ['Sun, 06 Nov 1994 08:49:37 GMT', 0],
  ['a while', undefined],
])('returns a Retry-After of %j as %s seconds', async (text, retryAfterSeconds) => {
  const participant = await answering((response) =>
    response.writeHead(429, { 'retry-after': text }).end(),
  );
  const error = 'the answer had the status 429';
  expect(await callerOf(participant).call()).toEqual({
    ...{ kind: 'unknown', status: 429, error, retryAfterSeconds },
  });
});

it.each([301, 302, 303, 307, 308])('follows no redirect with the status %d', async (status) => {
  const aim = await answering();
  const participant = await answering((response) =>
    response.writeHead(status, { location: `http://127.0.0.1:${aim.port}/` }).end(),
  );
  expect(await callerOf(participant).call()).toMatchObject({ kind: 'unknown', status });
  expect([participant.received.length, aim.connections]).toEqual([1, 0]);
});

it('uses no proxy, whatever the environment says', async () => {
  const proxy = await answering();
  const names = ['HTTP_PROXY', 'http_proxy', 'HTTPS_PROXY', 'https_proxy', 'ALL_PROXY'];
  for (const name of names) vi.stubEnv(name, `http://127.0.0.1:${proxy.port}`);
  vi.stubEnv('NODE_USE_ENV_PROXY', '1');
  vi.stubEnv('NO_PROXY', '');
  try {
    const participant = await answering();
    expect(await callerOf(participant).call()).toMatchObject({ kind: 'done' });
    expect([participant.connections, proxy.connections]).toEqual([1, 0]);
  } finally {
    vi.unstubAllEnvs();
  }
});

it('does not know what was done when the answer is lost', async () => {
  const participant = await raw((socket) => socket.once('data', () => socket.destroy()));
  expect(await callerOf(participant).call()).toEqual(unknown('the request failed (ECONNRESET)'));
});

const cutOff = 'the answer did not end within the limits of time and size';

it.each([
  ['breaks off', 'HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc'],
  ['breaks off between its parts', 'HTTP/1.1 422 No\r\ntransfer-encoding: chunked\r\n\r\n'],
])('does not count the status of an answer that %s', async (_, text) => {
  const participant = await raw((socket) => socket.once('data', () => socket.end(text)));
  const status = Number(text.slice(9, 12));
  expect(await callerOf(participant).call()).toEqual(unknown(cutOff, status));
});

it('does not count the status of an answer that does not end in time', async () => {
  const participant = await saying('HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc');
  const { call } = callerOf(participant);
  expect(await call({ step: { timeoutMs: 5_000 } })).toEqual(unknown(cutOff, 200));
});

it('does not count the status of an answer over 64 KB, and reads no more', async () => {
  let closed = 0;
  const participant = await answering((response) => {
    response.on('close', () => {
      closed += 1;
    });
    const write = () => {
      while (!response.destroyed && response.write('x'.repeat(65_536)));
    };
    response.on('drain', write);
    write();
  });
  expect(await callerOf(participant).call()).toEqual(unknown(cutOff, 200));
  await waitFor('the end of the connection', () => closed >= 1);
});

it.each([
  ['headers of more than 64 KB', `HTTP/1.1 200 OK\r\nx-long: ${'x'.repeat(70_000)}\r\n\r\n`],
  ['what is no HTTP', '\0\xff garbage '.repeat(100)],
])('does not know what was done after %s, and quotes nothing of it', async (_, text) => {
  const answer = await callerOf(await saying(text)).call();
  expect(answer).toEqual(unknown(expect.stringMatching(/^the request failed \(HPE_\w+\)$/)));
});

it.each(['http', 'https'])('waits for an answer by %s as long as the step says', async (scheme) => {
  const participant = await raw(() => undefined);
  const { call } = callerOf(participant, scheme);
  expect(await call({ step: { timeoutMs: 300 } })).toEqual(
    unknown('there was no answer within 0.3 s'),
  );
});

it('does not know what was done when nothing listens', async () => {
  const participant = await startReceiver();
  await participant.close();
  expect(await callerOf(participant).call()).toEqual(unknown('the request failed (ECONNREFUSED)'));
});

it('uses the connections again', async () => {
  const participant = await answering();
  const { call } = callerOf(participant);
  for (const _ of [1, 2, 3]) expect(await call()).toMatchObject({ kind: 'done' });
  expect(participant.connections).toBe(1);
  for (const _ of [1, 2, 3]) await Promise.all(range(20).map(() => call()));
  expect(participant.received).toHaveLength(63);
  expect(participant.connections).toBe(20);
});

it('repeats a call at once, and only once, when a kept connection ends just as it is used', async () => {
  const empty = 'HTTP/1.1 204 No Content\r\n\r\n';
  const participant = await raw((socket, number) => {
    socket.once('data', () => {
      if (number > 2) return socket.destroy();
      return socket.write(empty, () => socket.once('data', () => socket.destroy()));
    });
  });
  const { call } = callerOf(participant);
  // The second call ends the first connection and is answered on the second, which is not kept.
  for (const _ of [1, 2]) expect(await call()).toMatchObject({ kind: 'done' });
  expect(await call()).toMatchObject({ kind: 'unknown' });
  expect(participant.connections).toBe(3);
});

it('calls nothing where the step cannot be undone, or the participant is not known', async () => {
  const participant = await answering();
  const { call } = callerOf(participant);
  expect(await call({ direction: 'undo', step: { undoPath: null } })).toEqual(
    unknown('the step cannot be undone'),
  );
  expect(await call({ step: { participant: 'other' } })).toEqual(
    unknown('the participant is not in SAGAS_FILE'),
  );
  expect(participant.connections).toBe(0);
});

it('ends a call when the caller gives it up, and all calls when it is closed', async () => {
  const participant = await raw(() => undefined);
  const { call, close } = callerOf(participant);
  const stop = new AbortController();
  const calls = [call({ signal: stop.signal }), call(), call()];
  await waitFor('the connections', () => participant.connections >= 3);
  stop.abort();
  expect(await calls[0]).toMatchObject({ kind: 'unknown', status: null });
  close();
  for (const answer of await Promise.all(calls)) expect(answer.kind).toBe('unknown');
  expect(await call()).toMatchObject({ kind: 'unknown' });
  expect(participant.connections).toBe(3);
});
