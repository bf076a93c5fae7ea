// SPDX-License-Identifier: GPL-3.0-or-later
import { perSecond, query, type Row, series } from './dashboard.ts';

const confirm = perSecond('firstcome_queue_confirm_seconds_bucket');

/** Claims that wait in RabbitMQ for their decision. Empty without AMQP_URL. */
export const queueRows: readonly Row[] = [
  {
    title: 'Queue of claims',
    height: 8,
    panels: [
      {
        title: 'Messages in the queue',
        help: 'By partition, with its limit; those that wait for another attempt; and dead letters. A message of a partition holds 1 to 100 claims. No line without AMQP_URL.',
        kind: 'lines',
        unit: 'short',
        queries: [
          query(
            `max by (partition) (${series('firstcome_queue_messages')})`,
            'partition {{partition}}',
          ),
          query(`max(${series('firstcome_queue_retrying')})`, 'for another attempt'),
          query(`max(${series('firstcome_queue_dead_letters')})`, 'dead letters'),
          query(`min(${series('firstcome_queue_messages_max')})`, 'limit of a partition'),
        ],
      },
      {
        title: 'Age of the oldest ticket',
        help: 'Time since the acceptance of the oldest claim that is not decided. At TICKET_EXPIRES_SECONDS it expires.',
        kind: 'lines',
        unit: 's',
        queries: [query(`max(${series('firstcome_ticket_oldest_seconds')})`, 'oldest')],
      },
      {
        title: 'Waiting in the instances',
        help: 'Claims from the queue that wait for a lane or are in one, what waits for tickets, and messages without a confirm.',
        kind: 'lines',
        unit: 'short',
        queries: [
          query(series('firstcome_queued_claims_held'), '{{instance}} {{place}}'),
          query(series('firstcome_ticket_waiters'), '{{instance}} for tickets'),
          query(series('firstcome_queue_unconfirmed'), '{{instance}} unconfirmed'),
        ],
      },
      {
        title: 'RabbitMQ and consumers',
        help: '1 if RabbitMQ answers the instance, 1 if it takes no messages, and the fewest consumers of a partition.',
        kind: 'lines',
        unit: 'short',
        queries: [
          query(series('firstcome_queue_up'), '{{instance}} up'),
          query(series('firstcome_queue_blocked'), '{{instance}} takes nothing'),
          query(`min(max by (partition) (${series('firstcome_queue_consumers')}))`, 'consumers'),
        ],
      },
    ],
  },
  {
    title: 'Tickets',
    height: 8,
    panels: [
      {
        title: 'Tickets settled a second',
        help: 'By state, and the claims that became tickets. An expired one was not decided in time.',
        kind: 'lines',
        unit: 'perSecond',
        queries: [
          query(`sum by (state) (${perSecond('firstcome_tickets_settled_total')})`, '{{state}}'),
          query(
            `sum(${perSecond('firstcome_queued_claims_total', 'result="confirmed"')})`,
            'accepted',
          ),
        ],
      },
      {
        title: 'Messages sent to RabbitMQ a second',
        help: 'By result. unknown: no confirm in time, so the caller of the claim got outcome_unknown.',
        kind: 'lines',
        unit: 'perSecond',
        queries: [
          query(`sum by (result) (${perSecond('firstcome_queue_published_total')})`, '{{result}}'),
        ],
      },
      {
        title: 'How long confirms take',
        help: 'From sending a message to its confirm. After 2 s the service does not wait any longer.',
        kind: 'lines',
        unit: 's',
        queries: [
          query(`histogram_quantile(0.5, sum by (le) (${confirm}))`, 'median'),
          query(`histogram_quantile(0.99, sum by (le) (${confirm}))`, 'p99'),
        ],
      },
      {
        title: 'Redeliveries, retries and dead letters a second',
        help: 'Redeliveries follow the end of a process or of a connection, retries and dead letters a failed decision.',
        kind: 'lines',
        unit: 'perSecond',
        queries: [
          query(`sum(${perSecond('firstcome_queue_redeliveries_total')})`, 'redelivered'),
          query(`sum(${perSecond('firstcome_queue_retries_total')})`, 'retried'),
          query(
            `sum by (kind) (${perSecond('firstcome_queue_dead_letters_total')})`,
            'dead: {{kind}}',
          ),
        ],
      },
    ],
  },
];
