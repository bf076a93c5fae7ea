// SPDX-License-Identifier: GPL-3.0-or-later
/** The bodies with counts of outcomes. */
import { type Static, Type } from 'typebox';
import { percentileOf } from '../../../core/outcomes/answer-times.ts';
import { countedOutcomes, type OutcomeTally } from '../../../core/outcomes/outcome-counts.ts';
import type { OutcomeSecond, OutcomeWindow } from '../../../core/outcomes/ports.ts';
import type { OutcomesOfCoupon } from '../../../core/outcomes/read-outcomes.ts';
import { ref } from './ref.ts';

/** A number that can be unknown. */
export function orNull(description: string) {
  return Type.Unsafe<number | null>({ type: ['number', 'null'], minimum: 0, description });
}

const time = (description: string) => Type.String({ format: 'date-time', description });

const Tally = (description: string) =>
  Type.Unsafe<OutcomeTally | null>({
    type: ['object', 'null'],
    propertyNames: { type: 'string', enum: [...countedOutcomes] },
    additionalProperties: { type: 'integer', minimum: 1 },
    description,
  });

/** Counts of one second. What is unknown is null, and never zero. */
export const OutcomeSecondBody = Type.Object(
  {
    at: time('When the second began, by the clock of the database.'),
    complete: Type.Boolean({
      description: 'False: some counts are missing. Those that are there may be too low.',
    }),
    outcomes: Tally(
      'How many claims of the coupon got each outcome or error code. `accepted`: the claim got a ticket; its ' +
        'decision is counted when it is made. Those that did not occur are left out. Null: unknown.',
    ),
    unattributed: Tally(
      'Claims that were refused before their body was read, by error code. They may be of any coupon. Null: unknown.',
    ),
    p50_ms: orNull(
      'Half of the claims were answered in this time, in milliseconds; at most a fifth too high. Null: none was answered, ' +
        'or it is unknown.',
    ),
    p99_ms: orNull('The same for 99 of 100 claims.'),
    waiting_claims: orNull(
      'Claims and changes of claims that waited for their batch, in all processes. Null: unknown.',
    ),
    remaining_amount: Type.Unsafe<number | null>({
      ...{ type: ['integer', 'null'], minimum: 0 },
      description:
        'Units that were left right after the end of the second, read at most one second later. Null: they were not read then, ' +
        'because nothing changed, so that the last number before still holds, or because the counts came late.',
    }),
  },
  { $id: 'OutcomeSecond' },
);

type OutcomeSecondBody = Static<typeof OutcomeSecondBody>;

/** A time from a second, in the form of all times. */
export function timeOfSecond(second: number): string {
  return new Date(second * 1000).toISOString();
}

/** Returns a function that makes the body of each second of the window, also of those without counts. */
export function outcomeSecondsOf({
  ofCoupon,
  unread,
}: OutcomesOfCoupon): (second: number) => OutcomeSecondBody {
  const [own, others] = [bySecond(ofCoupon), bySecond(unread)];
  return (second) => {
    const complete = !isInGap(ofCoupon, second);
    const none = complete ? {} : null;
    const counted = own.get(second);
    return {
      ...{ at: timeOfSecond(second), complete },
      outcomes: counted?.outcomes ?? none,
      unattributed: others.get(second)?.outcomes ?? none,
      ...percentilesOf(counted?.times ?? []),
      waiting_claims: counted?.waiting ?? (complete ? 0 : null),
      remaining_amount: counted?.remaining ?? null,
    };
  };
}

/** The percentiles of these times, as members. */
export function percentilesOf(times: readonly number[]) {
  return {
    p50_ms: percentileOf(times, 0.5) ?? null,
    p99_ms: percentileOf(times, 0.99) ?? null,
  };
}

function bySecond({ seconds }: OutcomeWindow): Map<number, OutcomeSecond> {
  return new Map(seconds.map((one) => [one.second, one]));
}

function isInGap({ gaps }: OutcomeWindow, second: number): boolean {
  return gaps.some(({ first, last }) => first <= second && second <= last);
}

/** The counts of some minutes. */
export const OutcomeHistoryBody = Type.Object(
  {
    coupon_name: Type.String(),
    from: time('When the first second began.'),
    until: time('When the last second ended. Later ones are not complete yet.'),
    seconds: Type.Array(ref(OutcomeSecondBody), {
      description:
        'In order. In a second that is left out no claim was answered, none waited and the stock did not change, unless it is in ' +
        '`unknown`.',
    }),
    unknown: Type.Array(
      Type.Object({
        from: time('When its first second began.'),
        until: time('When its last second ended.'),
      }),
      { description: 'Stretches in which counts are missing: what is left out there is not zero.' },
    ),
  },
  { $id: 'OutcomeHistory' },
);

/** The body of the history. */
export function toOutcomeHistory(
  couponName: string,
  outcomes: OutcomesOfCoupon,
): Static<typeof OutcomeHistoryBody> {
  const { ofCoupon, unread } = outcomes;
  const counted = [...ofCoupon.seconds, ...unread.seconds].map(({ second }) => second);
  return {
    coupon_name: couponName,
    from: timeOfSecond(ofCoupon.first),
    until: timeOfSecond(ofCoupon.last + 1),
    seconds: [...new Set(counted)].sort((a, b) => a - b).map(outcomeSecondsOf(outcomes)),
    unknown: ofCoupon.gaps.map(({ first, last }) => ({
      ...{ from: timeOfSecond(first), until: timeOfSecond(last + 1) },
    })),
  };
}
