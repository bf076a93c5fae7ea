// SPDX-License-Identifier: GPL-3.0-or-later

/** Where an event stands: in which row of the ledger of which coupon, and which event of that row, from 1. */
export type EventPlace = { couponId: string; seq: string; n: number };

const form = /^evt_[0-9a-f]+_(\d+)_(\d+)_(\d+)$/;

/** The place that the id of an event names; undefined for any other text. */
export function placeOf(eventId: string): EventPlace | undefined {
  const [, couponId, seq, n] = form.exec(eventId) ?? [];
  if (couponId === undefined || seq === undefined || n === undefined) return undefined;
  return { couponId, seq, n: Number(n) };
}
