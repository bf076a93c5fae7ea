// SPDX-License-Identifier: GPL-3.0-or-later
import type { TicketTimes } from '../adapters/postgres/tickets/ticket-times.ts';
import type { Config } from '../config.ts';

/** The times of tickets by the settings. */
export function ticketTimesOf({ queue }: Config): TicketTimes {
  return {
    expiresSeconds: queue.ticketExpiresSeconds,
    retentionSeconds: queue.ticketRetentionHours * 3_600,
  };
}
