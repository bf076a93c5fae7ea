// SPDX-License-Identifier: GPL-3.0-or-later
import { type ArrivalTime, arrivalTimes, type Phase } from './arrival-times.ts';
import type { DrillSettings, ScenarioName } from './options.ts';
import { Random } from './random.ts';
import type { RoutedRequest } from './request.ts';
import type { Scenario, ScenarioInput } from './scenario.ts';
import { withCachedReads } from './scenarios/cached-reads.ts';
import { doubleDip } from './scenarios/double-dip.ts';
import { flashSale } from './scenarios/flash-sale.ts';
import { holds } from './scenarios/holds.ts';
import { million } from './scenarios/million.ts';
import { mixed } from './scenarios/mixed.ts';
import { overload } from './scenarios/overload.ts';
import { redeem } from './scenarios/redeem.ts';
import { retryStorm } from './scenarios/retry-storm.ts';
import { sagas } from './scenarios/sagas.ts';

/** An arrival, and its requests. */
export type Arrival = ArrivalTime & { requests: RoutedRequest[] };

const scenarios: Record<ScenarioName, (parts: ScenarioInput) => Scenario> = {
  'flash-sale': flashSale,
  'double-dip': doubleDip,
  'retry-storm': retryStorm,
  overload,
  mixed,
  holds,
  redeem,
  sagas,
  million,
};

const drawStream = 0;
const timeStream = 1;
const readStream = 4;

/** The scenario of the settings. Its random draws depend on the settings alone. */
export function scenarioOf(settings: DrillSettings): Scenario {
  const random = new Random(settings.seed, drawStream);
  const scenario = scenarios[settings.scenario]({ settings, random });
  const { readMaxAgeS: maxAgeS, seed, urls } = settings;
  if (maxAgeS === undefined) return scenario;
  const reads = new Random(seed, readStream);
  return withCachedReads(scenario, { maxAgeS, nodes: urls.length, random: reads });
}

/** All arrivals in order of time, generated one by one. Equal settings and phases give equal plans. */
export function* planOf(
  settings: DrillSettings,
  scenario: Scenario,
  phases: readonly Phase[],
): Generator<Arrival, void> {
  const random = new Random(settings.seed, timeStream);
  for (const time of arrivalTimes(phases, settings.spacing, random)) {
    const requests = scenario.draw();
    if (requests === undefined) return;
    yield { ...time, requests };
  }
}
