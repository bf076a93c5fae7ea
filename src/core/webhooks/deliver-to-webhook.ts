// SPDX-License-Identifier: GPL-3.0-or-later
import type { Clock } from '../clock.ts';
import type { Pace } from '../duties/pace.ts';
import type {
  DeliveryResult,
  DeliverySession,
  DeliveryStore,
  DueDelivery,
  ReceiverState,
  SendEvent,
} from './ports.ts';
import { receiverAfter, resultOf } from './retry-policy.ts';
import type { Event } from './webhook.ts';

/** What the delivery works with. */
export type DeliveryOptions = {
  store: DeliveryStore;
  send: SendEvent;
  /** The body of an event as the API describes it. */
  toBody(event: Event): string;
  clock: Pick<Clock, 'nowMs'>;
  /** The time of day, for the age of an event, in milliseconds since 1970. */
  epochMs(): number;
  random(): number;
  /** How many requests to one receiver may be under way now. */
  inFlightMax(): number;
  /** When the events of a page may be sent. */
  pace: Pace;
};

// Results are stored once a page.
const pageSize = 200;
// After this time another webhook takes its turn.
const turnMs = 10_000;

/** What became of the events of a page, and of the receiver after them. */
type Sent = { results: DeliveryResult[]; receiver: ReceiverState };

/**
 * Delivers to one webhook until nothing is due, the receiver needs a rest, or its turn is over. Each event is sent after the
 * earlier events of its claim were delivered or given up. A process that ends in between leaves events pending that were
 * sent: they are sent again.
 */
export async function deliverToWebhook(
  options: DeliveryOptions,
  webhookId: string,
  signal: AbortSignal,
): Promise<void> {
  const { store, clock, pace } = options;
  const session = await store.begin(webhookId);
  if (session === undefined) return;
  const { failuresInARow } = session;
  let receiver: ReceiverState = { failuresInARow, waitsMs: 0, disabledReason: undefined };
  const endMs = clock.nowMs() + turnMs;
  const isOver = () => signal.aborted || clock.nowMs() >= endMs;
  /** Stores a page and finds the next. Undefined: another process delivers now. */
  const storeAndFind = async (sent: Sent | undefined, underWay: readonly DueDelivery[]) => {
    if (sent && !(await store.record(session, sent.results, sent.receiver))) return undefined;
    // A receiver that has failed is tried with one event.
    const limit = receiver.failuresInARow > 0 ? 1 : pageSize;
    return await store.findDue(session, limit, underWay);
  };

  let due = await storeAndFind(undefined, []);
  let unstored: Sent | undefined;
  while (due !== undefined && due.length > 0 && !isOver() && !needsRest(receiver)) {
    // While a page is sent, the one before it is stored and the one after it is found.
    const next = receiver.failuresInARow === 0 ? storeAndFind(unstored, due) : undefined;
    next?.catch(() => undefined);
    await pace.turn(signal);
    pace.addToTurn(due.length - 1);
    const sent = await sendPage(options, { session, receiver, due, isOver, signal });
    receiver = sent.receiver;
    due = next === undefined ? [] : await next;
    if (due === undefined) return;
    unstored = sent;
    const isAtEnd = due.length === 0 || receiver.failuresInARow > 0;
    if (isAtEnd && !isOver() && !needsRest(receiver)) {
      due = await storeAndFind(sent, []);
      unstored = undefined;
    }
  }
  if (unstored) await store.record(session, unstored.results, unstored.receiver);
}

const needsRest = ({ waitsMs, disabledReason }: ReceiverState) =>
  waitsMs > 0 || disabledReason !== undefined;

/** Sends a page, several events at once. Begins no request once the receiver needs a rest or the turn is over. */
async function sendPage(
  options: DeliveryOptions,
  page: {
    session: DeliverySession;
    receiver: ReceiverState;
    due: readonly DueDelivery[];
    isOver(): boolean;
    signal: AbortSignal;
  },
): Promise<Sent> {
  const { send, toBody, epochMs, random, inFlightMax } = options;
  const { session, due, isOver, signal } = page;
  const results: DeliveryResult[] = [];
  let { receiver } = page;
  let next = 0;
  const sendNext = async () => {
    while (!isOver() && !needsRest(receiver)) {
      const delivery = due[next];
      if (delivery === undefined) return;
      next += 1;
      const { event } = delivery;
      const body = toBody(event);
      const answer = await send(session, { eventId: event.eventId, body }, signal);
      // A request that was given up at a stop is no failure of the receiver.
      if (signal.aborted && answer.kind === 'failed') return;
      results.push(resultOf(delivery, answer, { epochMs: epochMs(), random }));
      receiver = receiverAfter(receiver, answer, random);
    }
  };
  const inFlight = Math.max(1, Math.min(inFlightMax(), due.length));
  await Promise.all(Array.from({ length: inFlight }, sendNext));
  return { results, receiver };
}
