// SPDX-License-Identifier: GPL-3.0-or-later
import type { EventPlace } from './webhook.ts';

const form = /^evt_([0-9a-f]{8})_([1-9]\d{0,17})_([1-9]\d{0,17})_([1-9]\d{0,8})$/;

/** Begins with a part of the installation's identity, so that the ids of two installations differ. */
const prefixOf = (installationId: string) => installationId.slice(0, 8);

/** The id of the event at a place: always the same. */
export function eventIdOf(installationId: string, { couponId, seq, n }: EventPlace): string {
  return `evt_${prefixOf(installationId)}_${couponId}_${seq}_${n}`;
}

/** The place of the event with this id; undefined if the installation makes no such id. */
export function placeOf(installationId: string, eventId: string): EventPlace | undefined {
  const [, prefix, couponId, seq, n] = form.exec(eventId) ?? [];
  if (couponId === undefined || seq === undefined || n === undefined) return undefined;
  return prefix === prefixOf(installationId) ? { couponId, seq, n: Number(n) } : undefined;
}
