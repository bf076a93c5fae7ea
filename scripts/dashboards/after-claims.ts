// SPDX-License-Identifier: GPL-3.0-or-later
import { perSecond, query, type Row, series } from './dashboard.ts';

const sagaCall = 'firstcome_saga_call_seconds';

/** What follows claims: events for webhooks, and sagas. Empty where there is no webhook and no coupon with a saga. */
export const afterClaims: readonly Row[] = [
  {
    title: 'Events and webhooks',
    height: 8,
    panels: [
      {
        title: 'Age of the oldest event that waits',
        help: 'Of the oldest event that an active webhook has not got, and how long changes may have waited to become events.',
        kind: 'lines',
        unit: 's',
        queries: [
          query(`max(${series('firstcome_event_undelivered_seconds')})`, 'undelivered'),
          query(`max(${series('firstcome_event_relay_lag_seconds')})`, 'relay'),
        ],
      },
      {
        title: 'Deliveries a second',
        help: 'Attempts by result. Those that failed are sent again; given up means that a day has passed.',
        kind: 'lines',
        unit: 'perSecond',
        queries: [
          query(
            `sum by (result) (${perSecond('firstcome_webhook_deliveries_total')})`,
            '{{result}}',
          ),
        ],
      },
      {
        title: 'Pending deliveries',
        help: 'Counted up to 10,000, and the webhooks that get no events any more.',
        kind: 'lines',
        unit: 'short',
        queries: [
          query(`max(${series('firstcome_webhook_deliveries_pending')})`, 'pending'),
          query(`max(${series('firstcome_webhooks', 'state="disabled"')})`, 'disabled webhooks'),
        ],
      },
      {
        title: 'Jobs a second',
        help: 'Turns of the jobs that deliver events and advance sagas, and workers whose jobs were given to others.',
        kind: 'lines',
        unit: 'perSecond',
        queries: [
          query(
            `sum by (job, result) (${perSecond('firstcome_jobs_total')})`,
            '{{job}} {{result}}',
          ),
          query(`sum(${perSecond('firstcome_job_workers_replaced_total')})`, 'workers replaced'),
        ],
      },
    ],
  },
  {
    title: 'Sagas',
    height: 8,
    panels: [
      {
        title: 'Sagas that have not ended',
        help: 'By state. Any value of needs_attention but 0 is an alarm.',
        kind: 'lines',
        unit: 'short',
        queries: [query(`max by (state) (${series('firstcome_sagas')})`, '{{state}}')],
      },
      {
        title: 'Sagas a second',
        help: 'By the state that they came to: done and compensated are the ends.',
        kind: 'lines',
        unit: 'perSecond',
        queries: [
          query(`sum by (state) (${perSecond('firstcome_sagas_reached_total')})`, '{{state}}'),
        ],
      },
      {
        title: 'Calls of sagas a second',
        help: 'By participant, step, direction and result. Calls that are unknown are made again.',
        kind: 'lines',
        unit: 'perSecond',
        queries: [
          query(
            `sum by (participant, step, direction, result) (${perSecond(`${sagaCall}_count`)})`,
            '{{participant}} {{step}} {{direction}} {{result}}',
          ),
        ],
      },
      {
        title: 'How long calls of sagas take',
        help: 'The 99th percentile, by participant and step.',
        kind: 'lines',
        unit: 's',
        queries: [
          query(
            `histogram_quantile(0.99, sum by (le, participant, step) (${perSecond(`${sagaCall}_bucket`)}))`,
            '{{participant}} {{step}}',
          ),
        ],
      },
      {
        title: 'Age of the oldest saga',
        help: 'Of those that run or compensate, and how long ago the deadline of one was, at most.',
        kind: 'lines',
        unit: 's',
        queries: [
          query(`max(${series('firstcome_saga_oldest_seconds')})`, 'oldest'),
          query(`max(${series('firstcome_saga_overdue_seconds')})`, 'past its deadline'),
        ],
      },
    ],
  },
];
