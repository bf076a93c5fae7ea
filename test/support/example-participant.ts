// SPDX-License-Identifier: GPL-3.0-or-later
/** The example participants of sagas as processes of their own, which tests kill and start again. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { Webhook } from 'standardwebhooks';

const examples = join(import.meta.dirname, '../../examples');

/** The secret of both, as `SAGAS_FILE` accepts it. */
export const participantSecret = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';

/** An entry of a book, and the sums of each action. */
export type Book = {
  entries: { seq: number; action: string; saga_id: string; step: string; claim_id: string }[];
  totals: Record<string, { count: number; amount_cents?: number; points?: number }>;
};

/** What a participant has answered. */
export type Answer = { status: number; body: unknown };

/** A call that a saga could send. */
export type ExampleCall = {
  saga: string;
  step: string;
  direction?: 'run' | 'undo';
  user?: string;
  data?: Record<string, unknown>;
};

/** A participant that runs. */
export type ExampleParticipant = {
  url: string;
  process: ChildProcess;
  /** Sends a signed call. Rejects when no answer comes. */
  call(action: string, call: ExampleCall, secret?: string): Promise<Answer>;
  turn(knobs: Record<string, number>): Promise<Answer>;
  book(after?: number): Promise<Book>;
  /** Ends it at once, as a crash does. */
  kill(): Promise<void>;
};

/** Starts a participant on a free port, with its journal in a file. */
export async function startExample(
  name: 'payment' | 'loyalty',
  journal: string,
  env: Record<string, string> = {},
): Promise<ExampleParticipant> {
  const child = spawn(process.execPath, [join(examples, name, `${name}.mjs`)], {
    env: {
      ...{ PORT: '0', JOURNAL: journal, ...env },
      [`${name.toUpperCase()}_SECRET`]: participantSecret,
    },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [line]: string[] = await once(createInterface(child.stdout), 'line');
  const url = /http:\S+/.exec(line ?? '')?.[0] ?? '';
  const post = (path: string, body: string, headers: Record<string, string> = {}) =>
    fetch(`${url}${path}`, { method: 'POST', body, headers }).then(toAnswer);
  return {
    ...{ url, process: child },
    call(action, call, secret = participantSecret) {
      const { id, body } = messageOf(call);
      const headers = signed(id, body, secret);
      return post(`/${action}`, body, headers);
    },
    turn: (knobs) => post('/knobs', JSON.stringify(knobs)),
    book: async (after = 0) => (await fetch(`${url}/book?after=${after}`)).json() as Promise<Book>,
    async kill() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      child.kill('SIGKILL');
      await once(child, 'exit');
    },
  };
}

function messageOf({ saga, step, direction = 'run', user = 'ada', data = {} }: ExampleCall) {
  const claim = {
    ...{ claim_id: `claim-of-${saga}`, coupon_name: 'COUPON', user_id: user, position: 1 },
    claimed_at: '2030-01-31T18:00:00.000Z',
  };
  const body = JSON.stringify({ saga_id: saga, saga: 'checkout', step, claim, data });
  return { id: `${saga}:${step}:${direction}`, body };
}

function signed(id: string, body: string, secret: string): Record<string, string> {
  const sentAt = new Date();
  return {
    'content-type': 'application/json',
    'idempotency-key': id,
    'webhook-id': id,
    'webhook-timestamp': `${Math.floor(sentAt.getTime() / 1_000)}`,
    'webhook-signature': new Webhook(secret).sign(id, sentAt, body),
  };
}

async function toAnswer(response: Response): Promise<Answer> {
  return { status: response.status, body: await response.json() };
}
