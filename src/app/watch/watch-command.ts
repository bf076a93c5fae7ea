// SPDX-License-Identifier: GPL-3.0-or-later
/** The command `watch`: shows a sale of a running service, with the client of its API, as any operator can. */
import { systemClock } from '../../adapters/system/clock.ts';
import { FirstcomeClient, FirstcomeError } from '../../client.ts';
import type { Config } from '../../config.ts';
import type { StartError } from '../../core/errors.ts';
import { quotedText } from '../../core/shown-text.ts';
import type { Output, WatchOptions } from '../../entrypoints/cli/program.ts';
import { ownUrl } from '../own-url.ts';
import { isNotSent, noAnswerBy, notFirstcome, originOf, refusalBy } from '../service-client.ts';
import { frameOf } from './frame.ts';
import { jsonLine, plainLine, readingOf } from './reading.ts';
import { RefusedCallError, SaleFeed } from './sale-feed.ts';
import { type SaleView, viewOf } from './sale-view.ts';
import { Screen, type ScreenStream } from './screen.ts';

/** Where a sale is shown: on `screen`, or in lines without one. */
export type WatchOutput = Output & {
  screen:
    | (ScreenStream & {
        hasColors(): boolean;
        on(event: 'resize', listener: () => void): unknown;
        off(event: 'resize', listener: () => void): unknown;
      })
    | undefined;
};

const everyMs = 1_000;
// A read that takes a little longer than the last one is still shown when it arrives, and not before and after.
const graceMs = 200;

/**
 * Shows the sale until the signal aborts, and then resolves. Rejects with a `StartError` that says what to do when the service
 * refuses the calls, and when it cannot be reached at the start. Later it waits for the service.
 */
export async function watchSale(
  { http: { host, port }, auth }: Config,
  { coupon: couponName, url = ownUrl(host, port), json }: WatchOptions,
  output: WatchOutput,
  signal: AbortSignal,
): Promise<void> {
  const origin = originOf(url);
  // The client tries a call again whose connection was refused. At the start that would only delay the advice.
  const refused = new AbortController();
  const client = new FirstcomeClient({
    url: origin,
    key: (auth.viewerApiKey ?? auth.adminApiKey)?.reveal(),
    fetch: (input, init) =>
      fetch(input, init).catch((error: unknown) => {
        if (isNotSent(error)) refused.abort(error);
        throw error;
      }),
  });
  const feed = new SaleFeed({ client, couponName, clock: systemClock });
  const ended = new AbortController();
  try {
    await feed.start(AbortSignal.any([signal, refused.signal]));
    const show =
      output.screen === undefined || json
        ? inLines(output, json ? jsonLine : plainLine)
        : onScreen(output.screen, origin);
    const shown = showEachSecond(feed, show, AbortSignal.any([signal, ended.signal]));
    await feed.run(signal, shown.showNow).finally(() => ended.abort());
    await shown.end;
  } catch (error) {
    if (signal.aborted) return;
    throw toStartError(error, origin, couponName, refused.signal);
  }
}

/** Shows one view, until `end` is called. */
type Show = {
  show(view: SaleView): void;
  /** Calls the function whenever a view must be shown again. */
  onChange(again: () => void): void;
  end(): void;
};

function inLines(output: Output, lineOf: typeof plainLine): Show {
  return {
    show: (view) => output.stdout(`${lineOf(readingOf(view))}\n`),
    onChange: () => undefined,
    end: () => undefined,
  };
}

function onScreen(stream: NonNullable<WatchOutput['screen']>, origin: string): Show {
  const screen = new Screen(stream);
  const restore = () => screen.restore();
  let again = restore;
  const onResize = () => again();
  // A second Ctrl-C, and an unexpected error, end the process at once.
  process.on('exit', restore);
  // Node continues with the screen of the shell, so it is left before the process stops.
  const onStop = () => {
    restore();
    process.kill(process.pid, 'SIGSTOP');
  };
  process.on('SIGTSTP', onStop).on('SIGCONT', onResize);
  stream.on('resize', onResize);
  return {
    show(view) {
      const { columns, rows } = stream;
      const options = { columns, rows, colours: stream.hasColors(), origin };
      screen.paint(frameOf(view, options));
    },
    onChange(given) {
      again = given;
    },
    end() {
      stream.off('resize', onResize);
      process.off('SIGTSTP', onStop).off('SIGCONT', onResize).off('exit', restore);
      screen.close();
    },
  };
}

/** Shows the feed when `showNow` is called, and each second without a call. */
function showEachSecond(
  feed: SaleFeed,
  show: Show,
  signal: AbortSignal,
): { showNow(): void; end: Promise<void> } {
  let dueMs = 0;
  const showNow = () => {
    const nowMs = systemClock.nowMs();
    const view = viewOf(feed, nowMs);
    if (view !== undefined) show.show(view);
    dueMs = nowMs + everyMs + graceMs;
  };
  const repeat = async () => {
    try {
      while (!signal.aborted) {
        const leftMs = dueMs - systemClock.nowMs();
        if (leftMs <= 0) showNow();
        else await systemClock.sleep(leftMs, signal);
      }
    } finally {
      show.end();
    }
  };
  show.onChange(showNow);
  return { showNow, end: repeat() };
}

/** What happened, and what to do about it. */
function toStartError(
  error: unknown,
  origin: string,
  couponName: string,
  refused: AbortSignal,
): unknown {
  if (refused.aborted && error === refused.reason) return noAnswerBy(origin, error);
  if (error instanceof FirstcomeError) return notFirstcome(origin, error.status);
  if (!(error instanceof RefusedCallError)) return error;
  return refusalOf(error, origin, couponName);
}

function refusalOf({ problem }: RefusedCallError, origin: string, name: string): StartError {
  if (problem.code === 'unavailable' && problem.instance === '') return noAnswerBy(origin, problem);
  return refusalBy(origin, problem, {
    coupon_not_found: [
      `there is no coupon ${quotedText(name)} at ${origin}`,
      'Names are compared letter by letter. GET /api/coupons lists them.',
    ],
    unauthorized: [
      `the service at ${origin} wants a valid key (401)`,
      'Set VIEWER_API_KEY or ADMIN_API_KEY to a key of the service.',
    ],
    forbidden: [problem.detail, 'Set VIEWER_API_KEY or ADMIN_API_KEY to that key of the service.'],
  });
}
