// SPDX-License-Identifier: GPL-3.0-or-later
/** Compares how claims fare in the seconds of a fault with the other seconds of the same run. */
import type { Outcome } from './fault-row.ts';
import type { TimeSpan } from './fault-spans.ts';
import { isDisturbed, isServed, type Seen } from './seen.ts';

const secondMs = 1000;
// Stricter than 0.9: claims that hang for a second of ten are found, too.
const shareMin = 0.95;
// A second with fewer claims says nothing.
const claimsMin = 20;
// A claim may wait 50 ms for Redis. The rest allows for a busy machine.
const waitMs = { factor: 3, more: 100 };

/** How claims fare in some seconds. */
type Fare = {
  /** The share of the claims that were decided within a second. */
  share: number;
  /** How long half of the claims of the median second waited at most, in milliseconds. */
  waitMs: number;
};

/** Compares the seconds of each fault with those before the first one. Returns the violations. */
export function goodputKept({
  seen,
  faults,
  note,
  lack,
}: Pick<Outcome, 'seen' | 'faults' | 'note' | 'lack'>): string[] {
  const [first] = faults;
  const claims = seen.filter(({ f }) => f === 'claim');
  const calm = first && fareOf(claims, { fromMs: claims[0]?.begunMs ?? 0, toMs: first.fromMs });
  if (calm === undefined) {
    lack('no second before a fault has enough claims to compare with');
    return [];
  }
  return faults.flatMap((span) => {
    const fare = fareOf(claims, span);
    if (fare === undefined) {
      lack(`no second of "${span.fault}" has enough claims to compare`);
      return [];
    }
    const share = fare.share / calm.share;
    const [wait, before] = [Math.round(fare.waitMs), Math.round(calm.waitMs)];
    note(`${span.fault}: goodput ${share.toFixed(2)}, median wait ${wait} ms, before ${before} ms`);
    const broken: string[] = [];
    if (!(share >= shareMin)) {
      broken.push(`goodput of claims fell to ${share.toFixed(2)} during "${span.fault}"`);
    }
    if (fare.waitMs > calm.waitMs * waitMs.factor + waitMs.more) {
      const waited = `${wait} ms or more, before ${before} ms`;
      broken.push(`half of the claims waited ${waited}, during "${span.fault}"`);
    }
    return broken;
  });
}

/** Of the whole seconds of a span; undefined without a second to judge. */
function fareOf(claims: readonly Seen[], { fromMs, toMs }: TimeSpan): Fare | undefined {
  const [all, inTime]: [Seen[], Seen[]] = [[], []];
  const waits: number[] = [];
  for (let from = fromMs; from + secondMs <= toMs; from += secondMs) {
    const begun = claims.filter(({ begunMs }) => begunMs >= from && begunMs < from + secondMs);
    if (begun.length < claimsMin) continue;
    all.push(...begun);
    inTime.push(...begun.filter((one) => isServed(one) && !isDisturbed(one)));
    waits.push(medianOf(begun.map(({ begunMs, endMs }) => endMs - begunMs)));
  }
  if (all.length === 0) return undefined;
  return { share: inTime.length / all.length, waitMs: medianOf(waits) };
}

function medianOf(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length / 2;
  const [low = 0, high = low] = sorted.slice(Math.ceil(middle) - 1, Math.floor(middle) + 1);
  return (low + high) / 2;
}
