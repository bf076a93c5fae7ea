// SPDX-License-Identifier: GPL-3.0-or-later
import type { Health, Overview, Refusal } from '../../client.ts';
import type { SaleSecond } from '../../figures/sale-second.ts';

/** Something that was read, and how long ago, in milliseconds. */
export type Aged<Value> = { value: Value; ageMs: number };

/** What the leading tab has read of a sale, as it sends it to the other tabs. Each member replaces what was before. */
export type SaleNews = {
  overview?: Aged<Overview>;
  health?: Health;
  /** All seconds from the first of these on. */
  tail?: Aged<readonly SaleSecond[]>;
  /** Null: the last call was not refused. */
  refusal?: Refusal | null;
  /** The time of the service when this was sent. */
  clock?: { serverMs: number; errorMs: number };
};
