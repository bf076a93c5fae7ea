// SPDX-License-Identifier: GPL-3.0-or-later
import { environment } from './environment.ts';
import { FirstcomeError } from './errors.ts';
import type { Refusal, Unknown } from './results.ts';

type Page = { outcome: string; value?: { next_cursor: string | null; [items: string]: unknown } };

/** Yields the items of all pages. Reads a page when its first item is asked for. Throws what refuses a page. */
export async function* eachItem(
  readPage: (cursor: { cursor?: string }) => Promise<unknown>,
  items: string,
): AsyncGenerator<unknown, void, undefined> {
  let cursor: { cursor?: string } | undefined = {};
  while (cursor !== undefined) {
    const page = (await readPage(cursor)) as Page;
    if (page.value === undefined) throw refusedError(page as Refusal);
    yield* page.value[items] as unknown[];
    const next: string | null = page.value.next_cursor;
    cursor = next === null ? undefined : { cursor: next };
  }
}

// Event streams have at least a comment every 15 seconds.
const silenceMsMax = 45_000;

/** Yields the lines of a body as they arrive, without their ends. Throws if it ends within a line, or pauses for 45 seconds. */
export async function* linesOf(
  body: ReadableStream<Uint8Array>,
): AsyncGenerator<string, void, undefined> {
  const reader = body.getReader();
  const decoder = new TextDecoder();
  let rest = '';
  let isSilent = false;
  const cancel = () => reader.cancel().catch(() => undefined);
  try {
    for (;;) {
      const stopTimer = environment.after(silenceMsMax, () => {
        isSilent = true;
        void cancel();
      });
      const { done, value } = await reader.read().finally(stopTimer);
      if (done) break;
      const lines = (rest + decoder.decode(value, { stream: true })).split(/\r?\n/);
      rest = lines.pop() ?? '';
      yield* lines;
    }
    if (isSilent || rest !== '') throw new Error('the body ended early');
  } finally {
    // The caller may want no more of it.
    void cancel();
  }
}

/** Runs an iterator with a signal that also aborts when its caller stops early, so that its connection is closed. */
export async function* untilStopped<Item>(
  signal: AbortSignal | undefined,
  run: (signal: AbortSignal) => AsyncGenerator<Item, void, undefined>,
): AsyncGenerator<Item, void, undefined> {
  const controller = new AbortController();
  const abort = () => controller.abort(signal?.reason);
  signal?.throwIfAborted();
  signal?.addEventListener('abort', abort);
  try {
    yield* run(controller.signal);
  } finally {
    signal?.removeEventListener('abort', abort);
    controller.abort();
  }
}

/** What an iterator throws in place of a result. */
export function refusedError(result: Refusal | Unknown): FirstcomeError {
  const { outcome, problem } = result;
  return new FirstcomeError(`${outcome}: ${problem?.detail}`, {
    ...(problem && { status: problem.status }),
    result,
  });
}
