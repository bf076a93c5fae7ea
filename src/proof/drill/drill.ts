// SPDX-License-Identifier: GPL-3.0-or-later
/**
 * The drill: many simulated clients send requests to a service and record what each of them sees. It knows the HTTP
 * contract and shares no code with the engine, so that its findings do not depend on what it tests.
 */
import { writeFileSync } from 'node:fs';
import { performance } from 'node:perf_hooks';
import { setTimeout as delay } from 'node:timers/promises';
import type { HistoryHead } from '../history.ts';
import type { Phase } from './arrival-times.ts';
import { Clients } from './clients.ts';
import { createCoupons, DrillError } from './create-coupons.ts';
import { Display, type Terminal } from './display.ts';
import { HistoryWriter } from './history-writer.ts';
import { type LastRead, readFinalState, UserSample } from './last-reads.ts';
import { Load } from './load.ts';
import { type DrillOptions, type DrillSettings, resolveOptions } from './options.ts';
import { planOf, scenarioOf } from './plan.ts';
import { Random } from './random.ts';
import { type DrillReport, lagMsLimit, readMachine, recoveryOf } from './report.ts';
import { reportPage } from './report-page.ts';
import type { Scenario } from './scenario.ts';
import { summaryOf } from './summary.ts';
import { Tally } from './tally.ts';

const flushEveryMs = 500;
const probeClientsMax = 256;
// The first part of a probe warms up both sides and is not counted.
const warmUpShare = 0.3;
const sampleStream = 3;

type DrillContext = {
  settings: DrillSettings;
  scenario: Scenario;
  clients: Clients;
  history: HistoryWriter;
  display: Display;
  now(): number;
  signal: AbortSignal;
  onCreated(names: string[]): Promise<void>;
};

type LoadReport = Omit<DrillReport, 'history' | 'coupons' | 'lastReads' | 'machine'>;

/**
 * Plays a scenario and writes its history and the requested reports. When `signal` aborts, the load ends early, waits
 * for the requests under way, and writes everything as after a full run. Throws `DrillOptionsError` for invalid
 * options, and `DrillError` when the service cannot be drilled. Calls `onCreated` with the names of the coupons before
 * the load starts; the drill ends if that throws. Until then no file is written.
 */
export async function runDrill(
  options: DrillOptions,
  terminal: Terminal,
  signal: AbortSignal = new AbortController().signal,
  onCreated: (names: string[]) => Promise<void> = async () => undefined,
): Promise<DrillReport> {
  const startedAt = new Date();
  const startMs = performance.now();
  const settings = resolveOptions(options, startedAt);
  const scenario = scenarioOf(settings);
  const now = () => performance.now() - startMs;
  const head: HistoryHead = {
    history: 'firstcome',
    version: 1,
    scenario: settings.scenario,
    seed: settings.seed,
    nodes: settings.urls,
    started_at: startedAt.toISOString(),
    options: settings,
  };
  const history = new HistoryWriter(options.history, head, now);
  const failing = new AbortController();
  const flushing = setInterval(() => {
    history.flush();
    if (history.failure !== undefined) failing.abort();
  }, flushEveryMs);
  const { claimApiKey, adminApiKey } = options;
  const clients = new Clients({ ...settings, claimApiKey, adminApiKey, history, now });
  const display = new Display(terminal);
  try {
    terminal.write(`${settings.scenario} at ${settings.urls.join(', ')}, seed ${settings.seed}\n`);
    const report = await createCouponsAndPlay(
      {
        ...{ settings, scenario, clients, history, display, now, onCreated },
        signal: AbortSignal.any([signal, failing.signal]),
      },
      startedAt,
      options.history,
    );
    history.close();
    if (history.failure !== undefined) {
      throw new DrillError(`${options.history} is not complete: ${history.failure.message}`);
    }
    writeReports(options, report);
    terminal.write(`${summaryOf(report).join('\n')}\n`);
    return report;
  } finally {
    clearInterval(flushing);
    clients.close();
    history.close();
  }
}

async function createCouponsAndPlay(
  context: DrillContext,
  startedAt: Date,
  file: string,
): Promise<DrillReport> {
  const { settings, scenario, clients, history, now, signal } = context;
  // A node that accepts connections and never answers must not delay the drill.
  await Promise.race([clients.open(), delay(settings.timeoutMs, undefined, { ref: false })]);
  const sendContext = { clients, nodes: settings.urls.length, now, signal };
  const coupons = await createCoupons(sendContext, settings.urls, scenario.coupons);
  const names = coupons.map(({ name }) => name);
  await context.onCreated(names);
  history.open();
  const sample = new UserSample(new Random(settings.seed, sampleStream));
  const played = await play(context, startedAt, sample);
  const lastReads: LastRead[] = signal.aborted
    ? []
    : await readFinalState(sendContext, { urls: settings.urls, coupons: names, sample });
  const { events, operations } = history;
  return {
    ...played,
    machine: readMachine(),
    history: { file, events, operations },
    ...{ coupons, lastReads },
  };
}

async function play(
  context: DrillContext,
  startedAt: Date,
  sample: UserSample,
): Promise<LoadReport> {
  const { settings, scenario, clients, now, signal } = context;
  const cpuBefore = process.cpuUsage();
  const startMs = now();
  const isProbing = scenario.probeSeconds > 0;
  const tally = new Tally(startMs, isProbing ? 'warm-up' : (scenario.phases(0)[0]?.name ?? 'load'));
  const load = new Load({
    ...{ clients, tally, now, signal },
    ...{ retryPolicy: scenario.retryPolicy, isTimeBound: scenario.isTimeBound },
    onCompleted: (routed, completion) => sample.add(routed, completion),
  });
  const stopShowing = showProgress(context, { tally, load, startMs });
  let saturation: number | undefined;
  try {
    saturation = isProbing ? await measureSaturation(context, { tally, load }) : undefined;
    const phases = scenario.phases(saturation ?? 0);
    const begin = (phase: Phase | undefined) => tally.beginPhase(phase?.name ?? 'load', now());
    if (isProbing) begin(phases[0]);
    const plan = planOf(settings, scenario, phases);
    await load.runOpenLoop(plan, phases, (phase) => begin(phases[phase]));
    tally.beginPhase('last answers', now());
    await load.whenIdle();
  } finally {
    stopShowing();
  }
  const endMs = now();
  const cpu = process.cpuUsage(cpuBefore);
  const phases = tally.end(endMs);
  const seconds = (endMs - startMs) / 1000;
  const { ok, fail, info, notSent } = tally.types;
  const peak = saturation ?? settings.fromRate;
  const recovery = recoveryOf(phases, tally.series, peak);
  return {
    report: 'firstcome drill',
    version: 1,
    startedAt: startedAt.toISOString(),
    ...{ scenario: settings.scenario, seed: settings.seed, options: settings },
    isInterrupted: signal.aborted,
    generator: {
      isLimit: load.lagMsMax > lagMsLimit,
      ...{ lagMsMax: load.lagMsMax, lagMsLimit, leftOut: load.leftOut },
      ...{ cpuSeconds: (cpu.user + cpu.system) / 1e6 },
    },
    ...(saturation !== undefined && { saturation }),
    ...recovery,
    totals: {
      ...{ seconds, asked: tally.asked, ok, fail, info, notSent, answers: tally.answers },
      answersPerSecond: (ok + fail + info) / seconds,
    },
    ...{ outcomes: tally.outcomes, retryAfterS: tally.retryAfterS },
    latencyMs: tally.latency.percentiles(),
    serviceMs: tally.service.percentiles(),
    latencyCurve: tally.latency.curve(),
    ...{ phases, series: tally.series },
  };
}

async function measureSaturation(
  { settings, scenario, now, signal }: DrillContext,
  { tally, load }: { tally: Tally; load: Load },
): Promise<number> {
  const clients = Math.min(probeClientsMax, settings.connections);
  const draw = () => scenario.draw();
  const { probeSeconds } = scenario;
  await load.runClosedLoop({ clients, seconds: probeSeconds * warmUpShare, draw });
  const decided = () => tally.answers.won + tally.answers.refused;
  const [decidedBefore, startMs] = [decided(), now()];
  tally.beginPhase('probe', startMs);
  await load.runClosedLoop({ clients, seconds: probeSeconds * (1 - warmUpShare), draw });
  const saturation = ((decided() - decidedBefore) * 1000) / (now() - startMs);
  if (saturation === 0 && !signal.aborted) {
    throw new DrillError('the service decided nothing while saturation was measured');
  }
  return saturation;
}

function showProgress(
  { settings, clients, display, now }: DrillContext,
  { tally, load, startMs }: { tally: Tally; load: Load; startMs: number },
): () => void {
  const show = () => {
    const second = tally.lastSecond(now());
    display.show({
      ...{ scenario: settings.scenario, phase: tally.phaseName, asked: tally.asked },
      ...{ elapsedS: (now() - startMs) / 1000, totalS: settings.seconds },
      ...{ askedPerSecond: second?.asked ?? 0, p50: second?.p50 ?? 0, p99: second?.p99 ?? 0 },
      ...{ answers: tally.answers, waiting: clients.waiting, underWay: clients.underWay },
      lagMs: load.takeLagMs(),
    });
  };
  const timer = setInterval(show, display.everyMs);
  return () => {
    clearInterval(timer);
    show();
  };
}

function writeReports({ jsonReport, htmlReport }: DrillOptions, report: DrillReport): void {
  if (jsonReport !== undefined) write(jsonReport, `${JSON.stringify(report, null, 2)}\n`);
  if (htmlReport !== undefined) write(htmlReport, reportPage(report));
}

function write(file: string, text: string): void {
  try {
    writeFileSync(file, text);
  } catch (error) {
    throw new DrillError(`${file} cannot be written: ${(error as Error).message}`);
  }
}
