// SPDX-License-Identifier: GPL-3.0-or-later
/**
 * The sagas of a service in memory: participants with books, a webhook, and sagas that run step by step. A test can plant
 * defects.
 */
import { createHmac } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Random } from '../../src/proof/drill/random.ts';
import type { BookAction, ReceivedRecord } from '../../src/proof/history.ts';
import type { EndingClaim, EndingDecision, EndingSale } from './proof-ending-sale.ts';
import { HistoryRecorder } from './proof-recorder.ts';
import { type ModelBook, modelSteps } from './proof-saga-model.ts';
import { SagaWorld } from './proof-saga-world.ts';
import { timeAt } from './sale-dump.ts';

/** The defects of a service whose sagas are correct without them. */
export type SagaDefects = {
  /** Participants do not book this action. */
  forgets?: BookAction;
  /** Claims are released before their steps are undone, which waits until the books were read again. */
  releasesFirst?: boolean;
  /** Changes an event, or loses it. */
  event?: (event: ReceivedRecord) => ReceivedRecord | undefined;
  /** The state of a saga that is stored in place of `done`. */
  endsAs?: 'compensated';
};

type Reply = { status: number; body: object };

const stepMs = 12;
const declineShare = 0.15;
const secret = `whsec_${Buffer.from('a secret of the fake service').toString('base64')}`;

/** The present time, by the clock of the sale. */
const now = () => Date.now() - Date.UTC(2030, 0, 1);

export class FakeSagas {
  readonly bookUrls: { payment: string; loyalty: string };
  readonly world: SagaWorld;
  readonly #defects: SagaDefects;
  readonly #servers: Server[];
  readonly #random = new Random(5);
  readonly #timers = new Set<NodeJS.Timeout>();
  readonly #queue: ReceivedRecord[] = [];
  #receiver: string | undefined;
  #isSending = false;
  #reads = 0;

  /** Starts the participants. */
  static async start(sale: EndingSale, defects: SagaDefects): Promise<FakeSagas> {
    const world = new SagaWorld(sale, new HistoryRecorder());
    let onRead = () => {};
    const servers = await Promise.all(world.books.map((book) => serveBook(book, () => onRead())));
    const sagas = new FakeSagas({ defects, world, servers });
    onRead = () => {
      sagas.#reads += 1;
    };
    return sagas;
  }

  private constructor(parts: {
    defects: SagaDefects;
    world: SagaWorld;
    servers: Server[];
  }) {
    this.#defects = parts.defects;
    this.#servers = parts.servers;
    this.world = parts.world;
    const [payment = '', loyalty = ''] = parts.servers.map(urlOf);
    this.bookUrls = { payment, loyalty };
  }

  async close(): Promise<void> {
    for (const timer of this.#timers) clearTimeout(timer);
    for (const server of this.#servers) server.closeAllConnections();
    await Promise.all(this.#servers.map((one) => new Promise((resolve) => one.close(resolve))));
  }

  /** Continues the saga of a claim after a decision. `before` is its state before that. */
  onDecided(name: string, { outcome, claim }: EndingDecision, before: string | undefined): void {
    if (claim?.saga === undefined) return;
    if (outcome === 'claimed') this.#goOn(claim, name, 1);
    const wasDone = before === (this.#defects.endsAs ?? 'done');
    if (outcome === 'undo_requested' && wasDone) {
      this.#goBack(claim, name, modelSteps.length);
    }
    this.#deliver(name);
  }

  /** The answer to a call about webhooks; undefined for any other call. */
  answer(method: string, url: string, body: { url: string }): Reply | undefined {
    if (!url.startsWith('/api/webhooks')) return undefined;
    if (method === 'DELETE') return { status: 204, body: {} };
    if (method === 'POST') {
      this.#receiver = body.url;
      return { status: 201, body: { id: 'w', created_at: timeAt(now()), secret } };
    }
    const deliveries = this.#queue.map(() => ({ state: 'pending' }));
    return { status: 200, body: { deliveries, next_cursor: null } };
  }

  #goOn(claim: EndingClaim, name: string, step: number): void {
    this.#soon(() => {
      const { saga } = claim;
      if (saga?.undo !== undefined) return this.#goBack(claim, name, step - 1);
      if (step > modelSteps.length) {
        this.world.confirm(claim, name, now());
        if (saga !== undefined) saga.state = this.#defects.endsAs ?? 'done';
        return this.#deliver(name);
      }
      if (this.#random.chance(declineShare)) {
        this.world.setStep(claim, step, 'N');
        return this.#goBack(claim, name, step - 1);
      }
      this.#book(claim, step, () => this.world.run(claim, name, step));
      this.#goOn(claim, name, step + 1);
    });
  }

  #goBack(claim: EndingClaim, name: string, step: number): void {
    const { saga } = claim;
    if (saga !== undefined) saga.state = 'compensating';
    if (this.#defects.releasesFirst === true && step > 0) {
      this.world.release(claim, name, now());
      this.#deliver(name);
      const undoAfter = this.#reads + 2 * this.#servers.length;
      const undoAll = () => {
        for (let left = step; left > 0; left -= 1) this.world.undo(claim, name, left);
      };
      this.#when(() => this.#reads > undoAfter, undoAll);
      return;
    }
    this.#soon(() => {
      if (step === 0) {
        this.world.release(claim, name, now());
        return this.#deliver(name);
      }
      this.#book(claim, step, () => this.world.undo(claim, name, step));
      this.#goBack(claim, name, step - 1);
    });
  }

  #book(claim: EndingClaim, step: number, book: () => void): void {
    book();
    const kind = modelSteps[step - 1]?.kind ?? 'payment';
    const { entries } = this.world[kind];
    const last = entries.at(-1);
    if (last?.action === this.#defects.forgets && last?.claim_id === claim.claimId) entries.pop();
  }

  #deliver(name: string): void {
    for (const event of this.world.newEvents(name)) {
      const sent = this.#defects.event === undefined ? event : this.#defects.event(event);
      if (sent !== undefined) this.#queue.push(sent);
    }
    if (!this.#isSending) void this.#sendAll();
  }

  async #sendAll(): Promise<void> {
    this.#isSending = true;
    for (let next = this.#queue[0]; next !== undefined; next = this.#queue[0]) {
      if (this.#receiver !== undefined) await send(this.#receiver, next).catch(() => undefined);
      this.#queue.shift();
    }
    this.#isSending = false;
  }

  #soon(action: () => void): void {
    this.#after(1 + this.#random.fraction() * stepMs, action);
  }

  #when(isTrue: () => boolean, action: () => void): void {
    if (isTrue()) action();
    else this.#after(stepMs, () => this.#when(isTrue, action));
  }

  #after(ms: number, action: () => void): void {
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      action();
    }, ms);
    this.#timers.add(timer);
  }
}

async function send(url: string, event: ReceivedRecord): Promise<void> {
  const { id, event: type, at: timestamp, coupon, claim_id, user, position, state } = event;
  const data = { coupon_name: coupon, claim_id, user_id: user, position, state };
  const body = JSON.stringify({ id, type, timestamp, data });
  const sentAt = String(Math.floor(Date.now() / 1000));
  const key = event.signed ? Buffer.from(secret.slice('whsec_'.length), 'base64') : 'another';
  const signature = createHmac('sha256', key).update(`${id}.${sentAt}.${body}`).digest('base64');
  await fetch(url, {
    method: 'POST',
    headers: {
      ...{ 'content-type': 'application/json', 'webhook-id': id, 'webhook-timestamp': sentAt },
      'webhook-signature': `v1,${signature}`,
    },
    body,
  });
}

async function serveBook(book: ModelBook, onRead: () => void): Promise<Server> {
  const server = createServer((request, response) => {
    const after = Number(new URL(request.url ?? '', 'http://a').searchParams.get('after'));
    const entries = book.entries
      .filter(({ seq }) => seq > after)
      .map(({ amount, user: user_id, coupon: coupon_name, ...entry }) => {
        const unit = book.kind === 'payment' ? { amount_cents: amount } : { points: amount };
        return { ...entry, ...unit, user_id, coupon_name };
      });
    onRead();
    response.end(JSON.stringify({ entries, totals: {} }));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return server;
}

function urlOf(server: Server): string {
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}
