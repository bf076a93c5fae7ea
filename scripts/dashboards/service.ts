// SPDX-License-Identifier: GPL-3.0-or-later
import { afterClaims } from './after-claims.ts';
import { type Dashboard, perSecond, query, series } from './dashboard.ts';
import { queueRows } from './queue.ts';

const commit = 'firstcome_claim_commit_seconds_bucket';
const size = 'firstcome_claim_batch_size';
const call = 'firstcome_http_request_seconds';
const checkAge = series('firstcome_stock_check_age_seconds');

function quantile(share: number, bucket: string): string {
  return `histogram_quantile(${share}, sum by (le) (${perSecond(bucket)}))`;
}

/** The dashboard *service*: load of process, lanes, pools and database, and whether the stored data agrees. */
export const serviceDashboard: Dashboard = {
  uid: 'firstcome-service',
  title: 'firstcome: service',
  about: 'Load of process, lanes, pools and database, and whether the stored data agrees.',
  rows: [
    {
      title: 'Now',
      height: 5,
      panels: [
        {
          title: 'Instances that answer',
          help: 'Of those that Prometheus is configured to scrape.',
          kind: 'number',
          unit: 'none',
          queries: [query(`sum(${series('up')})`, 'up')],
        },
        {
          title: 'Database',
          help: 'Whether it can decide claims: 0 if one instance cannot use it.',
          kind: 'number',
          unit: 'none',
          queries: [query(`min(${series('firstcome_database_up')})`, 'up')],
        },
        {
          title: 'History',
          help: 'Whether an instance refuses all calls because the database lacks acknowledged claims. Any value but 0 is an alarm.',
          kind: 'number',
          unit: 'none',
          turnsAt: [1, 1],
          queries: [query(`max(${series('firstcome_history_lost')})`, 'lost')],
        },
        {
          title: 'Differences',
          help: 'Units by which stock, claims and ledger disagree. Any value but 0 is an alarm.',
          kind: 'number',
          unit: 'none',
          turnsAt: [1, 1],
          queries: [query(`max(abs(${series('firstcome_stock_difference_units')}))`, 'units')],
        },
        {
          title: 'Since the last round of the stock check',
          help: 'A round checks every coupon. It takes longer with more coupons.',
          kind: 'number',
          unit: 's',
          queries: [query(`max(${checkAge})`, 'ago')],
        },
        {
          title: 'Durability',
          help: 'The level that the database has shown last. Claims acknowledged now survive what it promises.',
          kind: 'number',
          unit: 'none',
          queries: [query(`max by (level) (${series('firstcome_durability')}) == 1`, '{{level}}')],
        },
        {
          title: 'Batches in doubt',
          help: 'Their answer was lost, and whether they committed is not known yet.',
          kind: 'number',
          unit: 'none',
          turnsAt: [1, 10],
          queries: [query(`sum(${series('firstcome_claim_batches_in_doubt')})`, 'in doubt')],
        },
      ],
    },
    {
      title: 'Process',
      height: 8,
      panels: [
        {
          title: 'Event loop delay',
          help: 'A blocked event loop answers no request. The maximum and the 99th percentile since the last scrape.',
          kind: 'lines',
          unit: 's',
          queries: [
            query(series('nodejs_eventloop_lag_max_seconds'), '{{instance}} longest'),
            query(series('nodejs_eventloop_lag_p99_seconds'), '{{instance}} p99'),
          ],
        },
        {
          title: 'Garbage collection',
          help: 'Share of time, by kind. Much `major` collection means a heap that is nearly full.',
          kind: 'stack',
          unit: 'percentunit',
          queries: [
            query(
              `sum by (instance, kind) (${perSecond('nodejs_gc_duration_seconds_sum')})`,
              '{{instance}} {{kind}}',
            ),
          ],
        },
        {
          title: 'Memory',
          help: 'A line that only rises is a leak; the sold out cache has a limit.',
          kind: 'lines',
          unit: 'bytes',
          queries: [
            query(series('process_resident_memory_bytes'), '{{instance}} resident'),
            query(series('nodejs_heap_size_used_bytes'), '{{instance}} heap'),
          ],
        },
        {
          title: 'Processor',
          help: 'Cores in use, and the utilization of the busiest event loop: near 1 it is the limit.',
          kind: 'lines',
          unit: 'short',
          queries: [
            query(perSecond('process_cpu_seconds_total'), '{{instance}} cores'),
            query(series('firstcome_event_loop_utilization_ratio'), '{{instance}} event loop'),
          ],
        },
      ],
    },
    {
      title: 'Lanes and batches',
      height: 8,
      panels: [
        {
          title: 'Waiting claims',
          help: 'Claims without an answer yet. At CLAIM_WAITING_MAX the service sheds further ones.',
          kind: 'lines',
          unit: 'short',
          queries: [query(series('firstcome_claims_waiting'), '{{instance}} waiting')],
        },
        {
          title: 'Lanes',
          help: 'Coupons with claims in progress, by instance. CLAIM_LANES_MAX is the limit.',
          kind: 'lines',
          unit: 'short',
          queries: [query(series('firstcome_claim_lanes'), '{{instance}}')],
        },
        {
          title: 'Claims in a batch',
          help: 'Grows with the load: claims that arrive while a batch commits share the next one.',
          kind: 'lines',
          unit: 'short',
          queries: [
            query(
              `sum(${perSecond(`${size}_sum`)}) / clamp_min(sum(${perSecond(`${size}_count`)}), 0.001)`,
              'mean',
            ),
            query(quantile(0.99, `${size}_bucket`), 'p99'),
          ],
        },
        {
          title: 'Batches whose answer was lost',
          help: 'Per second, and how they were resolved: committed, or void.',
          kind: 'lines',
          unit: 'perSecond',
          queries: [
            query(`sum(${perSecond('firstcome_claim_batch_answers_lost_total')})`, 'lost'),
            query(
              `sum by (resolution) (${perSecond('firstcome_claim_batches_resolved_total')})`,
              '{{resolution}}',
            ),
          ],
        },
      ],
    },
    {
      title: 'Database and stock check',
      height: 8,
      panels: [
        {
          title: 'How long commits take',
          help: 'From sending a batch to its answer.',
          kind: 'lines',
          unit: 's',
          queries: [query(quantile(0.5, commit), 'median'), query(quantile(0.99, commit), 'p99')],
        },
        {
          title: 'Commits a second',
          help: 'Batches decided by the database.',
          kind: 'lines',
          unit: 'perSecond',
          queries: [query(`sum(${perSecond('firstcome_claim_commit_seconds_count')})`, 'commits')],
        },
        {
          title: 'Connections to the database',
          help: 'Used and idle, by pool. Statements wait when the pool has no free connection.',
          kind: 'lines',
          unit: 'short',
          queries: [
            query(
              `sum by (pool, state) (${series('firstcome_database_connections')})`,
              '{{pool}} {{state}}',
            ),
            query(
              `sum by (pool) (${series('firstcome_database_connection_waiters')})`,
              '{{pool}} waiting',
            ),
            query(
              `sum by (pool) (${series('firstcome_database_connections_max')})`,
              '{{pool}} limit',
            ),
          ],
        },
        {
          title: 'Refused by the database a second',
          help: 'Correct requests, by the rule that refuses them. Any value but 0 is an alarm.',
          kind: 'lines',
          unit: 'perSecond',
          queries: [
            query(`sum by (rule) (${perSecond('firstcome_database_refusals_total')})`, '{{rule}}'),
          ],
        },
        {
          title: 'Stock check: steps a second',
          help: 'Each step compares stock, claims and ledger of some coupons. The service retries failed steps.',
          kind: 'lines',
          unit: 'perSecond',
          queries: [
            query(
              `sum by (result) (${perSecond('firstcome_stock_check_steps_total')})`,
              '{{result}}',
            ),
          ],
        },
      ],
    },
    {
      title: 'Holds and duties',
      height: 8,
      panels: [
        {
          title: 'Open holds',
          help: 'Reserved claims, as of the last complete count of the expiry sweep.',
          kind: 'lines',
          unit: 'short',
          queries: [query(`max(${series('firstcome_holds_open')})`, 'open')],
        },
        {
          title: 'Holds that wait for their release',
          help: 'How long the oldest expired hold may have waited, at most. Usually below a second.',
          kind: 'lines',
          unit: 's',
          queries: [query(`max(${series('firstcome_holds_overdue_seconds')})`, 'overdue')],
        },
        {
          title: 'Holds released by the expiry sweep a second',
          help: 'Decisions release the expired holds whose units they need; those are not counted here.',
          kind: 'lines',
          unit: 'perSecond',
          queries: [query(`sum(${perSecond('firstcome_holds_swept_total')})`, 'released')],
        },
        {
          title: 'Who runs the duties',
          help: '1 for the instance that runs a duty for all. At most one does at a time.',
          kind: 'lines',
          unit: 'none',
          queries: [query(series('firstcome_duty_running'), '{{instance}} {{duty}}')],
        },
      ],
    },
    ...afterClaims,
    {
      title: 'Client connections',
      height: 8,
      panels: [
        {
          title: 'Open client connections',
          help: 'Open and idle ones, and HTTP_CONNECTIONS_MAX. From nine tenths of it on the service closes idle ones.',
          kind: 'lines',
          unit: 'short',
          queries: [
            query(series('firstcome_http_connections'), '{{instance}} open'),
            query(series('firstcome_http_connections_idle'), '{{instance}} idle'),
            query(series('firstcome_http_connections_max'), '{{instance}} limit'),
          ],
        },
        {
          title: 'Connections closed for the limit',
          help: 'A second, by reason. `idle` and `silent` cost a client little; `slow`, `refused` and `dropped` cost requests.',
          kind: 'lines',
          unit: 'perSecond',
          queries: [
            query(
              `sum by (reason) (${perSecond('firstcome_http_connections_closed_total')})`,
              '{{reason}}',
            ),
          ],
        },
      ],
    },
    {
      title: 'Live stock and cached reads',
      height: 8,
      panels: [
        {
          title: 'Open event streams',
          help: 'Pages that follow the stock of a coupon, and EVENT_STREAMS_MAX. Beyond it a stream is refused with 503.',
          kind: 'lines',
          unit: 'short',
          queries: [
            query(series('firstcome_event_streams'), '{{instance}} open'),
            query(series('firstcome_event_streams_max'), '{{instance}} limit'),
          ],
        },
        {
          title: 'Event streams a second',
          help: 'Opened, refused for the limit, and cut since their client did not read; and the events written to all streams.',
          kind: 'lines',
          unit: 'perSecond',
          queries: [
            query(`sum(${perSecond('firstcome_event_streams_opened_total')})`, 'opened'),
            query(`sum(${perSecond('firstcome_event_streams_refused_total')})`, 'refused'),
            query(`sum(${perSecond('firstcome_event_streams_dropped_total')})`, 'cut'),
            query(`sum(${perSecond('firstcome_event_stream_events_total')})`, 'events'),
          ],
        },
        {
          title: 'Cached reads a second',
          help: 'By where the view came from, and the queries that have read views. Few queries mean that the cache works.',
          kind: 'lines',
          unit: 'perSecond',
          queries: [
            query(
              `sum by (source) (${perSecond('firstcome_stock_view_reads_total')})`,
              '{{source}}',
            ),
            query(`sum(${perSecond('firstcome_stock_view_queries_total')})`, 'queries'),
          ],
        },
        {
          title: 'Age of cached reads',
          help: 'How old the views were at most when they were read.',
          kind: 'lines',
          unit: 's',
          queries: [
            query(quantile(0.5, 'firstcome_stock_view_age_seconds_bucket'), 'median'),
            query(quantile(0.99, 'firstcome_stock_view_age_seconds_bucket'), 'p99'),
          ],
        },
      ],
    },
    {
      title: 'Redis and nodes',
      height: 8,
      panels: [
        {
          title: 'Redis answers',
          help: '1 if Redis answers the instance in time. Without it claims are decided as before. No line without REDIS_URL.',
          kind: 'lines',
          unit: 'short',
          queries: [query(series('firstcome_redis_up'), '{{instance}}')],
        },
        {
          title: 'Calls to Redis a second',
          help: 'By result. refused: Redis has answered with an error, such as OOM. away: not sent, since Redis does not answer.',
          kind: 'lines',
          unit: 'perSecond',
          queries: [
            query(`sum by (result) (${perSecond('firstcome_redis_calls_total')})`, '{{result}}'),
          ],
        },
        {
          title: 'Stock notifications a second',
          help: 'Of sold-out coupons and of units that came back. Each is received by all other processes.',
          kind: 'lines',
          unit: 'perSecond',
          queries: [
            query(
              `sum by (kind, direction) (${perSecond('firstcome_stock_notifications_total')})`,
              '{{kind}} {{direction}}',
            ),
          ],
        },
        {
          title: 'Attempts to get the mutex of a duty a second',
          help: 'By result. held: another process has it, and the database is not asked. unknown: the lease alone decided.',
          kind: 'lines',
          unit: 'perSecond',
          queries: [
            query(
              `sum by (result) (${perSecond('firstcome_duty_mutex_attempts_total')})`,
              '{{result}}',
            ),
          ],
        },
      ],
    },
    ...queueRows,
    {
      title: 'Rate limits and user tokens',
      height: 8,
      panels: [
        {
          title: 'Refused by a rate limit a second',
          help: 'By limit: of an address, of a key, of a user, or of all callers together.',
          kind: 'lines',
          unit: 'perSecond',
          queries: [
            query(`sum by (limit) (${perSecond('firstcome_rate_limited_total')})`, '{{limit}}'),
          ],
        },
        {
          title: 'User tokens a second',
          help: 'By result. `remembered` costs next to nothing. Many refused ones are a mistake of the issuer, or an attack.',
          kind: 'lines',
          unit: 'perSecond',
          queries: [
            query(`sum by (result) (${perSecond('firstcome_user_tokens_total')})`, '{{result}}'),
          ],
        },
        {
          title: 'Requests for the keys of user tokens a second',
          help: 'By result. While they fail, the last keys are valid for an hour.',
          kind: 'lines',
          unit: 'perSecond',
          queries: [
            query(
              `sum by (result) (${perSecond('firstcome_user_token_key_fetches_total')})`,
              '{{result}}',
            ),
          ],
        },
      ],
    },
    {
      title: 'Requests other than claims',
      height: 8,
      panels: [
        {
          title: 'Requests a second',
          help: 'By operation and status. 500 is a bug in the service; the log has the stack trace.',
          kind: 'lines',
          unit: 'perSecond',
          queries: [
            query(
              `sum by (operation, status) (${perSecond(`${call}_count`)})`,
              '{{operation}} {{status}}',
            ),
          ],
        },
        {
          title: 'How long requests take',
          help: 'The 99th percentile, from the arrival of a request to the end of its response.',
          kind: 'lines',
          unit: 's',
          queries: [
            query(
              `histogram_quantile(0.99, sum by (le, operation) (${perSecond(`${call}_bucket`)}))`,
              '{{operation}}',
            ),
          ],
        },
      ],
    },
  ],
};
