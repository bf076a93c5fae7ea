// SPDX-License-Identifier: GPL-3.0-or-later
import { sleep } from './environment.ts';
import { linesOf, refusedError } from './iterate.ts';
import type { WriteResult } from './results.ts';
import { delayMs } from './retry.ts';

/** Opens the stream, after the event with this id if there is one. */
export type OpenStream = (lastEventId: string | undefined) => Promise<WriteResult<unknown>>;

/** What the fields of a stream have set. */
type StreamState = { lastEventId: string | undefined; retryMs: number };

/**
 * Yields the data of the events of a stream. Connects again after the last event when it ends, breaks or pauses. Ends with
 * the event for which `isLast` is true, or with status 204. Throws what refuses a connection, and when the signal aborts.
 */
export async function* followEvents(
  open: OpenStream,
  isLast: (data: unknown) => boolean,
  signal: AbortSignal,
): AsyncGenerator<unknown, void, undefined> {
  const state: StreamState = { lastEventId: undefined, retryMs: 0 };
  for (let failures = 1; ; failures += 1) {
    const result = await open(state.lastEventId);
    if (result.outcome !== 'ok') throw refusedError(result);
    const { body } = result.value as Response;
    if (result.status === 204 || body === null) return;
    const events = eventsOf(body, state);
    for (;;) {
      // A stream that breaks is opened again, as one that ends.
      const { done, value } = await events.next().catch(() => ({ done: true, value: undefined }));
      if (done) break;
      failures = 0;
      yield value;
      if (isLast(value)) return;
    }
    signal.throwIfAborted();
    await sleep(state.retryMs + delayMs(Math.max(1, failures), null), signal);
  }
}

async function* eventsOf(
  body: ReadableStream<Uint8Array>,
  state: StreamState,
): AsyncGenerator<unknown, void, undefined> {
  let id = state.lastEventId;
  let data = '';
  for await (const line of linesOf(body)) {
    const [, field, value = ''] = /^(\w+): ?(.*)$/.exec(line) ?? [];
    if (field === 'data') data += value;
    if (field === 'id') id = value;
    if (field === 'retry') state.retryMs = Number(value) || 0;
    if (line === '' && data !== '') {
      state.lastEventId = id;
      yield JSON.parse(data);
      data = '';
    }
  }
}
