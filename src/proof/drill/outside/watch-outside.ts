// SPDX-License-Identifier: GPL-3.0-or-later
import { setTimeout as delay } from 'node:timers/promises';
import type { OutsideContent } from '../../history.ts';
import { DrillError } from '../create-coupons.ts';
import type { SagaSettings } from '../saga-options.ts';
import { BookReader } from './read-books.ts';
import { EventReceiver } from './receive-events.ts';
import type { ApiAnswer, ServiceApi } from './service-api.ts';

/** What the watch needs. The coupon exists. */
export type WatchOptions = {
  settings: SagaSettings;
  coupon: string;
  api: ServiceApi;
  see(content: OutsideContent): void;
  write(text: string): void;
  signal: AbortSignal;
  /** How long sagas may go on after the load, and then how long events may take. */
  limits: { sagasMs: number; eventsMs: number };
};

/** A watch that has begun. */
export type Watch = {
  /** Waits until no saga runs and each event has arrived, and reads the books to their ends. */
  finish(): Promise<void>;
  /** Ends the watch and deletes its webhook. */
  close(): Promise<void>;
};

const readBooksEveryMs = 1_000;
const lookEveryMs = 500;
const createMsMax = 10_000;
const events = [
  ...['claim.reserved', 'claim.confirmed', 'claim.released', 'claim.redeemed'],
  ...['coupon.opened', 'coupon.closed', 'coupon.sold_out', 'coupon.back_in_stock'],
];

/**
 * Watches what the outside of the service sees of one coupon: the books of participants, and the events of a webhook. Throws
 * a `DrillError` that says what is missing.
 */
export async function watchOutside(options: WatchOptions): Promise<Watch> {
  const { settings, coupon, api, see } = options;
  const books = new BookReader({ ...settings, coupon, see });
  const unread = await books.read();
  if (unread.length > 0) {
    throw new DrillError(
      `GET /book is not answered at ${unread.join(', ')}: start the participants, or set their\n` +
        'URLs with --payment-book and --loyalty-book',
    );
  }
  const receiver = new EventReceiver(pathOf(coupon), see);
  await receiver.listen(settings.receiver).catch((error: NodeJS.ErrnoException) => {
    const why = error.code ?? error.message;
    throw new DrillError(
      `events cannot be received at ${settings.receiver}: ${why}; set --receiver`,
    );
  });
  const webhookId = await subscribe(options, receiver).catch(async (error) => {
    await receiver.close();
    throw error;
  });
  const reading = setInterval(() => void books.read(), readBooksEveryMs);
  return {
    async finish() {
      await waitForSagas(options);
      await waitForEvents(options, { receiver, webhookId });
      clearInterval(reading);
      await books.read();
    },
    async close() {
      clearInterval(reading);
      await api.call('DELETE', `/api/webhooks/${webhookId}`);
      await receiver.close();
    },
  };
}

/** The path of a receiver. Each drill has a coupon of its own. */
function pathOf(coupon: string): string {
  return `/${encodeURIComponent(coupon)}`;
}

async function subscribe(options: WatchOptions, receiver: EventReceiver): Promise<string> {
  const { settings, coupon, api, see } = options;
  const url = settings.receiver + pathOf(coupon);
  const request = { url, events, coupon_name: coupon };
  let answer: ApiAnswer | undefined;
  await isTrueWithin(createMsMax, options, async () => {
    answer = await api.call('POST', '/api/webhooks', request);
    // Where nothing was created it can be tried again; otherwise a second webhook could be.
    return answer?.status !== 503 || answer.body.effect !== 'none';
  });
  const { id, created_at: createdAt, secret, code, detail = '' } = answer?.body ?? {};
  if (answer?.status === 201 && typeof id === 'string' && typeof secret === 'string') {
    const created_at = String(createdAt);
    see({ type: 'subscribed', webhook_id: id, coupon, events, created_at });
    receiver.secret = secret;
    return id;
  }
  const { host } = new URL(settings.receiver);
  const why = answer === undefined ? 'no answer' : `${answer.status} ${code} ${detail}`;
  throw new DrillError(
    `a webhook to ${settings.receiver} could not be created: ${why}\n` +
      `the service needs WEBHOOK_ALLOW_HTTP=true and WEBHOOK_ALLOWED_RECEIVERS=${host},\n` +
      'and the drill its admin API key, in ADMIN_API_KEY',
  );
}

type ListedClaim = { claim_id: string; state: string; saga_state?: string };

/** All claims of the coupon; undefined where they cannot be read. */
async function listClaims({ coupon, api }: WatchOptions): Promise<ListedClaim[] | undefined> {
  const all: ListedClaim[] = [];
  let cursor = '';
  do {
    const states = 'state=reserved&state=confirmed&state=redeemed&state=released';
    const page = cursor === '' ? '' : `&cursor=${encodeURIComponent(cursor)}`;
    const path = `/api/coupons/${encodeURIComponent(coupon)}/claims?limit=1000&${states}${page}`;
    const answer = await api.call('GET', path);
    if (answer?.status !== 200 || !Array.isArray(answer.body.claims)) return undefined;
    all.push(...answer.body.claims);
    cursor = typeof answer.body.next_cursor === 'string' ? answer.body.next_cursor : '';
  } while (cursor !== '');
  return all;
}

const isRunning = ({ saga_state: state }: ListedClaim) => {
  return state === 'running' || state === 'compensating';
};

async function waitForSagas(options: WatchOptions): Promise<void> {
  const { limits, write } = options;
  const isDone = async () => {
    const claims = await listClaims(options);
    return claims !== undefined && !claims.some(isRunning);
  };
  if (await isTrueWithin(limits.sagasMs, options, isDone)) return;
  write('the drill does not wait for sagas any longer, though some run\n');
}

/** Waits for the last change of each claim, and then until nothing is pending. */
async function waitForEvents(
  options: WatchOptions,
  { receiver, webhookId }: { receiver: EventReceiver; webhookId: string },
): Promise<void> {
  const { see, limits, write } = options;
  let left = { pending: 1, given_up: 0 };
  const isDone = async () => {
    const claims = await listClaims(options);
    left = (await countDeliveries(options, webhookId)) ?? left;
    const hasAll = claims?.every(({ claim_id: id, state }) => receiver.has(id, state)) === true;
    return hasAll && left.pending === 0;
  };
  const isComplete = await isTrueWithin(limits.eventsMs, options, isDone);
  if (!isComplete)
    write('the drill does not wait for events any longer, though some are missing\n');
  see({ type: 'delivered', ...left });
}

async function countDeliveries({ api }: WatchOptions, webhookId: string) {
  const left = { pending: 0, given_up: 0 };
  let cursor = '';
  do {
    const page = cursor === '' ? '' : `&cursor=${encodeURIComponent(cursor)}`;
    const answer = await api.call('GET', `/api/webhooks/${webhookId}/deliveries?limit=1000${page}`);
    if (answer?.status !== 200 || !Array.isArray(answer.body.deliveries)) return undefined;
    for (const { state } of answer.body.deliveries as { state: string }[]) {
      if (state === 'pending') left.pending += 1;
      else if (state === 'given_up') left.given_up += 1;
    }
    cursor = typeof answer.body.next_cursor === 'string' ? answer.body.next_cursor : '';
  } while (cursor !== '');
  return left;
}

async function isTrueWithin(
  ms: number,
  { signal }: WatchOptions,
  check: () => Promise<boolean>,
): Promise<boolean> {
  const endMs = performance.now() + ms;
  while (!signal.aborted) {
    if (await check()) return true;
    if (performance.now() > endMs) return false;
    await delay(lookEveryMs, undefined, { signal }).catch(() => undefined);
  }
  return false;
}
