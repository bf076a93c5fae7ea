// SPDX-License-Identifier: GPL-3.0-or-later
import { describe, expect, it } from 'vitest';
import type { Delivery, RedeliveredEvents, WriteResult } from '../../../client.ts';
import type { ReadPage } from '../../ui/read-pages.ts';
import { failedEventsOf, resendEach } from './resend-events.ts';

function delivery(id: string, second: number, state: Delivery['state']): Delivery {
  return {
    ...{ event_id: id, type: 'claim.confirmed', state, attempts: 2 },
    timestamp: new Date(second * 1_000).toISOString(),
    ...{ last_attempt_at: null, last_status: 500, last_error: null, next_attempt_at: null },
  };
}

/** Pages of one delivery each. */
function pagesOf(...deliveries: Delivery[]) {
  const read: string[] = [];
  const readPage: ReadPage<Delivery> = async (cursor = '0') => {
    const place = Number(cursor);
    const items = deliveries.slice(place, place + 1);
    read.push(items[0]?.event_id ?? '');
    const next_cursor = place + 1 < deliveries.length ? String(place + 1) : null;
    return { outcome: 'ok', status: 200, value: { items, next_cursor }, replayed: false };
  };
  return { read, readPage };
}

const { signal } = new AbortController();

describe('the failed events of a stretch', () => {
  it('are those from its beginning on and before its end, and no page is read after that', async () => {
    const { read, readPage } = pagesOf(
      delivery('at the end', 20, 'given_up'),
      delivery('failed', 19, 'pending'),
      delivery('delivered', 15, 'delivered'),
      delivery('at the beginning', 10, 'given_up'),
      delivery('before', 9, 'given_up'),
      delivery('long before', 8, 'given_up'),
    );
    const found = await failedEventsOf({ sinceMs: 10_000, untilMs: 20_000 }, readPage, signal);
    expect(found).toMatchObject({ outcome: 'ok', value: ['failed', 'at the beginning'] });
    expect(read.at(-1)).toBe('before');
  });

  it('are not known where a page is refused', async () => {
    const refusal = { outcome: 'unavailable', status: 503, problem: {} } as never;
    const stretch = { sinceMs: 0, untilMs: 1 };
    expect(await failedEventsOf(stretch, async () => refusal, signal)).toBe(refusal);
  });
});

describe('sending several events again', () => {
  const ok = (events: number): WriteResult<RedeliveredEvents> => ({
    ...{ outcome: 'ok', status: 202, replayed: false, value: { message: '', events } },
  });

  it('counts those that are sent', async () => {
    const progress: number[] = [];
    const resend = async (event: string) => ok(event === 'too old' ? 0 : 1);
    const result = await resendEach(['a', 'too old', 'b'], resend, (sent) => progress.push(sent));
    expect(result).toMatchObject({ value: { events: 2 } });
    expect(progress).toEqual([1, 2, 3]);
  });

  it('ends with the first result that is no success', async () => {
    const unknown: WriteResult<RedeliveredEvents> = { outcome: 'unknown' };
    const asked: string[] = [];
    const resend = async (event: string) => {
      asked.push(event);
      return event === 'b' ? unknown : ok(1);
    };
    expect(await resendEach(['a', 'b', 'c'], resend, () => {})).toBe(unknown);
    expect(asked).toEqual(['a', 'b']);
  });
});
