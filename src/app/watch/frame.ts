// SPDX-License-Identifier: GPL-3.0-or-later
/** What `firstcome watch` shows on a terminal. */
import { columnsOf, quotedText, shownText } from '../../core/shown-text.ts';
import type { Rates, RefusalRate } from '../../figures/rates.ts';
import type { SaleSecond } from '../../figures/sale-second.ts';
import { estimateSeconds } from '../../figures/time-to-sold-out.ts';
import { type Line, type Part, render, row } from './lines.ts';
import { minutesShown } from './sale-feed.ts';
import { answersAgeSMax, type SaleView, stockAgeSMax } from './sale-view.ts';
import {
  answerTime,
  count,
  duration,
  localTime,
  percent,
  rate,
  unknown,
  utcTime,
} from './shown-numbers.ts';
import { bar, columnsOfSeconds, sparkline } from './sparkline.ts';

/** The terminal, and how to write for it. */
export type FrameOptions = {
  columns: number;
  rows: number;
  colours: boolean;
  /** The URL of the service. */
  origin: string;
  /** By default the zone of this machine. */
  timeZone?: string | undefined;
};

const refusalsMax = 12;

/** The lines of a frame, from top to bottom: no more, and none longer, than the terminal has room for. */
export function frameOf(view: SaleView, options: FrameOptions): string[] {
  const { columns, rows, colours } = options;
  const above = [...headLines(view, options), ...stockLines(view, options)];
  const below = [
    [],
    ...sparklines(view, columns),
    [{ text: 'Ctrl-C ends', style: 'dim' as const }],
  ];
  const left = rows - above.length - below.length;
  const lines = [
    ...above,
    ...rateLines(view, Math.min(refusalsMax, Math.max(1, left - 3))),
    ...below,
  ];
  return lines.slice(0, rows).map((line) => render(line, { columns, colours }));
}

const stateStyles: Record<string, Part['style']> = { open: 'good', paused: 'warn', closed: 'bad' };

function headLines(view: SaleView, { columns, timeZone, origin }: FrameOptions): Line[] {
  const { coupon } = view.overview;
  const { state, paused, pause_reason: reason, archived } = coupon;
  const isSoldOut = coupon.remaining_amount === 0;
  const words = [state, isSoldOut && 'sold out', archived && 'archived'].filter(Boolean);
  const stateParts: Part[] = [{ text: words.join(', '), style: stateStyles[state] }];
  if (paused && reason !== null) stateParts.push({ text: quotedText(reason) });
  return [
    // Alone on its line: writing from right to left must not move what follows.
    [{ text: quotedText(coupon.name), style: 'strong' }],
    ...(coupon.title === null ? [] : [[{ text: shownText(coupon.title) }]]),
    ...row('state', stateParts, columns),
    ...windowLines(view, columns, timeZone),
    ...row('clock', timeParts(view.serverMs, timeZone), columns),
    ...row('data', dataParts(view), columns),
    ...row('service', healthParts(view, origin), columns),
    [],
  ];
}

/** When the sale opens or, if that is past, when it closes. */
function windowLines({ overview, serverMs }: SaleView, columns: number, zone?: string): Line[] {
  const { opens_at: opensAt, closes_at: closesAt } = overview.coupon;
  const opensMs = opensAt === null ? undefined : Date.parse(opensAt);
  if (opensMs !== undefined && opensMs > serverMs) return momentLines('opens', opensMs);
  if (closesAt === null) return row('closes', [{ text: 'when an operator closes it' }], columns);
  return momentLines('closes', Date.parse(closesAt));

  function momentLines(label: string, ms: number): Line[] {
    const seconds = (ms - serverMs) / 1000;
    const text = seconds > 0 ? `in ${duration(seconds)}` : `${duration(-seconds)} ago`;
    const parts: Part[] = [{ text, style: 'strong' }, ...timeParts(ms, zone)];
    return row(seconds > 0 || label === 'opens' ? label : 'closed', parts, columns);
  }
}

function timeParts(ms: number, zone?: string): Part[] {
  const local: Part = { text: localTime(ms, zone) };
  return local.text.endsWith(' UTC') ? [local] : [local, { text: utcTime(ms) }];
}

function dataParts({ stockAgeS, answersAgeS, trouble }: SaleView): Part[] {
  const age = (name: string, seconds: number | undefined, max: number): Part => {
    if (seconds === undefined) return { text: `${name} ${unknown}` };
    const isOld = seconds > max;
    const text = seconds < 60 ? `${seconds.toFixed(1)} s` : duration(seconds);
    return isOld
      ? { text: `${name} STALE, ${text} old`, style: 'bad' }
      : { text: `${name} ${text} old` };
  };
  const parts = [
    age('stock', stockAgeS, stockAgeSMax),
    age('answers', answersAgeS, answersAgeSMax),
  ];
  return trouble === undefined
    ? parts
    : [...parts, { text: shownText(`the service: ${trouble}`), style: 'bad' }];
}

const reasons: Record<string, string> = {
  installation_changed: 'its database is not the one that it was started on',
  history_lost: 'its database lacks acknowledged claims; see firstcome accept-history',
  commits_stalled: 'its database answers, but no commit succeeds',
  durability_too_low: 'its database commits less durably than DURABILITY_MIN demands',
};

function healthParts({ health }: SaleView, origin: string): Part[] {
  const at: Part = { text: origin };
  if (health === undefined) return [{ text: `health ${unknown}`, style: 'warn' }, at];
  const { status, reason, durability, queue } = health;
  const queueParts: Part[] = queue === 'away' ? [{ text: 'queue away', style: 'bad' }] : [];
  if (status === 'healthy') {
    return [
      { text: 'healthy', style: 'good' },
      { text: `durability ${durability ?? unknown}` },
      ...queueParts,
      at,
    ];
  }
  const why = reason === undefined ? 'its database cannot decide claims' : reasons[reason];
  const text = `unhealthy: ${why ?? shownText(reason ?? unknown)}`;
  return [{ text, style: 'bad' }, ...queueParts, at];
}

function stockLines(view: SaleView, { columns }: FrameOptions): Line[] {
  const { coupon, claims, ...overview } = view.overview;
  const { amount, remaining_amount: remaining } = coupon;
  const stock = `${count(remaining)} of ${count(amount)}`;
  const parts: Part[] = [{ text: stock, style: 'strong' }, { text: percent(remaining, amount) }];
  const cells = columns - columnsOf(`remaining  ${stock}  ${percent(remaining, amount)}  []`);
  if (cells >= 10) {
    parts.push({ text: `[${bar(remaining, amount, Math.min(cells, 50))}]`, style: 'figure' });
  }
  const states = ['confirmed', 'reserved', 'redeemed', 'released'] as const;
  const claimParts = states.map((state) => ({ text: `${count(claims?.[state])} ${state}` }));
  const answers = [
    { text: `p50 ${answerTime(overview.p50_ms)}` },
    { text: `p99 ${answerTime(overview.p99_ms)}` },
    { text: `${count(overview.waiting_claims)} waiting` },
  ];
  return [
    ...row('remaining', parts, columns),
    ...row('sold out', [{ text: soldOutText(view) }], columns),
    ...row('claims', claimParts, columns),
    ...row('answers', answers, columns),
    [],
  ];
}

function soldOutText({ overview, soldOutInS, serverMs }: SaleView): string {
  if (overview.coupon.remaining_amount === 0) return 'yes, no unit remains';
  if (soldOutInS === undefined) return unknown;
  const text = `in about ${duration(soldOutInS)} at the rate of the last ${estimateSeconds} s`;
  const { closes_at: closesAt } = overview.coupon;
  const isLater = closesAt !== null && Date.parse(closesAt) < serverMs + soldOutInS * 1000;
  return isLater ? `${text}: after its end` : text;
}

const codeColumns = 'claim_limit_reached *'.length;
const rateColumns = 'last second'.length + 1;

/** Rates in a table, with so many codes of refusals. */
function rateLines({ lastSecond, tenSeconds }: SaleView, refusalsShown: number): Line[] {
  const of = (name: string, last: string, mean: string, style?: Part['style']): Line => [
    { text: name.padEnd(codeColumns), style },
    { text: last.padStart(rateColumns), style },
    { text: mean.padStart(rateColumns), style },
  ];
  const claimed = of('claimed', rate(lastSecond?.claimed), rate(tenSeconds?.claimed), 'strong');
  const head = of('per second', 'last second', 'in 10 s', 'dim');
  const codes = tenSeconds?.refusals ?? [];
  if (codes.length === 0) {
    const none = tenSeconds === undefined ? unknown : '0';
    return [head, claimed, of('refused', lastSecond === undefined ? unknown : '0', none)];
  }
  const shown = codes.length > refusalsShown ? codes.slice(0, refusalsShown - 1) : codes;
  const lines = shown.map((one) => {
    const name = shownText(one.code) + (one.isOfAnyCoupon ? ' *' : '');
    return of(name, rate(lastOf(lastSecond, one)), rate(one.perSecond));
  });
  const hidden = codes.length - shown.length;
  return [
    head,
    claimed,
    ...lines,
    ...(hidden > 0 ? [[{ text: `and ${hidden} more codes`, style: 'dim' as const }]] : []),
    ...(shown.some(({ isOfAnyCoupon }) => isOfAnyCoupon)
      ? [[{ text: '* refused before its body was read: of any coupon', style: 'dim' as const }]]
      : []),
  ];
}

function lastOf(rates: Rates | undefined, one: RefusalRate): number | undefined {
  if (rates === undefined) return undefined;
  const found = rates.refusals.find(
    ({ code, isOfAnyCoupon }) => code === one.code && isOfAnyCoupon === one.isOfAnyCoupon,
  );
  return found?.perSecond ?? 0;
}

/** Claims per second and remaining units over the last minutes, as far as they are known. */
function sparklines(view: SaleView, columns: number): Line[] {
  const { seconds, overview } = view;
  const width = Math.max(1, Math.min(columns, 80) - 'remaining  '.length);
  const perColumn = Math.ceil((minutesShown * 60) / width);
  const shape = { perColumn, count: Math.floor((minutesShown * 60) / perColumn) };
  const claimed = columnsOfSeconds(seconds, claimedIn, shape);
  const peak = Math.max(0, ...claimed.map((value) => value ?? 0));
  const lineOf = (label: string, text: string) =>
    row(label, [{ text, style: 'figure' }], Number.POSITIVE_INFINITY);
  const note = `last ${minutesShown} minutes, ${perColumn} s a column, up to ${rate(peak)} claims/s`;
  return [
    ...lineOf('claims/s', sparkline(claimed, peak)),
    ...lineOf(
      'remaining',
      sparkline(columnsOfSeconds(seconds, remainingIn, shape), overview.coupon.amount),
    ),
    ...row('', [{ text: note, style: 'dim' }], columns),
  ];
}

/** The claims of a second; undefined where these are not all that there were. */
function claimedIn({ isComplete, outcomes }: SaleSecond): number | undefined {
  return isComplete && outcomes !== null ? (outcomes.claimed ?? 0) : undefined;
}

function remainingIn({ remaining }: SaleSecond): number | undefined {
  return remaining ?? undefined;
}
