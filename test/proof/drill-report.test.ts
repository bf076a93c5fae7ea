// SPDX-License-Identifier: GPL-3.0-or-later
import { describe, expect, it } from 'vitest';
import type { RuleReport } from '../../src/proof/audit/verdict.ts';
import { Display, type Progress } from '../../src/proof/drill/display.ts';
import { Histogram } from '../../src/proof/drill/histogram.ts';
import { type Judgement, notJudged } from '../../src/proof/drill/judgement.ts';
import { resolveOptions } from '../../src/proof/drill/options.ts';
import { type DrillReport, readMachine, recoveryOf } from '../../src/proof/drill/report.ts';
import { reportPage } from '../../src/proof/drill/report-page.ts';
import { summaryOf } from '../../src/proof/drill/summary.ts';
import { Tally } from '../../src/proof/drill/tally.ts';
import { escaped } from '../../src/proof/plot/drawing.ts';

const hostile = `<script>alert("1")</script>&'\u001b[31m`;

function aReport(more: Partial<DrillReport> = {}): DrillReport {
  const tally = new Tally(0, 'load');
  const request = { f: 'claim', coupon: 'c', attempt: 1 } as const;
  for (let ms = 0; ms < 3000; ms += 1) {
    tally.addRequest(ms);
    const pending = { node: 0, request, intendedMs: ms - 5, onDone: () => undefined };
    const completion = { type: 'ok', outcome: ms % 2 === 0 ? 'claimed' : hostile } as const;
    tally.addCompletion({ pending, completion, sentMs: ms - 1, doneMs: ms });
  }
  const started = new Date('2026-01-02T03:04:05Z');
  const options = { scenario: 'mixed', urls: ['http://h:1'], seed: 1, coupon: hostile } as const;
  const url = 'http://h:1';
  return {
    ...{ report: 'firstcome drill', version: 1, startedAt: started.toISOString() },
    ...{
      scenario: 'mixed',
      seed: 1,
      options: resolveOptions({ ...options, history: 'h' }, started),
    },
    machine: { ...readMachine(), processor: hostile },
    history: { file: hostile, events: 6000, operations: 3000 },
    coupons: [{ name: hostile, units: 5 }],
    isInterrupted: false,
    generator: { isLimit: false, lagMsMax: 1.5, lagMsLimit: 100, leftOut: 0, cpuSeconds: 1 },
    totals: {
      ...{ seconds: 3, asked: 3000, ...tally.types, answers: tally.answers },
      answersPerSecond: 1000,
    },
    ...{ outcomes: tally.outcomes, retryAfterS: tally.retryAfterS },
    latencyMs: tally.latency.percentiles(),
    serviceMs: tally.service.percentiles(),
    latencyCurve: tally.latency.curve(),
    phases: tally.end(3000),
    series: tally.series,
    lastReads: [{ url, coupon: hostile, outcome: 'read', amount: 5, remainingAmount: 0 }],
    ...more,
  } as DrillReport;
}

const rule = (name: string, verdict: RuleReport['verdict'], notes: string[] = []): RuleReport => ({
  ...{ rule: name, title: `the guarantee of ${name}`, verdict, notes },
  ...{ checked: verdict === 'skipped' ? 0 : 1234, violations: [], violationsTotal: 0 },
});

const passed: Judgement = {
  verdict: 'passed',
  rules: [rule('R1', 'passed'), rule('R11', 'skipped', ['nothing to check: no look-up'])],
  notes: [],
};

const pageOf = (report: DrillReport, judgement = passed) => reportPage(report, judgement);

describe('the report page', () => {
  it('begins with the verdict, what it means, and the rules that decide it', () => {
    const page = pageOf(aReport());
    expect(page.indexOf('Verdict: passed')).toBeLessThan(page.indexOf('<h1>'));
    expect(page).toContain('Rules: 1 passed, 1 skipped.');
    const failure = { ...rule('R3', 'failed'), violations: [hostile], violationsTotal: 12 };
    const failed = pageOf(aReport(), { verdict: 'failed', rules: [failure], notes: [hostile] });
    expect(failed).toContain('Verdict: failed');
    expect(failed).toContain('Decided by R3.');
    expect(failed).toContain('<li>and 11 more violations</li>');
    expect(failed).not.toContain('<script');
  });

  it('shows a rule without anything to check as skipped, with the reason', () => {
    const page = pageOf(aReport());
    const row = page.split('\n').find((line) => line.includes('>R11<')) ?? '';
    expect(row).toContain('skipped">skipped</td>');
    expect(row).toContain('<li>nothing to check: no look-up</li>');
    expect(row).not.toContain('passed');
  });

  it('says that a drill without an audit proves nothing, and why it was not audited', () => {
    const page = pageOf(aReport(), notJudged('run the audit'));
    expect(page).toContain('Verdict: unknown');
    expect(page).toContain('This is not a pass');
    expect(page).toContain('not judged: run the audit');
    expect(page).not.toContain('<h2>Rules</h2>');
  });

  it('escapes any text on the report page', () => {
    const page = pageOf(aReport());
    expect(page).not.toContain('<script');
    expect(page).toContain('&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt;&amp;&#39;');
    expect(escaped(`<a href='b' title="c">&amp;`)).toBe(
      '&lt;a href=&#39;b&#39; title=&quot;c&quot;&gt;&amp;amp;',
    );
  });

  it('makes the report page self-contained, for light and dark mode', () => {
    const page = pageOf(aReport());
    expect(page).not.toMatch(/\b(?:src|href|@import|url\()\s*=?\s*["'(]/);
    expect(page).toContain('prefers-color-scheme: dark');
    expect(page.match(/<svg /g)).toHaveLength(3);
    expect(page).not.toMatch(/NaN|Infinity|undefined/);
  });

  it('renders the report of a drill without any event', () => {
    const tally = new Tally(0, 'load');
    const nothing = {
      ...{ phases: tally.end(0), series: tally.series, latencyCurve: [], lastReads: [] },
      ...{ outcomes: {}, latencyMs: new Histogram().percentiles() },
    };
    expect(pageOf(aReport(nothing))).not.toMatch(/NaN|Infinity|undefined/);
    expect(summaryOf(aReport(nothing)).join('\n')).not.toMatch(/NaN|Infinity|undefined/);
  });

  it('uses the singular for a count of one', () => {
    const one = {
      history: { file: 'h', events: 1, operations: 1 },
      machine: { ...readMachine(), cores: 1 },
      generator: { isLimit: false, lagMsMax: 1, lagMsLimit: 100, leftOut: 1, cpuSeconds: 1 },
    };
    const summary = summaryOf(aReport(one)).join('\n');
    expect(summary).toContain('history: h (1 event)');
    expect(summary).toContain('1 arrival, since the generator was late');
    expect(pageOf(aReport(one))).toContain(', 1 core, ');
    expect(pageOf(aReport(one))).toContain('h, 1 event<');
    expect(summaryOf(aReport()).join('\n')).toContain('(6,000 events)');
  });

  it('warns when the generator was the limit', () => {
    const generator = { isLimit: true, lagMsMax: 250, lagMsLimit: 100, leftOut: 0, cpuSeconds: 1 };
    const line = 'the generator is the limit: it was at most 250 ms behind its plan';
    expect(summaryOf(aReport({ generator }))).toContain(line);
    expect(pageOf(aReport({ generator }))).toContain('The generator is the limit');
    expect(pageOf(aReport())).not.toContain('is the limit');
    const late = summaryOf(aReport({ generator: { ...generator, leftOut: 1234 } })).join('\n');
    expect(late).toMatch(/skipped +1,234 arrivals/);
  });
});

describe('the summary', () => {
  it('fits the summary into 80 columns, without control characters', () => {
    const lines = summaryOf(aReport({ saturation: 1234.5, recoveredAfterS: 2 }));
    for (const line of lines) {
      expect(line.length).toBeLessThanOrEqual(80);
      expect(line).not.toMatch(/\p{Cc}/u);
    }
    expect(lines.join('\n')).toContain('1,235 decisions/s');
  });
});

describe('the tally', () => {
  it('counts each second in a row, even without events', () => {
    const tally = new Tally(1000, 'load');
    tally.addRequest(1500);
    const request = { f: 'claim', coupon: 'c', attempt: 1 } as const;
    const pending = { node: 0, request, intendedMs: 1500, onDone: () => undefined };
    const completion = { type: 'fail', outcome: 'overloaded' } as const;
    tally.beginPhase('quiet', 3000);
    tally.addCompletion({ pending, completion, sentMs: 4000, doneMs: 4500 });
    const phases = tally.end(6000);
    expect(tally.series.map(({ asked }) => asked)).toEqual([1, 0, 0, 0, 0, 0]);
    expect(tally.series.map(({ answers }) => answers.shed)).toEqual([0, 0, 0, 1, 0, 0]);
    expect(tally.series[3]?.p99).toBe(3000);
    expect(phases.map(({ name, seconds }) => [name, seconds])).toEqual([
      ...[
        ['load', 2],
        ['quiet', 3],
      ],
    ]);
    expect(phases[1]?.shedMs.max).toBe(500);
    // The last shed is in the fourth second, and the quiet phase starts with the third.
    expect(recoveryOf(phases, tally.series, 100).turnedAwayUntilS).toBe(2);
  });

  it('counts the answers for each Retry-After', () => {
    const tally = new Tally(0, 'load');
    const request = { f: 'claim', coupon: 'c', attempt: 1 } as const;
    const pending = { node: 0, request, intendedMs: 0, onDone: () => undefined };
    for (const retryAfterS of [1, 3, 1, undefined]) {
      const header = retryAfterS === undefined ? {} : { retryAfterS };
      const completion = { type: 'fail', outcome: 'overloaded', ...header } as const;
      tally.addCompletion({ pending, completion, sentMs: 0, doneMs: 1 });
    }
    expect(tally.retryAfterS).toEqual({ 1: 2, 3: 1 });
  });

  it('separates the latency of decisions from that of shed requests', () => {
    const tally = new Tally(0, 'load');
    const request = { f: 'claim', coupon: 'c', attempt: 1 } as const;
    const done = (outcome: string, type: 'ok' | 'fail', doneMs: number) => {
      const pending = { node: 0, request, intendedMs: 0, onDone: () => undefined };
      tally.addCompletion({ pending, completion: { type, outcome }, sentMs: 0, doneMs });
    };
    done('claimed', 'ok', 40);
    done('sold_out', 'fail', 50);
    done('overloaded', 'fail', 1);
    const [phase] = tally.end(1000);
    expect(phase?.decidedMs).toMatchObject({ count: 2, max: 50 });
    expect(phase?.latencyMs.count).toBe(3);
  });
});

describe('the display', () => {
  const progress: Progress = {
    ...{ scenario: 'flash-sale', phase: 'load', elapsedS: 5, totalS: 10, asked: 1_234_567 },
    share: 0.5,
    answers: {
      won: 1_000_000,
      refused: 9_000_000,
      shed: 8_000_000,
      unsent: 3,
      unknown: 7_000,
      other: 9,
    },
    ...{ askedPerSecond: 98_765, waiting: 100_000, underWay: 20_000, p50: 1.234, p99: 5678 },
    lagMs: 0.5,
  };
  const shownOn = (isTerminal: boolean, columns?: number, changes: Partial<Progress> = {}) => {
    const written: string[] = [];
    const write = (text: string) => {
      written.push(text);
    };
    const display = new Display({ write, draw: isTerminal ? write : undefined, columns });
    display.show({ ...progress, ...changes });
    display.show({ ...progress, ...changes, elapsedS: 6 });
    return written;
  };

  it('redraws one block on a terminal, within its width', () => {
    for (const columns of [30, 80, 200]) {
      const [first = '', second = ''] = shownOn(true, columns);
      expect(first).not.toContain('\u001b[4A');
      expect(second.startsWith('\u001b[4A\r')).toBe(true);
      const lines = first.trimEnd().replaceAll('\u001b[2K', '').split('\n');
      expect(lines).toHaveLength(4);
      for (const line of lines) expect(line.length).toBeLessThanOrEqual(Math.min(80, columns));
    }
  });

  it('prints plain lines of at most 80 columns where the output is no terminal', () => {
    const written = shownOn(false);
    expect(written).toHaveLength(2);
    expect(written.join('')).not.toContain('\u001b');
    expect(written[0]).toBe(
      '5 s load: 98,765/s  p50 1.23 p99 5,678 ms  ok 1,000,000  refused 9,000,000\n' +
        '  shed 8,000,000  unsent 3  unknown 7,000  other 9\n',
    );
  });

  it('prints one plain line for a service that decides every claim, and says when the generator is late', () => {
    const answers = { ...progress.answers, shed: 0, unsent: 0, unknown: 0, other: 0 };
    expect(shownOn(false, undefined, { answers, lagMs: 100 })[0]).toBe(
      '5 s load: 98,765/s  p50 1.23 p99 5,678 ms  ok 1,000,000  refused 9,000,000\n',
    );
    expect(shownOn(false, undefined, { answers, lagMs: 101 })[0]).toMatch(
      /\n {2}generator late 101 ms\n$/,
    );
  });
});
