// SPDX-License-Identifier: GPL-3.0-or-later
/** Sends again what failed in a stretch of time. The service itself sends either one event, or all of a stretch. */
import type { Delivery, ReadResult, RedeliveredEvents, WriteResult } from '../../../client.ts';
import { type ReadPage, readPages } from '../../ui/read-pages.ts';
import { isFailed } from './delivery-words.ts';

/** From `sinceMs` on and before `untilMs`, in milliseconds since 1970. */
export type Stretch = { sinceMs: number; untilMs: number };

/** The ids of the events of a stretch whose last attempt has failed, the newest first. */
export async function failedEventsOf(
  { sinceMs, untilMs }: Stretch,
  readPage: ReadPage<Delivery>,
  signal: AbortSignal,
): Promise<ReadResult<string[]>> {
  const failed: string[] = [];
  let cursor: string | null | undefined;
  while (cursor !== null) {
    const found = await readPages({ readPage, cursor, count: 1, signal });
    if (found.refusal !== undefined) return found.refusal;
    for (const delivery of found.items) {
      const atMs = Date.parse(delivery.timestamp);
      if (atMs < untilMs && atMs >= sinceMs && isFailed(delivery)) failed.push(delivery.event_id);
    }
    const oldest = found.items.at(-1);
    if (oldest !== undefined && Date.parse(oldest.timestamp) < sinceMs) break;
    cursor = found.cursor;
  }
  return { outcome: 'ok', status: 200, value: failed, replayed: false };
}

/** Sends events again, one after the other. Ends with the first result that is no success. Safe to repeat. */
export async function resendEach(
  events: readonly string[],
  resend: (eventId: string) => Promise<WriteResult<RedeliveredEvents>>,
  onProgress: (sent: number) => void,
): Promise<WriteResult<RedeliveredEvents>> {
  let sent = 0;
  let tried = 0;
  for (const event of events) {
    const result = await resend(event);
    if (result.outcome !== 'ok') return result;
    sent += result.value.events;
    tried += 1;
    onProgress(tried);
  }
  const value = { message: 'events are sent again', events: sent };
  return { outcome: 'ok', status: 202, value, replayed: false };
}
