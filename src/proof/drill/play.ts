// SPDX-License-Identifier: GPL-3.0-or-later
import type { Phase } from './arrival-times.ts';
import type { Clients } from './clients.ts';
import type { Completion } from './completion.ts';
import { DrillError } from './create-coupons.ts';
import type { Display, Progress } from './display.ts';
import { Load } from './load.ts';
import type { DrillSettings } from './options.ts';
import { planOf } from './plan.ts';
import { type DrillReport, lagMsLimit, recoveryOf } from './report.ts';
import type { RoutedRequest } from './request.ts';
import type { Scenario } from './scenario.ts';
import { Tally } from './tally.ts';
import type { TicketFollower } from './ticket-follower.ts';

const probeClientsMax = 256;
// The first part of a probe warms up both sides and is not counted.
const warmUpShare = 0.3;

/** What the load of a drill needs. Its coupons exist. */
export type PlayContext = {
  settings: DrillSettings;
  scenario: Scenario;
  clients: Clients;
  follower: TicketFollower;
  display: Display;
  /** The clock of the clients. */
  now(): number;
  signal: AbortSignal;
  /** Called for each completion of the load. */
  onCompleted(routed: RoutedRequest, completion: Completion): void;
};

/** The part of the report that the load fills in. */
export type LoadReport = Omit<DrillReport, 'history' | 'coupons' | 'lastReads' | 'machine'>;

/** Plays the load of a scenario, and resolves when its last answer has arrived. */
export async function play(context: PlayContext, startedAt: Date): Promise<LoadReport> {
  const { settings, scenario, clients, follower, now, signal } = context;
  const cpuBefore = process.cpuUsage();
  const startMs = now();
  const isProbing = scenario.probeSeconds !== undefined;
  const tally = new Tally(startMs, isProbing ? 'warm-up' : (scenario.phases(0)[0]?.name ?? 'load'));
  const load = new Load({
    ...{ clients, tally, now, signal },
    ...{ retryPolicy: scenario.retryPolicy, isTimeBound: scenario.isTimeBound === true },
    onCompleted: context.onCompleted,
  });
  const stopShowing = showProgress(context, { tally, load, startMs });
  let saturation: number | undefined;
  try {
    saturation = isProbing ? await measureSaturation(context, { tally, load }) : undefined;
    if (scenario.isClosedLoop) await playClosedLoop(context, load);
    else await playOpenLoop(context, { tally, load, saturation });
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
    ...(hasTickets(follower) && {
      tickets: { ...follower.counts, acceptedMs: tally.acceptance.percentiles() },
    }),
    latencyCurve: tally.latency.curve(),
    ...{ phases, series: tally.series },
  };
}

function hasTickets({ counts }: TicketFollower): boolean {
  return counts.accepted + counts.unknown > 0;
}

function playClosedLoop({ settings, scenario }: PlayContext, load: Load): Promise<void> {
  const { connections: clients, seconds } = settings;
  return load.runClosedLoop({ clients, seconds, draw: () => scenario.draw(), retries: true });
}

async function playOpenLoop(
  { settings, scenario, follower, now }: PlayContext,
  parts: { tally: Tally; load: Load; saturation: number | undefined },
): Promise<void> {
  const { tally, load, saturation } = parts;
  const phases = scenario.phases(saturation ?? 0);
  const begin = (phase: Phase | undefined) => tally.beginPhase(phase?.name ?? 'load', now());
  if (saturation !== undefined) begin(phases[0]);
  const plan = planOf(settings, scenario, phases);
  await load.runOpenLoop(plan, phases, (phase) => begin(phases[phase]));
  tally.beginPhase('last answers', now());
  await load.whenIdle();
  await follower.whenIdle();
}

async function measureSaturation(
  { settings, scenario, now, signal }: PlayContext,
  { tally, load }: { tally: Tally; load: Load },
): Promise<number> {
  const clients = Math.min(probeClientsMax, settings.connections);
  const draw = () => scenario.draw();
  const { probeSeconds = 0 } = scenario;
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
  { settings, scenario, clients, display, now }: PlayContext,
  { tally, load, startMs }: { tally: Tally; load: Load; startMs: number },
): () => void {
  const show = () => {
    const second = tally.lastSecond(now());
    display.show({
      ...{ scenario: settings.scenario, phase: tally.phaseName, asked: tally.asked },
      ...progressOf(settings, scenario, { seconds: (now() - startMs) / 1000, asked: tally.asked }),
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

/** Of planned arrivals the time is known; a closed loop ends after a number of users. */
function progressOf(
  settings: DrillSettings,
  scenario: Scenario,
  { seconds, asked }: { seconds: number; asked: number },
): Pick<Progress, 'elapsedS' | 'totalS' | 'share'> {
  const total = settings.seconds;
  return scenario.isClosedLoop
    ? { elapsedS: seconds, share: Math.max(seconds / total, asked / settings.users) }
    : { elapsedS: seconds, totalS: total, share: total > 0 ? seconds / total : 1 };
}
