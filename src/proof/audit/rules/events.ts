// SPDX-License-Identifier: GPL-3.0-or-later
import type { ReceivedRecord, SubscribedRecord } from '../../history.ts';
import { counted } from '../../numbers.ts';
import { placeOf } from '../event-place.ts';
import type { Evidence, Sale, StoredClaim } from '../evidence.ts';
import { type ExpectedEvent, expectedEvents } from '../expected-events.ts';
import type { Outside } from '../outside.ts';
import { microseconds } from '../times.ts';
import { RuleFindings, type RuleReport } from '../verdict.ts';

/**
 * R15. Each change of a claim, and each event of a coupon, reaches the subscriber at least once: under the id of its place in
 * the ledger, with what the ledger says, and signed. Events of one claim arrive in order, each for the first time. Nothing
 * is received that the ledger does not have.
 */
export function eventsAreDelivered({ sales, outside }: Evidence): RuleReport {
  const findings = new RuleFindings(
    'R15',
    'each change is delivered, in order, and nothing is invented',
    'no subscriber was recorded',
  );
  const { subscriptions, received, delivered } = outside;
  if (subscriptions.length === 0) return findings.end();
  const saleOf = new Map(sales.map((sale) => [sale.name, sale]));
  for (const one of received) {
    if (!one.signed) findings.violation(() => `${describe(one)} is not signed as it should be`);
    if (subscriptions.some(({ coupon }) => coupon === one.coupon)) continue;
    findings.violation(() => `${describe(one)} is of another coupon than its webhook`);
  }
  for (const subscription of subscriptions) {
    const sale = saleOf.get(subscription.coupon);
    if (sale?.coupon === undefined) continue;
    compareSale({ sale, subscription, outside }, findings);
  }
  if (delivered === undefined) findings.undecided('it is not known what was left to deliver');
  else if (delivered.pending > 0) {
    findings.undecided(`still to be delivered: ${counted(delivered.pending, 'event')}`);
  } else if (delivered.given_up > 0) {
    findings.violation(() => `given up: ${counted(delivered.given_up, 'event')}`);
  }
  return findings.end();
}

type Context = { sale: Sale; subscription: SubscribedRecord; outside: Outside };

function compareSale({ sale, subscription, outside }: Context, findings: RuleFindings): void {
  const { name, coupon, held } = sale;
  const expected = new Map(expectedEvents(sale).map((event) => [placeText(event), event]));
  const claims = new Map(held.map((one) => [one.claim.position, one]));
  const firsts = new Map<string, ReceivedRecord>();
  const lastOf = new Map<number, ExpectedEvent>();
  let lastSeq = 0;
  for (const one of outside.received) {
    if (one.coupon !== name) continue;
    findings.checked += 1;
    const place = placeOf(one.id);
    const event = place?.couponId === coupon?.id && place && expected.get(placeText(place));
    const problem =
      event === undefined || event === false
        ? 'is in no row of the ledger'
        : (differenceOf(one, { event, claim: claims.get(event.position ?? 0) }) ??
          repeatProblem(one, firsts.get(one.id)));
    if (problem !== undefined) findings.violation(() => `${describe(one)} ${problem}`);
    if (event === undefined || event === false || firsts.has(one.id)) continue;
    firsts.set(one.id, one);
    lastSeq = Math.max(lastSeq, Number(event.seq));
    if (event.position === undefined) continue;
    const before = lastOf.get(event.position);
    if (before !== undefined && isBefore(event, before)) {
      findings.violation(() => `${describe(one)} arrives after ${placeText(before)} of its claim`);
    }
    lastOf.set(event.position, event);
  }
  if (outside.delivered?.pending !== 0) return;
  const arrived = new Set([...firsts.keys()].map((id) => placeText(placeOf(id))));
  for (const event of expected.values()) {
    if (!isWanted(event, { subscription, lastSeq }) || arrived.has(placeText(event))) continue;
    findings.checked += 1;
    const of = claims.get(event.position ?? 0)?.claim.user_id;
    const whose = of === undefined ? '' : ` of ${of}`;
    findings.violation(() => `${name}: ${event.type}${whose}, seq ${event.seq}, never arrived`);
  }
}

/** Whether the subscriber is to get it. What the clock does after all else may happen after the recording. */
function isWanted(
  { type, at, seq }: ExpectedEvent,
  { subscription, lastSeq }: { subscription: SubscribedRecord; lastSeq: number },
): boolean {
  if (!subscription.events.includes(type)) return false;
  if (microseconds(at) < microseconds(subscription.created_at)) return false;
  const isOfClock = type === 'coupon.opened' || type === 'coupon.closed';
  return !isOfClock || Number(seq) < lastSeq;
}

function differenceOf(
  one: ReceivedRecord,
  { event, claim }: { event: ExpectedEvent; claim: StoredClaim | undefined },
): string | undefined {
  if (one.event !== event.type) return `is ${event.type} by the ledger`;
  if (microseconds(one.at) !== microseconds(event.at)) return `happened at ${event.at}`;
  if (event.position === undefined) return undefined;
  const { claim_id: id, user_id: user } = claim?.claim ?? {};
  if (one.claim_id !== id || one.user !== user || one.position !== event.position) {
    return `is of claim ${id} of ${user} by the ledger`;
  }
  return one.state === event.state ? undefined : `leaves the claim ${event.state} by the ledger`;
}

function repeatProblem(one: ReceivedRecord, first: ReceivedRecord | undefined): string | undefined {
  if (first === undefined) return undefined;
  const isSame = first.event === one.event && first.at === one.at && first.state === one.state;
  return isSame ? undefined : 'is repeated with another content';
}

function isBefore(a: ExpectedEvent, b: ExpectedEvent): boolean {
  return Number(a.seq) < Number(b.seq) || (a.seq === b.seq && a.n < b.n);
}

function placeText(place: { seq: string; n: number } | undefined): string {
  return `${place?.seq}/${place?.n}`;
}

function describe({ id, event, coupon, user }: ReceivedRecord): string {
  return `event ${id}, ${event} of ${coupon}${user === undefined ? '' : ` by ${user}`},`;
}
