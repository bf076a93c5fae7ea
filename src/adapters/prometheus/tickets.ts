// SPDX-License-Identifier: GPL-3.0-or-later
import { Counter, type Registry } from 'prom-client';
import type { TicketMetrics } from '../../core/tickets/ports.ts';

/** Registers what a process with a queue counts of tickets. Each call only adds to numbers. */
export function countTickets(registry: Registry): TicketMetrics {
  const counter = counterIn(registry);
  const queued = counter(
    [
      'queued_claims_total',
      'Claims that the service has tried to put into the queue, by result. confirmed: it became a ticket.',
    ],
    ['result'],
    ['confirmed', 'full', 'away', 'unknown'],
  );
  const waits = counter(
    [
      'ticket_waits_total',
      'Answers to claims with a ticket: their final state, or accepted where it was not known in time.',
    ],
    ['end'],
    ['decided', 'expired', 'failed', 'accepted'],
  );
  const polled = counter(
    [
      'ticket_results_polled_total',
      'Results that a request waited for and that were found in the database: their message was lost or late.',
    ],
    [],
    [''],
  );
  const settled = counter(
    [
      'tickets_settled_total',
      'Tickets that this service has brought to their final state, by state and outcome. One delivered again counts again.',
    ],
    ['state', 'outcome'],
    ['decided claimed', 'expired expired', 'failed failed'],
  );
  const failed = counter(
    [
      'ticket_attempts_failed_total',
      'Decisions that have failed, by what follows: retry or dead. An outage of the database does not count.',
    ],
    ['next'],
    ['retry', 'dead'],
  );
  const pauses = counter(
    [
      'queue_pauses_total',
      'How often this service has stopped to take claims from the queue, since the database was away.',
    ],
    [],
    [''],
  );
  return {
    accepted: () => queued('confirmed'),
    refused: (result) => queued(result),
    waitEnded: (end) => waits(end),
    foundByPoll: () => polled(''),
    settled(result) {
      const outcome = result.state === 'decided' ? result.outcome.outcome : result.state;
      settled(`${result.state} ${outcome}`);
    },
    attemptFailed: (next) => failed(next),
    paused: () => pauses(''),
  };
}

/** Makes counters whose series are texts: the values of their labels, with a space between two. */
function counterIn(registry: Registry) {
  return (
    [name, help]: [string, string],
    labelNames: string[],
    fromTheStart: readonly string[],
  ): ((series: string) => void) => {
    // Every series that matters exists from the start, because Prometheus does not see the first increase of a new one.
    const counts = new Map(fromTheStart.map((series) => [series, 0]));
    new Counter({
      ...{ name: `firstcome_${name}`, help, labelNames, registers: [registry] },
      collect() {
        this.reset();
        for (const [series, count] of counts) {
          const values = series.split(' ');
          const labels = labelNames.map((label, index) => [label, values[index] ?? '']);
          this.inc(Object.fromEntries(labels), count);
        }
      },
    });
    return (series) => void counts.set(series, (counts.get(series) ?? 0) + 1);
  };
}
