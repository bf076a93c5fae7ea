// SPDX-License-Identifier: GPL-3.0-or-later
import { describe, expect, it } from 'vitest';
import { fakeSources as sources } from '../../../test/support/metric-sources.ts';
import { prometheusMetrics } from './metrics.ts';

async function linesOf(metrics: ReturnType<typeof prometheusMetrics>): Promise<string[]> {
  const { text } = await metrics.text();
  return text.split('\n').filter((line) => line.startsWith('firstcome_'));
}

describe('the metrics registry', () => {
  it('counts answers by outcome', async () => {
    const metrics = prometheusMetrics();
    for (const outcome of ['claimed', 'sold_out', 'claimed', 'overloaded']) {
      metrics.answered(outcome, 0.002, 'C');
    }
    expect(await linesOf(metrics)).toEqual(
      expect.arrayContaining([
        'firstcome_claims_total{outcome="claimed"} 2',
        'firstcome_claims_total{outcome="sold_out"} 1',
        'firstcome_claims_total{outcome="overloaded"} 1',
      ]),
    );
    // A second scrape adds no count twice.
    metrics.answered('claimed', 0.02, 'C');
    expect(await linesOf(metrics)).toContain('firstcome_claims_total{outcome="claimed"} 3');
  });

  it('counts answers to changes of claims by change and outcome', async () => {
    const metrics = prometheusMetrics();
    metrics.changeAnswered('confirm', 'changed');
    metrics.changeAnswered('confirm', 'changed');
    metrics.changeAnswered('release', 'outcome_unknown');
    expect(await linesOf(metrics)).toEqual(
      expect.arrayContaining([
        'firstcome_claim_changes_total{change="confirm",outcome="changed"} 2',
        'firstcome_claim_changes_total{change="release",outcome="outcome_unknown"} 1',
      ]),
    );
  });

  it('measures sizes and commit times of batches, and counts lost answers and resolutions', async () => {
    const metrics = prometheusMetrics();
    metrics.batchDecided({ size: 3, commitSeconds: 0.002 });
    metrics.batchUnknown();
    metrics.batchResolved('void');
    expect(await linesOf(metrics)).toEqual(
      expect.arrayContaining([
        'firstcome_claim_batch_size_bucket{le="2"} 0',
        'firstcome_claim_batch_size_bucket{le="4"} 1',
        'firstcome_claim_batch_size_sum 3',
        'firstcome_claim_commit_seconds_bucket{le="0.001"} 0',
        'firstcome_claim_commit_seconds_bucket{le="0.002"} 1',
        'firstcome_claim_batch_answers_lost_total 1',
        'firstcome_claim_batches_resolved_total{resolution="void"} 1',
      ]),
    );
  });

  it('measures how long answers take, by outcome', async () => {
    const metrics = prometheusMetrics();
    for (const seconds of [0.001, 0.0011, 0.2, 60]) metrics.answered('claimed', seconds, 'C');
    metrics.answered('sold_out', 0.0001, 'C');
    const lines = await linesOf(metrics);
    const name = 'firstcome_claim_answer_seconds';
    expect(lines).toEqual(
      expect.arrayContaining([
        `${name}_bucket{le="0.001",outcome="claimed"} 1`,
        `${name}_bucket{le="0.0025",outcome="claimed"} 2`,
        `${name}_bucket{le="0.25",outcome="claimed"} 3`,
        `${name}_bucket{le="10",outcome="claimed"} 3`,
        `${name}_bucket{le="+Inf",outcome="claimed"} 4`,
        `${name}_count{outcome="claimed"} 4`,
        `${name}_bucket{le="0.001",outcome="sold_out"} 1`,
      ]),
    );
    expect(lines.find((line) => line.startsWith(`${name}_sum{outcome="claimed"}`))).toMatch(
      / 60\.2/,
    );
  });

  it('counts shed claims by reason, and the batches in doubt', async () => {
    const metrics = prometheusMetrics();
    metrics.shed('wait');
    metrics.shed('wait');
    metrics.batchUnknown();
    metrics.batchUnknown();
    metrics.batchResolved('committed');
    expect(await linesOf(metrics)).toEqual(
      expect.arrayContaining([
        'firstcome_claims_shed_total{reason="wait"} 2',
        'firstcome_claim_batches_in_doubt 1',
      ]),
    );
  });

  it('counts statements that the database refused by rule, each from 0', async () => {
    const metrics = prometheusMetrics();
    metrics.statementRefused('sequence');
    metrics.statementRefused('sequence');
    const lines = await linesOf(metrics);
    const counted = lines.filter((line) => line.startsWith('firstcome_database_refusals_total'));
    expect(counted).toEqual(
      ['sequence', 'leftovers', 'foreign', 'own', 'value'].map(
        (rule) =>
          `firstcome_database_refusals_total{rule="${rule}"} ${rule === 'sequence' ? 2 : 0}`,
      ),
    );
  });

  it('measures requests by operation and status', async () => {
    const metrics = prometheusMetrics();
    metrics.callAnswered({ operation: 'readCoupon', status: 200, seconds: 0.002 });
    metrics.callAnswered({ operation: 'readCoupon', status: 404, seconds: 0.2 });
    expect(await linesOf(metrics)).toEqual(
      expect.arrayContaining([
        'firstcome_http_request_seconds_bucket{le="0.001",operation="readCoupon",status="200"} 0',
        'firstcome_http_request_seconds_bucket{le="0.0025",operation="readCoupon",status="200"} 1',
        'firstcome_http_request_seconds_sum{operation="readCoupon",status="404"} 0.2',
        'firstcome_http_request_seconds_count{operation="readCoupon",status="404"} 1',
      ]),
    );
  });

  /** The names of the metrics of duties that a scrape shows. */
  async function dutyMetrics(state: Partial<ReturnType<typeof sources.duties>>) {
    const metrics = prometheusMetrics();
    metrics.read({ ...sources, duties: () => ({ ...sources.duties(), ...state }) } as never);
    const names = (await linesOf(metrics)).map((line) => line.split(/[{ ]/)[0]);
    return [...new Set(names)].filter((name) => /_(?:stock_check|holds|duty)_/.test(`${name}_`));
  }

  it('omits what a duty has found while another process runs it, and keeps the counters', async () => {
    const { stockCheck } = sources.duties();
    expect(
      await dutyMetrics({
        stockCheck: { ...stockCheck, found: undefined as never },
        expirySweep: { released: 5, current: undefined as never },
      }),
    ).toEqual([
      'firstcome_duty_running',
      'firstcome_stock_check_steps_total',
      'firstcome_holds_swept_total',
    ]);
  });

  it('shows no counter of a duty that this process never runs', async () => {
    const never = { stockCheck: undefined as never, expirySweep: undefined as never };
    expect(await dutyMetrics({ running: [], ...never })).toEqual(['firstcome_holds_swept_total']);
  });

  it('shows the remaining stock only of the coupons of the last scrape, and escapes their names', async () => {
    const metrics = prometheusMetrics();
    let stock = [{ coupon: 'a "new"\ncoupon', units: 7 }];
    metrics.read({ ...sources, remainingStock: async () => stock });
    const shown = async () =>
      (await linesOf(metrics)).filter((line) => line.startsWith('firstcome_coupon_remaining'));
    expect(await shown()).toEqual([
      String.raw`firstcome_coupon_remaining_units{coupon="a \"new\"\ncoupon"} 7`,
    ]);
    stock = [{ coupon: 'another', units: 0 }];
    expect(await shown()).toEqual(['firstcome_coupon_remaining_units{coupon="another"} 0']);
  });

  it('reads the sources at each scrape, and converts them to the units in the names', async () => {
    const metrics = prometheusMetrics();
    metrics.read(sources);
    expect(await linesOf(metrics)).toEqual(
      expect.arrayContaining([
        `firstcome_build_info{version="1.2.3",node="${process.version}"} 1`,
        'firstcome_claims_waiting 7',
        'firstcome_claim_lanes 2',
        'firstcome_claim_oldest_seconds 1.5',
        'firstcome_sold_out_coupons 3',
        'firstcome_sold_out_holders 900',
        'firstcome_database_connections{pool="batches",state="idle"} 2',
        'firstcome_database_connections{pool="batches",state="used"} 3',
        'firstcome_database_connections_max{pool="batches"} 8',
        'firstcome_database_connection_waiters{pool="batches"} 1',
        'firstcome_config_info{workers="2",claim_batch_max="100"} 1',
        'firstcome_http_connections 12',
        'firstcome_http_connections_idle 5',
        'firstcome_http_connections_max 100',
        'firstcome_http_connections_ratio 0.12',
        'firstcome_http_connections_closed_total{reason="idle"} 7',
        'firstcome_http_connections_closed_total{reason="refused"} 0',
        'firstcome_database_up 1',
        'firstcome_unhealthy{reason="commits_stalled"} 0',
        'firstcome_durability{level="replicated"} 0',
        'firstcome_durability{level="local"} 1',
        'firstcome_durability_drops_total 2',
        'firstcome_duty_running{duty="stock_check"} 1',
        'firstcome_duty_running{duty="expiry_sweep"} 0',
        'firstcome_holds_overdue_seconds 0.3',
        'firstcome_holds_open 40',
        'firstcome_holds_swept_total 5',
        'firstcome_stock_check_steps_total{result="done"} 9',
        'firstcome_stock_check_steps_total{result="failed"} 1',
        'firstcome_stock_difference_units 3',
        'firstcome_stock_check_age_seconds 2.5',
        'firstcome_stock_units{kind="amount"} 10',
        'firstcome_stock_units{kind="remaining"} 4',
      ]),
    );
  });

  it('shares no counts between two services in one process', async () => {
    const [first, second] = [prometheusMetrics(), prometheusMetrics()];
    first.answered('claimed', 0, 'C');
    expect(await linesOf(second)).not.toContainEqual(expect.stringContaining('claimed'));
  });

  it('has no label whose values a client can choose', async () => {
    const metrics = prometheusMetrics();
    metrics.read(sources);
    metrics.answered('claimed', 0, 'C');
    metrics.changeAnswered('redeem', 'changed');
    metrics.shed('wait');
    metrics.callAnswered({ operation: 'readCoupon', status: 200, seconds: 0 });
    metrics.jobEnded('deliver', 'done');
    metrics.stepCalled({
      ...{ participant: 'payment', step: 'capture', direction: 'run', result: 'done' },
      seconds: 0,
    });
    const labels = (await linesOf(metrics)).flatMap((line) =>
      [...line.matchAll(/[{,](\w+)=/g)].map(([, label]) => label),
    );
    const allowed = [
      ...[
        'change',
        'claim_batch_max',
        'direction',
        'duty',
        'job',
        'kind',
        'le',
        'level',
        'limit',
        'node',
        'operation',
        'outcome',
        'participant',
        'pool',
        'reason',
      ],
      ...[
        'resolution',
        'result',
        'rule',
        'source',
        'state',
        'status',
        'step',
        'version',
        'workers',
      ],
    ];
    expect([...new Set(labels)].filter((label) => !allowed.includes(label ?? ''))).toEqual([]);
  });

  it('has a help text for each metric, and the content type of Prometheus', async () => {
    const metrics = prometheusMetrics();
    metrics.read(sources);
    const described = await metrics.describe();
    expect(described.filter(({ name }) => name.startsWith('firstcome_')).length).toBe(69);
    expect(described.filter(({ help }) => help.length < 10)).toEqual([]);
    expect((await metrics.text()).contentType).toContain('text/plain; version=0.0.4');
  });
});
