// SPDX-License-Identifier: GPL-3.0-or-later
/** The alarms of one sale. */
import { granted } from '../../figures/rates.ts';
import type { SaleSecond } from '../../figures/sale-second.ts';
import type { Sale } from '../live/sale-data.ts';
import {
  formatCount,
  formatDuration,
  formatMilliseconds,
  formatRate,
  showInvisible,
} from '../ui/format.ts';
import { type Alarm, type AlarmSet, alarmsFrom, joinAlarms } from './alarm.ts';
import { type ServiceFacts, serviceAlarmsOf } from './service-alarms.ts';

const windowSeconds = 60;
const peakSeconds = 600;

// CLAIM_WAIT_MAX_MS by default: a claim that would wait longer for its batch is refused. So answers take longer only where
// something else than the load is slow.
const p99MsMax = 1_000;

// The limits of the alert FirstcomeGoodputFalls.
const shedsMax = 1;
const shedShareMax = 0.1;
const goodputShareMin = 0.5;

// As in firstcome:decisions:rate1m.
const decisions = [
  ...['claimed', 'replayed', 'already_claimed', 'not_open', 'paused', 'closed', 'sold_out'],
  'coupon_not_found',
];

// A process that is killed loses its last second: that alone is no alarm.
const missingSecondsMin = 3;

/** The alarms of a sale and of the service. `nowMs` is the time of the service, `ageMs` how old the newest data is. */
export function alarmsOf({
  sale,
  service,
  nowMs,
  ageMs,
}: {
  sale: Sale;
  service: ServiceFacts;
  nowMs: number | undefined;
  ageMs: number | undefined;
}): AlarmSet {
  const hasArrived = sale.seconds.length > 0;
  const notYet = { state: sale.refusal === undefined ? 'pending' : 'unknown' } as const;
  const overview = sale.overview;
  return joinAlarms([
    { alarms: staleAlarms(sale, nowMs, ageMs), unknown: [], pending: [] },
    serviceAlarmsOf(service),
    alarmsFrom(
      'p99',
      overview === undefined ? notYet : { state: 'known', value: overview.p99_ms },
      (p99Ms) => slowAlarms(p99Ms, sale.seconds),
    ),
    alarmsFrom(
      'outcomes of the last minute',
      hasArrived ? { state: 'known', value: sale.seconds } : notYet,
      (seconds) => [
        ...missingAlarms(seconds),
        ...sheddingAlarms(seconds),
        ...silenceAlarms(sale, nowMs),
      ],
    ),
  ]);
}

function staleAlarms(
  { status, refusal }: Sale,
  nowMs: number | undefined,
  ageMs: number | undefined,
): Alarm[] {
  if (status !== 'stale') return [];
  // The client makes the problem itself where no answer arrives. A session that has ended has a dialog of its own.
  const isAnswer = refusal?.problem.instance !== '' && refusal?.outcome !== 'unauthorized';
  const { detail, title } = refusal?.problem ?? {};
  const reason =
    refusal && isAnswer ? ` The service says: ${showInvisible(detail ?? title ?? '')}` : '';
  return [
    {
      ...{ id: 'stale', severity: 'critical', section: 'firstcomedown' },
      text: `No data arrives. What the page shows is old. It tries again by itself.${reason}`,
      ...(nowMs !== undefined && ageMs !== undefined && { sinceMs: nowMs - ageMs }),
    },
  ];
}

function slowAlarms(p99Ms: number | null, seconds: readonly SaleSecond[]): Alarm[] {
  if (p99Ms === null || p99Ms <= p99MsMax) return [];
  const answered = seconds.filter((second) => second.p99Ms !== null);
  const lastFast = answered.findLastIndex((second) => (second.p99Ms ?? 0) <= p99MsMax);
  const firstSlow = answered[lastFast + 1];
  return [
    {
      ...{ id: 'slow', severity: 'warning', section: 'firstcomecommitsslow' },
      text: `One claim in a hundred waits for ${formatMilliseconds(p99Ms)} or longer. The limit is ${formatMilliseconds(p99MsMax)}.`,
      ...(firstSlow === undefined ? {} : { sinceMs: firstSlow.atMs }),
    },
  ];
}

function missingAlarms(seconds: readonly SaleSecond[]): Alarm[] {
  // Before the first counts there was no service, or no sale.
  const first = seconds.findIndex(isCounted);
  const recent = first === -1 ? [] : seconds.slice(first).slice(-windowSeconds);
  const missing = recent.filter((second) => !isCounted(second));
  const [firstMissing] = missing;
  if (firstMissing === undefined || missing.length < missingSecondsMin) return [];
  return [
    {
      ...{ id: 'missing', severity: 'warning', section: 'alarms-of-the-console' },
      text: `Counts are missing in ${missing.length} of the last ${recent.length} seconds. What is shown of them may be too low.`,
      sinceMs: firstMissing.atMs,
    },
  ];
}

function isCounted({ outcomes, isComplete }: SaleSecond): boolean {
  return outcomes !== null && isComplete;
}

/** Claims that were refused to limit the load. */
function sheddingAlarms(seconds: readonly SaleSecond[]): Alarm[] {
  const recent = seconds.slice(-windowSeconds);
  const sheds = rateOf(recent, ['overloaded']);
  const decided = rateOf(recent, decisions);
  if (sheds <= shedsMax || sheds <= shedShareMax * decided) return [];
  const peak = highestMinute(seconds.slice(-peakSeconds));
  const isFalling = decided < goodputShareMin * peak;
  const rates = `Claims refused as overloaded: ${formatRate(sheds)} a second in the last minute, while ${formatRate(decided)} a second are decided`;
  return [
    {
      ...{ id: 'shedding', section: 'firstcomegoodputfalls' },
      severity: isFalling ? 'critical' : 'warning',
      text: isFalling ? `${rates}, after ${formatRate(peak)} a second before.` : `${rates}.`,
    },
  ];
}

/** How many claims a second had one of the codes, over the seconds that are known. */
function rateOf(seconds: readonly SaleSecond[], codes: readonly string[]): number {
  const known = seconds.filter(({ outcomes }) => outcomes !== null);
  const sum = known.reduce((total, second) => total + countOf(second, codes), 0);
  return known.length === 0 ? 0 : sum / known.length;
}

function countOf({ outcomes }: SaleSecond, codes: readonly string[]): number {
  return codes.reduce((sum, code) => sum + (outcomes?.[code] ?? 0), 0);
}

/** The highest rate of decisions of any minute. */
function highestMinute(seconds: readonly SaleSecond[]): number {
  let sum = 0;
  let highest = 0;
  for (const [index, second] of seconds.entries()) {
    sum += countOf(second, decisions);
    const left = seconds[index - windowSeconds];
    if (left !== undefined) sum -= countOf(left, decisions);
    highest = Math.max(highest, sum);
  }
  return highest / windowSeconds;
}

/** Open for a minute, with units left, and nobody got one. */
function silenceAlarms({ overview, seconds }: Sale, nowMs: number | undefined): Alarm[] {
  const recent = seconds.slice(-windowSeconds);
  if (overview === undefined || nowMs === undefined || recent.length < windowSeconds) return [];
  const { state, opens_at, remaining_amount } = overview.coupon;
  const opensMs = opens_at === null ? undefined : Date.parse(opens_at);
  const isOpenForLong = opensMs === undefined || nowMs - opensMs > windowSeconds * 1_000;
  if (state !== 'open' || remaining_amount === 0 || !isOpenForLong) return [];
  // Where counts are missing nobody knows, and a claim that found the sale closed shows that it has opened since.
  const isUnknown = recent.some(({ outcomes }) => outcomes === null);
  if (isUnknown || recent.some((second) => countOf(second, ['not_open', 'paused', 'closed']) > 0)) {
    return [];
  }
  const isClaim = (second: SaleSecond) => countOf(second, ['claimed']) > 0;
  if (recent.some(isClaim)) return [];
  const last = seconds.findLast(isClaim);
  const beganMs = Math.max(opensMs ?? 0, seconds[0]?.atMs ?? 0);
  const sinceMs = last === undefined ? beganMs : last.atMs + 1_000;
  const refused = recent
    .flatMap(({ outcomes }) => Object.entries(outcomes ?? {}))
    .reduce((sum, [code, count]) => (granted.has(code) ? sum : sum + count), 0);
  const queued = recent.reduce((sum, second) => sum + countOf(second, ['accepted']), 0);
  const intoQueue = queued === 0 ? '' : ` Put into the queue: ${formatCount(queued)}.`;
  const length = formatDuration(nowMs - sinceMs);
  return [
    {
      ...{ id: 'silence', severity: 'warning', section: 'alarms-of-the-console' },
      text: `The sale is open with ${formatCount(remaining_amount)} units left, but no claim has succeeded for ${length}. Refused in the last minute: ${formatCount(refused)}.${intoQueue}`,
      sinceMs,
    },
  ];
}
