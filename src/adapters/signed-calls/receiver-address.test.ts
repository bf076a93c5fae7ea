// SPDX-License-Identifier: GPL-3.0-or-later
/** Which address a request goes to, and whose certificate it accepts. */
import { readFileSync } from 'node:fs';
import net from 'node:net';
import {
  afterAll,
  afterEach,
  beforeAll,
  beforeEach,
  expect,
  it,
  type MockInstance,
  vi,
} from 'vitest';
import { makeAuthority, makeCertificate } from '../../../test/support/certificates.ts';
import {
  addressesWithIPv4,
  forbiddenIPv4,
  forbiddenIPv6,
} from '../../../test/support/forbidden-hosts.ts';
import { startReceiver } from '../../../test/support/receivers.ts';
import {
  createTemporaryFolder,
  removeTemporaryFolder,
} from '../../../test/support/temporary-folder.ts';
import { waitFor } from '../../../test/support/wait-for.ts';
import type { Resolve } from './public-lookup.ts';
import { createSendEvent } from './send-event.ts';

const never = new AbortController().signal;
const event = { eventId: 'evt_1', body: '{}' };
const secrets = ['whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'];
// Of the internet by its range, but assigned to no network.
const unreachable = '2000::1';

let folder: string;
let authority: ReturnType<typeof makeAuthority>;
let attempts: string[];
let connecting: MockInstance;
const steps: (() => unknown)[] = [];

beforeAll(async () => {
  folder = await createTemporaryFolder('receivers');
  authority = makeAuthority(folder, 'authority');
  const connect = net.Socket.prototype.connect as (...options: unknown[]) => net.Socket;
  connecting = vi.spyOn(net.Socket.prototype, 'connect').mockImplementation(function (
    this: net.Socket,
    ...options: unknown[]
  ) {
    // Its address is the one that the connection goes to, also where the system refuses it at once.
    this.on('lookup', (error: Error | null, address: string) => {
      if (!error) attempts.push(address);
    });
    this.on('connectionAttempt', (address: string) => {
      if (!attempts.includes(address)) attempts.push(`without a lookup: ${address}`);
    });
    return connect.apply(this, options);
  });
});
afterAll(async () => {
  connecting.mockRestore();
  await removeTemporaryFolder(folder);
});
beforeEach(() => {
  attempts = [];
});
afterEach(async () => {
  for (const step of steps.splice(0).reverse()) await step();
});

const family = (address: string) => (address.includes(':') ? 6 : 4);
const asFound = (addresses: readonly string[]) =>
  addresses.map((address) => ({ address, family: family(address) }));

/** Sends to a URL with these allowed receivers. Each name resolves to what `resolve` returns. */
function senderWith(
  resolve: (host: string) => readonly string[],
  options: { allowed?: string[]; ca?: string; timeoutMs?: number } = {},
) {
  const { allowed = [], ca, timeoutMs = 60_000 } = options;
  const asked: string[] = [];
  const resolveAndNote: Resolve = async (host) => {
    asked.push(host);
    return asFound(resolve(host));
  };
  const { send, close } = createSendEvent({
    ...{ rules: { allowsHttp: true, allowed }, userAgent: 'firstcome/1', resolve: resolveAndNote },
    limits: { timeoutMs, responseBytesMax: 65_536, connectionsMax: 64 },
    ...(ca !== undefined && { ca }),
  });
  steps.push(close);
  return { send: (url: string) => send({ url, secrets }, event, never), asked };
}

it('no request goes to a name that resolves to a forbidden address', async () => {
  const addresses = [
    ...[...forbiddenIPv4, ...forbiddenIPv6, ...forbiddenIPv4.flatMap(addressesWithIPv4)],
    ...['fe80::1%lo', 'localhost', '0x7f.1', '017700000001', '2130706433', ''],
  ];
  const { send, asked } = senderWith((host) => [addresses[Number(host.split('-')[1])] ?? '::1']);
  for (const scheme of ['https', 'http']) {
    const answers = await Promise.all(
      addresses.map((_, number) => send(`${scheme}://name-${number}.example/`)),
    );
    for (const [number, answer] of answers.entries()) {
      const error = `name-${number}.example has an address that is not public`;
      expect(answer).toEqual({ kind: 'failed', isForbidden: true, error });
    }
  }
  expect(asked).toHaveLength(2 * addresses.length);
  expect(attempts).toEqual([]);
});

it.each([
  ['the first', ['10.0.0.1', unreachable]],
  ['the last', [unreachable, '10.0.0.1']],
  ['in the other family', [unreachable, '::1', '127.0.0.1']],
])('no request goes to a name that has public addresses and a private one: %s', async (_, all) => {
  const { send } = senderWith(() => all);
  expect(await send('https://shop.example/')).toMatchObject({ isForbidden: true });
  expect(attempts).toEqual([]);
});

it('a name that changes to this machine after the check gets no connection to it', async () => {
  const answers = [[unreachable], ['127.0.0.1'], ['127.0.0.1']];
  const { send, asked } = senderWith(() => answers.shift() ?? [], { timeoutMs: 300 });
  // Nothing answers at the address that was checked.
  expect(await send('https://shop.example/')).toMatchObject({ kind: 'failed', isForbidden: false });
  expect({ asked, attempts }).toEqual({ asked: ['shop.example'], attempts: [unreachable] });
  expect(await send('https://shop.example/')).toMatchObject({ kind: 'failed', isForbidden: true });
  expect({ asked: asked.length, attempts }).toEqual({ asked: 2, attempts: [unreachable] });
});

it('a connection that is used again goes on to the address that was checked', async () => {
  const receiver = await startReceiver();
  steps.push(() => receiver.close());
  const allowed = [`shop.example:${receiver.port}`];
  const { send, asked } = senderWith(() => ['127.0.0.1'], { allowed });
  const url = `http://shop.example:${receiver.port}/`;
  for (const _ of [1, 2, 3]) expect(await send(url)).toMatchObject({ status: 204 });
  expect({ asked, attempts }).toEqual({ asked: ['shop.example'], attempts: ['127.0.0.1'] });
  expect(receiver.received[0]?.headers.host).toBe(`shop.example:${receiver.port}`);
});

it('requests that begin while a name is resolved share the result', async () => {
  let answer = (_: { address: string; family: number }[]) => {};
  let asked = 0;
  const { send, close } = createSendEvent({
    ...{ rules: { allowsHttp: true, allowed: [] }, userAgent: 'firstcome/1' },
    resolve() {
      asked += 1;
      return new Promise((resolve) => {
        answer = resolve;
      });
    },
  });
  steps.push(close);
  const receiver = { url: 'https://shop.example/', secrets };
  const sending = Array.from({ length: 30 }, () => send(receiver, event, never));
  await waitFor('the question', () => asked > 0);
  answer(asFound(['127.0.0.1']));
  for (const one of await Promise.all(sending)) expect(one).toMatchObject({ isForbidden: true });
  expect(asked).toBe(1);
});

it.each([
  ['has no address', () => [], 'the request failed'],
  [
    'cannot be resolved',
    () => {
      throw Object.assign(new Error('no such name'), { code: 'ENOTFOUND' });
    },
    'the request failed (ENOTFOUND)',
  ],
] as [string, () => string[], string][])('fails when a name %s', async (_, resolve, error) => {
  const answer = await senderWith(resolve).send('https://shop.example/');
  expect(answer).toEqual({ kind: 'failed', error, isForbidden: false });
});

async function securedReceiver(certificate: { name: string; hosts: string; days?: number }) {
  const { cert, key } = makeCertificate(folder, authority, certificate);
  const tls = { cert: readFileSync(cert, 'utf8'), key: readFileSync(key, 'utf8') };
  const receiver = await startReceiver(undefined, tls);
  steps.push(() => receiver.close());
  const allowed = [`shop.example:${receiver.port}`, `127.0.0.1:${receiver.port}`];
  const ca = readFileSync(authority.cert, 'utf8');
  const resolve = () => ['127.0.0.1'];
  return {
    receiver,
    trusting: senderWith(resolve, { allowed, ca }).send,
    distrusting: senderWith(resolve, { allowed }).send,
    byName: `https://shop.example:${receiver.port}/`,
    byAddress: `https://127.0.0.1:${receiver.port}/`,
  };
}

it('accepts the certificate of the name, although the connection goes to an address', async () => {
  const certificate = { name: 'shop', hosts: 'DNS:shop.example' };
  const { receiver, trusting, byName, byAddress } = await securedReceiver(certificate);
  for (const _ of [1, 2]) expect(await trusting(byName)).toMatchObject({ status: 204 });
  expect(receiver.connections).toBe(1);
  const failed = { error: 'the request failed (ERR_TLS_CERT_ALTNAME_INVALID)' };
  expect(await trusting(byAddress)).toMatchObject(failed);
  expect(receiver.received).toHaveLength(2);
});

it('accepts no certificate of the address alone', async () => {
  const certificate = { name: 'address', hosts: 'IP:127.0.0.1' };
  const { receiver, trusting, byName, byAddress } = await securedReceiver(certificate);
  const failed = { error: 'the request failed (ERR_TLS_CERT_ALTNAME_INVALID)' };
  expect(await trusting(byName)).toMatchObject(failed);
  expect(receiver.received).toEqual([]);
  expect(await trusting(byAddress)).toMatchObject({ status: 204 });
});

it('accepts no certificate of an unknown authority, and none that has expired', async () => {
  const known = await securedReceiver({ name: 'unknown', hosts: 'DNS:shop.example' });
  vi.stubEnv('NODE_TLS_REJECT_UNAUTHORIZED', '0');
  try {
    expect(await known.distrusting(known.byName)).toMatchObject({
      error: expect.stringMatching(/SELF_SIGNED|UNABLE_TO/),
    });
  } finally {
    vi.unstubAllEnvs();
  }
  const expired = await securedReceiver({ name: 'expired', hosts: 'DNS:shop.example', days: -1 });
  expect(await expired.trusting(expired.byName)).toMatchObject({
    error: 'the request failed (CERT_HAS_EXPIRED)',
  });
  expect([known.receiver.received, expired.receiver.received]).toEqual([[], []]);
});
