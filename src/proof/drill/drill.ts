// SPDX-License-Identifier: GPL-3.0-or-later
/**
 * The drill: many simulated clients send requests to a service and record what each of them sees. It knows the HTTP
 * contract and shares no code with the engine, so that its findings do not depend on what it tests.
 */
import { performance } from 'node:perf_hooks';
import { setTimeout as delay } from 'node:timers/promises';
import { fileProblem } from '../file-problem.ts';
import type { HistoryHead } from '../history.ts';
import type { SeenAnswers } from '../seen-answers.ts';
import { AnswerCollector } from './answer-collector.ts';
import { archiveCoupons } from './archive-coupons.ts';
import { Clients } from './clients.ts';
import type { Completion } from './completion.ts';
import { createCoupons, DrillError } from './create-coupons.ts';
import { Display, type Terminal } from './display.ts';
import { HistoryWriter, noRecorder } from './history-writer.ts';
import { notJudged } from './judgement.ts';
import { type LastRead, readFinalState, UserSample } from './last-reads.ts';
import { type DrillOptions, type DrillSettings, resolveOptions } from './options.ts';
import { serviceApi } from './outside/service-api.ts';
import { type Watch, watchOutside } from './outside/watch-outside.ts';
import { scenarioOf } from './plan.ts';
import { play } from './play.ts';
import { Random } from './random.ts';
import { type DrillReport, readMachine } from './report.ts';
import type { RoutedRequest } from './request.ts';
import type { Scenario } from './scenario.ts';
import { summaryOf } from './summary.ts';
import { TicketFollower } from './ticket-follower.ts';
import { writeReports } from './write-reports.ts';

const flushEveryMs = 500;
const sampleStream = 3;
const ticketStream = 5;
// A saga has its own deadline; its undo takes longer where participants fail.
const watchLimits = { sagasMs: 120_000, eventsMs: 60_000 };

type DrillContext = {
  settings: DrillSettings;
  scenario: Scenario;
  clients: Clients;
  follower: TicketFollower;
  history: HistoryWriter | undefined;
  /** Only where there is no history. */
  collector: AnswerCollector | undefined;
  display: Display;
  now(): number;
  signal: AbortSignal;
  onCreated(names: string[]): Promise<void>;
  /** Watches the outside of a coupon; undefined where the scenario has none. */
  watch(coupon: string): Promise<Watch | undefined>;
  /** Archives the coupons, and reports those that stay. */
  archive(names: string[]): Promise<void>;
};

/** The results of a drill: its report, and what its audit needs. */
export type DrillRun = {
  report: DrillReport;
  head: HistoryHead;
  /** Only where the scenario has no history. */
  seen?: SeenAnswers;
};

/**
 * Plays a scenario and writes its history and the requested reports. When `signal` aborts, the load ends early, waits
 * for the requests under way, and writes everything as after a full run. Throws `DrillOptionsError` for invalid
 * options, and `DrillError` when the service cannot be drilled. Calls `onCreated` with the names of the coupons before
 * the load starts; the drill ends if that throws. Until then no file is written. However the drill ends, it archives its
 * coupons. `plan` makes another scenario of the settings than the one that they name.
 */
export async function runDrill(
  options: DrillOptions,
  terminal: Terminal,
  signal: AbortSignal = new AbortController().signal,
  onCreated: (names: string[]) => Promise<void> = async () => undefined,
  plan: (settings: DrillSettings) => Scenario = scenarioOf,
): Promise<DrillRun> {
  const startedAt = new Date();
  const startMs = performance.now();
  const settings = resolveOptions(options, startedAt);
  const scenario = plan(settings);
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
  const file = settings.history;
  const history = file === undefined ? undefined : new HistoryWriter(file, head, now);
  const collector = history === undefined ? new AnswerCollector() : undefined;
  const failing = new AbortController();
  const flushing = setInterval(() => {
    history?.flush();
    if (history?.failure !== undefined) failing.abort();
  }, flushEveryMs);
  const { claimApiKey, adminApiKey } = options;
  const recorder = history ?? noRecorder;
  const clients: Clients = new Clients({
    ...{ ...settings, claimApiKey, adminApiKey, recorder, now },
    onTicket: (ticket) => follower.follow(ticket),
  });
  const follower = new TicketFollower({
    ...{ clients, nodes: settings.urls.length, now },
    random: new Random(settings.seed, ticketStream),
  });
  const display = new Display(terminal);
  const archive = async (names: string[]) => {
    const left = await archiveCoupons(names, { ...settings, adminApiKey });
    if (left.length > 0) terminal.write(`could not archive ${left.join(', ')}\n`);
  };
  const ended = AbortSignal.any([signal, failing.signal]);
  ended.addEventListener('abort', () => follower.stop(), { once: true });
  const watch = async (coupon: string) => {
    if (settings.sagas === undefined || history === undefined) return undefined;
    return watchOutside({
      ...{ settings: settings.sagas, coupon, limits: watchLimits, signal: ended },
      ...{ api: serviceApi({ ...settings, adminApiKey }), write: terminal.write },
      see: (content) => history.see(content),
    });
  };
  try {
    terminal.write(
      `${settings.scenario} at ${settings.urls.join(',\n  ')}, seed ${settings.seed}\n`,
    );
    const report = await createCouponsAndPlay(
      {
        ...{ settings, scenario, clients, follower, history, collector, display, now },
        ...{ onCreated, archive, watch, signal: ended },
      },
      startedAt,
    );
    history?.close();
    if (history?.failure !== undefined) {
      const problem = fileProblem(history.failure, 'write');
      throw new DrillError(`${file} is not complete: ${problem}`);
    }
    // A later audit writes them again, with its verdict.
    writeReports(options, report, notJudged('the audit has not ended'));
    terminal.write(`${summaryOf(report).join('\n')}\n`);
    return { report, head, ...(collector && { seen: seenBy(collector, report) }) };
  } finally {
    clearInterval(flushing);
    clients.close();
    history?.close();
  }
}

function seenBy(collector: AnswerCollector, { options, lastReads }: DrillReport): SeenAnswers {
  const { claims, refusals, undecided, contradictions } = collector;
  const { coupon, units } = options;
  return { coupon, units, claims, refusals, undecided, contradictions, reads: lastReads };
}

async function createCouponsAndPlay(context: DrillContext, startedAt: Date): Promise<DrillReport> {
  const { settings, scenario, clients, now, signal } = context;
  // A node that accepts connections and never answers must not delay the drill.
  await Promise.race([clients.open(), delay(settings.timeoutMs, undefined, { ref: false })]);
  const sendContext = { clients, nodes: settings.urls.length, now, signal };
  const coupons = await createCoupons(sendContext, settings.urls, scenario.coupons);
  const names = coupons.map(({ name }) => name);
  try {
    await context.onCreated(names);
    const watch = await context.watch(names[0] ?? '');
    try {
      const played = await playAndRead(context, { startedAt, names, watch });
      return { ...played, coupons };
    } finally {
      await watch?.close();
    }
  } finally {
    await context.archive(names);
  }
}

async function playAndRead(
  context: DrillContext,
  { startedAt, names, watch }: { startedAt: Date; names: string[]; watch: Watch | undefined },
): Promise<Omit<DrillReport, 'coupons'>> {
  const { settings, clients, history, now, signal } = context;
  const sendContext = { clients, nodes: settings.urls.length, now, signal };
  history?.open();
  const sample = new UserSample(new Random(settings.seed, sampleStream));
  const onCompleted = (routed: RoutedRequest, completion: Completion) => {
    sample.add(routed, completion);
    context.collector?.add(routed, completion);
  };
  const played = await play({ ...context, onCompleted }, startedAt);
  await watch?.finish();
  const lastReads: LastRead[] = signal.aborted
    ? []
    : await readFinalState(sendContext, {
        ...{ urls: settings.urls, coupons: names, sample, tickets: context.follower.sample },
        listsClaims: context.scenario.listsClaims === true,
      });
  const { history: file } = settings;
  return {
    ...played,
    machine: readMachine(),
    ...(history !== undefined &&
      file !== undefined && {
        history: { file, events: history.events, operations: history.operations },
      }),
    lastReads,
  };
}
