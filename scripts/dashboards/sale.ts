// SPDX-License-Identifier: GPL-3.0-or-later
import { type Dashboard, perSecond, query, series } from './dashboard.ts';

const claims = 'firstcome_claims_total';
const claimed = 'outcome="claimed"';
// Neither a decision nor a mistake of the caller's: the service could not serve him.
const notServed = 'outcome=~"overloaded|unavailable|outcome_unknown|internal"';
const answersASecond = `sum(${perSecond(claims)})`;

/** *Sale*: what sells, who is refused and why, and how long people wait. Sums over all coupons. */
export const saleDashboard: Dashboard = {
  uid: 'firstcome-sale',
  title: 'firstcome: sale',
  about: 'What sells, who is refused and why. All numbers are sums over all coupons.',
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
          title: 'Units claimed in the time shown',
          help: 'As the scraped instances have counted. What counts is the ledger in the database.',
          kind: 'number',
          unit: 'short',
          queries: [
            query(`sum(increase(${series(claims, claimed)}[$__range])) or vector(0)`, 'claimed'),
          ],
        },
        {
          title: 'Units remaining in all',
          help: 'Of all coupons, as of the last round of the check.',
          kind: 'number',
          unit: 'short',
          queries: [
            query(`max(${series('firstcome_stock_units', 'kind="remaining"')})`, 'remaining'),
          ],
        },
        {
          title: 'Not served',
          help: 'Share of the answers that are overloaded, unavailable, outcome_unknown or internal.',
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
          help: 'By outcome, or by the code of the fault; docs/errors.md explains each.',
          kind: 'stack',
          unit: 'perSecond',
          queries: [query(`sum by (outcome) (${perSecond(claims)})`, '{{outcome}}')],
        },
        {
          title: 'Refused a second, and why',
          help:
            'sold_out ends a good sale. not_open and paused tell of a crowd that came at another time ' +
            'than planned, already_claimed of one that asks twice.',
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
      title: 'What is selling',
      height: 8,
      panels: [
        {
          title: 'Units claimed',
          help: 'By each instance since it started. Flat while a crowd asks: all is sold, or something is paused.',
          kind: 'lines',
          unit: 'short',
          queries: [query(series(claims, claimed), '{{instance}}')],
        },
        {
          title: 'Coupons',
          help: 'Those with claims under way, and sold out ones whose holders are remembered.',
          kind: 'lines',
          unit: 'short',
          queries: [
            query(`sum(${series('firstcome_claim_lanes')})`, 'claims under way'),
            query(`sum(${series('firstcome_sold_out_coupons')})`, 'sold out, remembered'),
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
          help: 'Darker: more callers. A band that climbs is a line that grows.',
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
          help: 'Refused without being decided. What each reason means is in docs/metrics.md.',
          kind: 'lines',
          unit: 'perSecond',
          queries: [
            query(`sum by (reason) (${perSecond('firstcome_claims_shed_total')})`, '{{reason}}'),
          ],
        },
        {
          title: 'Age of the longest waiting claim',
          help: 'What waits longer than CLAIM_TIMEOUT_MS is answered all the same.',
          kind: 'lines',
          unit: 's',
          queries: [query(series('firstcome_claim_oldest_seconds'), '{{instance}}')],
        },
      ],
    },
  ],
};
