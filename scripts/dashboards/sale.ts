// SPDX-License-Identifier: GPL-3.0-or-later
import { type Dashboard, perSecond, query, series } from './dashboard.ts';

const claims = 'firstcome_claims_total';
const changes = 'firstcome_claim_changes_total';
const claimed = 'outcome="claimed"';
// Neither a decision nor a caller's mistake: the service could not serve the claim.
const notServed = 'outcome=~"overloaded|unavailable|outcome_unknown|internal"';
const answersASecond = `sum(${perSecond(claims)})`;

/** The dashboard *sale*: what sells, which claims are refused and why, and how long callers wait. */
export const saleDashboard: Dashboard = {
  uid: 'firstcome-sale',
  title: 'firstcome: sale',
  about:
    'What sells, and which claims are refused and why. All numbers but the units left are sums over all coupons.',
  rows: [
    {
      title: 'Now',
      height: 5,
      panels: [
        {
          title: 'Units claimed a second',
          help: 'Claims that took a unit.',
          kind: 'number',
          unit: 'short',
          queries: [query(`sum(${perSecond(claims, claimed)}) or vector(0)`, 'claimed')],
        },
        {
          title: 'Units claimed in this time range',
          help: 'Counted by the scraped instances. The ledger in the database is authoritative.',
          kind: 'number',
          unit: 'short',
          queries: [
            query(`sum(increase(${series(claims, claimed)}[$__range])) or vector(0)`, 'claimed'),
          ],
        },
        {
          title: 'Units remaining',
          help: 'Of all coupons, as of the last round of the stock check.',
          kind: 'number',
          unit: 'short',
          queries: [
            query(`max(${series('firstcome_stock_units', 'kind="remaining"')})`, 'remaining'),
          ],
        },
        {
          title: 'Not served',
          help: 'Share of the responses with overloaded, unavailable, outcome_unknown or internal.',
          kind: 'number',
          unit: 'percentunit',
          turnsAt: [0.01, 0.1],
          queries: [
            query(
              `(sum(${perSecond(claims, notServed)}) or vector(0)) / clamp_min(${answersASecond}, 1)`,
              'not served',
            ),
          ],
        },
      ],
    },
    {
      title: 'Answers',
      height: 9,
      panels: [
        {
          title: 'Claims answered a second',
          help: 'By outcome or error code; docs/errors.md explains each.',
          kind: 'stack',
          unit: 'perSecond',
          queries: [query(`sum by (outcome) (${perSecond(claims)})`, '{{outcome}}')],
        },
        {
          title: 'Refused a second, and why',
          help:
            'sold_out is the normal end of a sale. not_open and paused mean that callers came at ' +
            'another time than planned; already_claimed means that they claim twice.',
          kind: 'lines',
          unit: 'perSecond',
          queries: [
            query(
              `sum by (outcome) (${perSecond(claims, 'outcome!~"claimed|replayed"')})`,
              '{{outcome}}',
            ),
          ],
        },
      ],
    },
    {
      title: 'Changes of claims',
      height: 8,
      panels: [
        {
          title: 'Claims confirmed, released and redeemed a second',
          help: 'Only changes that were made. Holds that expired are on the service dashboard.',
          kind: 'lines',
          unit: 'perSecond',
          queries: [
            query(`sum by (change) (${perSecond(changes, 'outcome="changed"')})`, '{{change}}'),
          ],
        },
        {
          title: 'Changes without an effect a second, and why',
          help:
            'unchanged and replayed are repeats. hold_expired means that callers confirm too late; ' +
            'claim_mismatch means that they do not send the claim_id.',
          kind: 'lines',
          unit: 'perSecond',
          queries: [
            query(
              `sum by (outcome) (${perSecond(changes, 'outcome!="changed"')}) or vector(0)`,
              '{{outcome}}',
            ),
          ],
        },
      ],
    },
    {
      title: 'What is selling',
      height: 8,
      panels: [
        {
          title: 'Units left',
          help: 'Of the 20 newest coupons that are not closed, from the database. A flat line above 0 under load: the coupon is paused, or no client claims it.',
          kind: 'lines',
          unit: 'short',
          queries: [
            query(`min by (coupon) (${series('firstcome_coupon_remaining_units')})`, '{{coupon}}'),
          ],
        },
        {
          title: 'Coupons',
          help: 'Coupons with claims in progress, and sold out coupons that the cache refuses.',
          kind: 'lines',
          unit: 'short',
          queries: [
            query(`sum(${series('firstcome_claim_lanes')})`, 'claims in progress'),
            query(`sum(${series('firstcome_sold_out_coupons')})`, 'sold out, cached'),
          ],
        },
      ],
    },
    {
      title: 'Waiting',
      height: 9,
      panels: [
        {
          title: 'How long callers wait for a claim',
          help: 'Darker means more callers. A rising band means a growing queue.',
          kind: 'heatmap',
          unit: 's',
          queries: [
            query(
              `sum by (le) (increase(${series('firstcome_claim_answer_seconds_bucket')}[$__rate_interval]))`,
              '{{le}}',
            ),
          ],
        },
        {
          title: 'Shed a second, and why',
          help: 'Refused without a decision. docs/metrics.md explains each reason.',
          kind: 'lines',
          unit: 'perSecond',
          queries: [
            query(`sum by (reason) (${perSecond('firstcome_claims_shed_total')})`, '{{reason}}'),
          ],
        },
        {
          title: 'Age of the longest waiting claim',
          help: 'After CLAIM_TIMEOUT_MS a waiting claim gets an error.',
          kind: 'lines',
          unit: 's',
          queries: [query(series('firstcome_claim_oldest_seconds'), '{{instance}}')],
        },
      ],
    },
  ],
};
