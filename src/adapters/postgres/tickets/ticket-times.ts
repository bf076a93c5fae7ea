// SPDX-License-Identifier: GPL-3.0-or-later

/** How long after its acceptance a ticket counts. The same on all nodes. */
export type TicketTimes = {
  /** From then on it is not decided any more. At most an hour. */
  expiresSeconds: number;
  /** From then on its final state may be deleted. At least two hours. */
  retentionSeconds: number;
};
