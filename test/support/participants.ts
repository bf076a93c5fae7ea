// SPDX-License-Identifier: GPL-3.0-or-later
/** A participant of sagas on this machine that keeps its promises, and a file that names it. */
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { createTemporaryFolder, removeTemporaryFolder } from './temporary-folder.ts';

/** A call as the participant got it. */
export type ParticipantCall = {
  /** Such as `authorize run`. */
  name: string;
  key: string;
  body: { saga_id: string; step: string; claim: { claim_id: string; coupon_name: string } };
};

/**
 * What the participant does with a call. `does`: what it is asked, once for each key. `loses`: the same, and the connection
 * ends without an answer. `declines`. `fails`: answers 503 and does nothing. `breaks`: as `fails`, without an answer.
 */
export type Conduct = 'does' | 'loses' | 'declines' | 'fails' | 'breaks';

/** How a call is answered. `answersAfter`: what was done is answered only then. */
export type Conducted = Conduct | { conduct: Conduct; answersAfter: Promise<void> };

/** A participant that has started. */
export type Participant = {
  url: string;
  calls: ParticipantCall[];
  /** What became of each step of a saga. */
  effects(sagaId: string): Record<string, 'done' | 'declined' | 'undone'>;
  /** Stops answering, and loses nothing. */
  stop(): Promise<void>;
  /** Answers again, at the same address. */
  start(): Promise<void>;
};

/** Starts a participant. `conduct` may wait, which delays what is done. */
export async function startParticipant(
  conduct: (call: ParticipantCall) => Conducted | Promise<Conducted>,
): Promise<Participant> {
  const effects = new Map<string, Record<string, 'done' | 'declined' | 'undone'>>();
  const calls: ParticipantCall[] = [];
  let server: http.Server | undefined;
  let port = 0;

  /** Does what a call asks for; the same again changes nothing. The result is the status of the answer. */
  function act({ name, body }: ParticipantCall, how: Conduct): number {
    const ofSaga = effects.get(body.saga_id) ?? {};
    effects.set(body.saga_id, ofSaga);
    if (name.endsWith('undo')) {
      ofSaga[body.step] = 'undone';
      return 200;
    }
    ofSaga[body.step] ??= how === 'declines' ? 'declined' : 'done';
    return ofSaga[body.step] === 'done' ? 200 : 422;
  }

  async function onRequest(request: http.IncomingMessage, response: http.ServerResponse) {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const body = JSON.parse(Buffer.concat(chunks).toString());
    const key = String(request.headers['idempotency-key']);
    const call = { name: `${body.step} ${key.split(':')[2]}`, key, body };
    calls.push(call);
    const conducted = await conduct(call);
    const how = typeof conducted === 'string' ? conducted : conducted.conduct;
    const status = how === 'fails' || how === 'breaks' ? 503 : act(call, how);
    if (typeof conducted !== 'string') await conducted.answersAfter;
    if (how === 'loses' || how === 'breaks') response.destroy();
    else response.writeHead(status, { 'content-type': 'application/json' }).end('{}');
  }

  const participant: Participant = {
    ...{ url: '', calls },
    effects: (sagaId) => effects.get(sagaId) ?? {},
    async stop() {
      const stopping = server;
      server = undefined;
      stopping?.close();
      stopping?.closeAllConnections();
      if (stopping?.listening) await once(stopping, 'close');
    },
    async start() {
      server = http.createServer((request, response) => {
        onRequest(request, response).catch(() => response.destroy());
      });
      server.listen(port, '127.0.0.1');
      await once(server, 'listening');
      port = (server.address() as AddressInfo).port;
      participant.url = `http://127.0.0.1:${port}`;
    },
  };
  await participant.start();
  return participant;
}

/** The variable that a file of `writeSagasFile` needs. */
export const participantSecret = { SHOP_SECRET: 's'.repeat(24) };

/** Writes a file with the saga `checkout`: three steps of one participant, unless others are given. */
export async function writeSagasFile(
  { url }: Pick<Participant, 'url'>,
  options: { step?: Record<string, unknown>; steps?: Record<string, unknown>[] } = {},
): Promise<{ path: string; remove(): Promise<void> }> {
  const folder = await createTemporaryFolder('sagas');
  const path = join(folder, 'sagas.json');
  // Attempts and time enough that no test on a busy machine uses them up, with short waits.
  const shared = { participant: 'shop', attempts: 50, backoff_ms: 20, timeout_ms: 60_000 };
  const steps = options.steps ?? [
    { name: 'authorize', kind: 'payment', action: 'authorize', data: { amount_cents: 1_999 } },
    { name: 'points', kind: 'loyalty', action: 'grant' },
    { name: 'capture', kind: 'payment', action: 'capture' },
  ];
  const content = {
    participants: { shop: { url, secret_env: 'SHOP_SECRET' } },
    sagas: { checkout: { steps: steps.map((step) => ({ ...shared, ...options.step, ...step })) } },
  };
  await writeFile(path, JSON.stringify(content));
  return { path, remove: () => removeTemporaryFolder(folder) };
}
