// SPDX-License-Identifier: GPL-3.0-or-later
import { describe, expect, it } from 'vitest';
import { FixedClock, flushPromises } from '../../../test/support/fixed-clock.ts';
import { deliverToWebhook } from './deliver-to-webhook.ts';
import type {
  DeliveryResult,
  DeliveryStore,
  DueDelivery,
  ReceiverState,
  SendAnswer,
} from './ports.ts';
import type { Event } from './webhook.ts';

const recordedAt = '2030-01-31T18:00:00.000000Z';
const hour = 3_600_000;
const ok: SendAnswer = { kind: 'answered', status: 204, retryAfterSeconds: undefined };
const bad: SendAnswer = { kind: 'answered', status: 500, retryAfterSeconds: undefined };

type Stored = { event: Event; claim: string; attempts: number; dueMs: number; state: string };

/** Deliveries of one webhook in memory, by the rules of the port. */
class MemoryStore implements DeliveryStore {
  readonly deliveries: Stored[] = [];
  readonly limits: number[] = [];
  readonly recorded: DeliveryResult[][] = [];
  epoch = 0;
  receiver: ReceiverState = { failuresInARow: 0, waitsMs: 0, disabledReason: undefined };
  private waitsUntilMs = 0;

  private readonly clock: FixedClock;

  constructor(clock: FixedClock) {
    this.clock = clock;
  }

  /** Adds the events of claims, named like `ada.2`: the second one of ada's claim. */
  add(...names: string[]): this {
    for (const name of names) {
      const seq = String(this.deliveries.length + 1);
      const data = { couponName: name, amount: 1, remainingAmount: 1, state: 'open' } as const;
      const event: Event = {
        ...{ couponId: '7', seq, n: 1, eventId: name, type: 'coupon.opened', at: recordedAt, data },
      };
      const [claim = ''] = name.split('.');
      this.deliveries.push({ event, claim, attempts: 0, dueMs: 0, state: 'pending' });
    }
    return this;
  }

  async findDueWebhooks() {
    return [];
  }

  async begin(webhookId: string) {
    const { failuresInARow, disabledReason } = this.receiver;
    if (disabledReason !== undefined || this.clock.nowMs() < this.waitsUntilMs) return undefined;
    this.epoch += 1;
    const session = { webhookId, epoch: String(this.epoch), url: 'https://shop.example/' };
    return { ...session, secrets: ['secret'], failuresInARow };
  }

  async findDue(_: unknown, limit: number, underWay: readonly DueDelivery[]) {
    this.limits.push(limit);
    const isUnderWay = new Set(underWay.map(({ event }) => event.seq));
    const pending = this.deliveries.filter(({ state }) => state === 'pending');
    return pending
      .filter((one) => one.dueMs <= this.clock.nowMs())
      .filter((one) => pending.find(({ claim }) => claim === one.claim) === one)
      .filter(({ event }) => !isUnderWay.has(event.seq))
      .slice(0, limit)
      .map(({ event, attempts }) => ({ event, attempts, recordedAt, firstDueAt: recordedAt }));
  }

  async record(
    { epoch }: { epoch: string },
    results: readonly DeliveryResult[],
    receiver: ReceiverState,
  ) {
    if (epoch !== String(this.epoch)) return false;
    this.recorded.push([...results]);
    this.receiver = receiver;
    this.waitsUntilMs = this.clock.nowMs() + receiver.waitsMs;
    for (const { seq, state, dueInMs } of results) {
      const stored = this.deliveries[Number(seq) - 1];
      if (stored === undefined) throw new Error(`there is no delivery ${seq}`);
      const attempts = stored.attempts + 1;
      Object.assign(stored, { state, attempts, dueMs: this.clock.nowMs() + dueInMs });
    }
    return true;
  }

  /** The names of the events in a state. */
  named(state: string): string[] {
    return this.deliveries.filter((one) => one.state === state).map(({ event }) => event.eventId);
  }
}

function setUp(respond: (name: string) => SendAnswer | Promise<SendAnswer>, inFlight = 4) {
  const clock = new FixedClock();
  const store = new MemoryStore(clock);
  const sent: string[] = [];
  const pace = { ms: 0, counts: [] as number[] };
  let underWay = 0;
  let mostUnderWay = 0;
  const controller = new AbortController();
  const deliver = () =>
    deliverToWebhook(
      {
        ...{
          store,
          clock,
          random: () => 1,
          inFlightMax: () => inFlight,
        },
        pace: {
          async turn(signal) {
            pace.counts.push(1);
            if (pace.ms > 0) await clock.sleep(pace.ms, signal);
          },
          addToTurn(added) {
            pace.counts.push((pace.counts.pop() ?? 0) + added);
          },
        },
        epochMs: () => Date.parse(recordedAt) + clock.nowMs(),
        toBody: ({ eventId }) => `body of ${eventId}`,
        async send(receiver, { eventId, body }) {
          expect(receiver).toMatchObject({ url: 'https://shop.example/', secrets: ['secret'] });
          expect(body).toBe(`body of ${eventId}`);
          sent.push(eventId);
          underWay += 1;
          mostUnderWay = Math.max(mostUnderWay, underWay);
          try {
            return await respond(eventId);
          } finally {
            underWay -= 1;
          }
        },
      },
      'hook',
      controller.signal,
    );
  const stop = () => controller.abort();
  return { clock, store, sent, pace, deliver, stop, mostUnderWay: () => mostUnderWay };
}

/** Responses that a test gives itself. */
function heldResponses() {
  const held = new Map<string, (answer: SendAnswer) => void>();
  return {
    held,
    respond: (name: string) => new Promise<SendAnswer>((resolve) => held.set(name, resolve)),
    async answer(name: string, answer: SendAnswer) {
      held.get(name)?.(answer);
      await flushPromises();
    },
  };
}

const names = (count: number) => Array.from({ length: count }, (_, n) => `claim${n}.1`);

describe('delivering to a webhook', () => {
  it('sends everything that is due, several events at once, each once', async () => {
    const { store, sent, deliver, mostUnderWay } = setUp(async () => {
      await flushPromises();
      return ok;
    });
    store.add(...names(950));
    await deliver();
    expect(sent.toSorted()).toEqual(names(950).toSorted());
    expect(store.named('delivered')).toHaveLength(950);
    expect(mostUnderWay()).toBe(4);
  });

  it('keeps no more than one page of events at a time', async () => {
    const { store, deliver } = setUp(() => ok);
    await store.add(...names(2_500));
    await deliver();
    expect(Math.max(...store.limits)).toBeLessThanOrEqual(1_000);
    expect(Math.max(...store.recorded.map(({ length }) => length))).toBeLessThanOrEqual(1_000);
  });

  it('sends a page when the pace lets it, and has stored the one before by then', async () => {
    const { clock, store, sent, pace, deliver } = setUp(() => ok);
    pace.ms = 1_000;
    store.add(...names(450));
    const delivering = deliver();
    await clock.advance(999);
    expect(sent).toEqual([]);
    await clock.advance(1_000);
    expect([sent.length, store.named('delivered').length]).toEqual([200, 200]);
    await clock.advance(2_000);
    await delivering;
    expect([sent.length, store.named('delivered').length]).toEqual([450, 450]);
    expect(pace.counts).toEqual([200, 200, 50]);
  });

  it('sends each event of a claim after the earlier ones were delivered', async () => {
    const { respond, held, answer } = heldResponses();
    const { store, sent, deliver } = setUp(respond);
    store.add('ada.1', 'ada.2', 'bob.1', 'ada.3', 'bob.2');
    const delivering = deliver();
    await flushPromises();
    expect([...held.keys()]).toEqual(['ada.1', 'bob.1']);
    await answer('bob.1', ok);
    expect(sent).not.toContain('ada.2');
    await answer('ada.1', ok);
    await answer('bob.2', ok);
    await answer('ada.2', ok);
    await answer('ada.3', ok);
    await delivering;
    for (const claim of ['ada', 'bob']) {
      const ofClaim = sent.filter((name) => name.startsWith(claim));
      expect(ofClaim).toEqual(ofClaim.toSorted());
    }
    expect(store.named('delivered')).toHaveLength(5);
  });

  it('keeps later events of a claim back while an earlier one fails, and sends those of others', async () => {
    const { clock, store, sent, deliver } = setUp((name) => (name === 'ada.1' ? bad : ok), 1);
    store.add('ada.1', 'ada.2', 'bob.1', 'bob.2');
    await deliver();
    expect(sent).toEqual(['ada.1', 'bob.1', 'bob.2']);
    await clock.advance(5_000);
    await deliver();
    expect(sent).toEqual(['ada.1', 'bob.1', 'bob.2', 'ada.1']);
    expect(store.named('pending')).toEqual(['ada.1', 'ada.2']);
  });

  it('sends the next event of a claim once the earlier one was given up after 24 hours', async () => {
    const { clock, store, deliver } = setUp((name) => (name === 'ada.1' ? bad : ok));
    store.add('ada.1', 'ada.2');
    for (let hours = 0; hours < 24; hours += 1) {
      await deliver();
      expect(store.named('pending')).toEqual(['ada.1', 'ada.2']);
      await clock.advance(hour);
    }
    await deliver();
    expect([store.named('given_up'), store.named('pending')]).toEqual([['ada.1'], ['ada.2']]);
    // The receiver rests for 5 minutes.
    await clock.advance(300_000);
    await deliver();
    expect(store.named('delivered')).toEqual(['ada.2']);
  });

  it('stops at a 410: sends nothing more, and disables the webhook', async () => {
    const gone: SendAnswer = { kind: 'answered', status: 410, retryAfterSeconds: undefined };
    const { store, sent, deliver } = setUp((name) => (name === 'claim3.1' ? gone : ok), 1);
    store.add(...names(10));
    await deliver();
    expect(sent).toEqual(names(4));
    expect(store.receiver.disabledReason).toBe('the receiver answered 410');
    expect([store.named('given_up'), store.named('delivered')]).toEqual([['claim3.1'], names(3)]);
    await deliver();
    expect(sent).toHaveLength(4);
  });

  it('lets a receiver rest after 5 failures in a row, and tries it with one event then', async () => {
    let answer = bad;
    const { clock, store, sent, deliver } = setUp(() => answer, 1);
    store.add(...names(300));
    await deliver();
    expect(sent).toEqual(names(5));
    expect(store.receiver).toMatchObject({ failuresInARow: 5, waitsMs: 1_000 });
    await deliver();
    expect(sent).toHaveLength(5);
    await clock.advance(1_000);
    await deliver();
    expect(sent).toHaveLength(6);
    expect(store.receiver).toMatchObject({ failuresInARow: 6, waitsMs: 2_000 });
    expect(store.limits.at(-1)).toBe(1);
    await clock.advance(10_000);
    answer = ok;
    await deliver();
    expect(store.named('delivered')).toHaveLength(300);
    expect(store.receiver).toMatchObject({ failuresInARow: 0, waitsMs: 0 });
  });

  it('counts what was under way when a rest began, and makes the rest no longer by it', async () => {
    const { store, sent, deliver } = setUp(async () => {
      await flushPromises();
      return bad;
    }, 32);
    store.add(...names(300));
    await deliver();
    expect(sent.length).toBeLessThanOrEqual(36);
    expect(store.recorded.flat()).toHaveLength(sent.length);
    expect(store.receiver).toMatchObject({ failuresInARow: 5, waitsMs: 1_000 });
  });

  it('waits as long as a Retry-After says, after what was under way', async () => {
    const { held, respond, answer } = heldResponses();
    const { clock, store, sent, deliver } = setUp(respond, 2);
    store.add(...names(6));
    const delivering = deliver();
    await flushPromises();
    await answer('claim0.1', { kind: 'answered', status: 429, retryAfterSeconds: 120 });
    await answer('claim1.1', ok);
    await delivering;
    expect(sent).toEqual(names(2));
    expect(store.recorded.flat()).toHaveLength(2);
    await clock.advance(119_999);
    await deliver();
    expect(sent).toHaveLength(2);
    await clock.advance(1);
    const again = deliver();
    await flushPromises();
    for (const name of [...held.keys()]) await answer(name, ok);
    for (let n = 0; n < 6; n += 1) for (const name of [...held.keys()]) await answer(name, ok);
    await again;
    expect(store.named('delivered')).toHaveLength(6);
  });

  it('a stop in the middle stores what has ended, and nothing that has not', async () => {
    const { respond, answer } = heldResponses();
    const { store, sent, deliver, stop } = setUp(respond, 3);
    store.add(...names(9));
    const delivering = deliver();
    await flushPromises();
    await answer('claim0.1', ok);
    stop();
    const aborted: SendAnswer = { kind: 'failed', error: 'aborted', isForbidden: false };
    await answer('claim1.1', aborted);
    // Its status had arrived.
    await answer('claim2.1', bad);
    await answer('claim3.1', aborted);
    await delivering;
    expect(sent).toEqual(names(4));
    expect(store.recorded.flat().map(({ seq, status }) => [seq, status])).toEqual([
      ...[
        ['1', 204],
        ['3', 500],
      ],
    ]);
    expect(store.receiver).toMatchObject({ failuresInARow: 1 });
    expect(store.deliveries.filter(({ attempts }) => attempts > 0)).toHaveLength(2);
  });

  it('a stop before the first request sends nothing', async () => {
    const { store, sent, deliver, stop } = setUp(() => ok);
    store.add(...names(3));
    stop();
    await deliver();
    expect([sent, store.named('pending')]).toEqual([[], names(3)]);
  });

  it('ends when another process has taken over, and stores nothing', async () => {
    const { store, sent, deliver } = setUp((name) => {
      if (name === 'claim1.1') store.epoch += 1;
      return ok;
    }, 1);
    store.add(...names(2_500));
    await deliver();
    expect(store.recorded).toEqual([]);
    expect(sent.length).toBeLessThanOrEqual(1_000);
  });

  it('ends its turn after 10 seconds, also in the middle of a page', async () => {
    const { clock, store, sent, deliver } = setUp(async () => {
      await clock.advance(3_000);
      return ok;
    }, 1);
    store.add(...names(100));
    await deliver();
    expect(sent).toEqual(names(4));
    expect(store.named('delivered')).toEqual(names(4));
  });

  it.each([0, -1])('sends one event at a time where %d may be under way', async (inFlight) => {
    const { store, deliver, mostUnderWay } = setUp(async () => ok, inFlight);
    store.add(...names(9));
    await deliver();
    expect([store.named('delivered').length, mostUnderWay()]).toEqual([9, 1]);
  });

  it('does nothing for a webhook that is gone, disabled or waits', async () => {
    const { store, sent, deliver } = setUp(() => ok);
    store.add(...names(3));
    store.receiver = { ...store.receiver, disabledReason: 'an operator disabled it' };
    await deliver();
    expect([sent, store.limits]).toEqual([[], []]);
  });
});
