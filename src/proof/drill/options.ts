// SPDX-License-Identifier: GPL-3.0-or-later
import { resolve } from 'node:path';
import type { Phase, Spacing } from './arrival-times.ts';
import { isOrigin, urlMistake } from './origin-url.ts';
import { type SagaOptions, type SagaSettings, sagaMistakes, sagaSettings } from './saga-options.ts';

/** The scenarios, and what each plays. */
export const scenarios = {
  'flash-sale': 'many users for few units; some of them claim twice',
  'double-dip': 'few users who each claim many times at once',
  'retry-storm': 'users who send each claim ten times under one key',
  overload: 'more than the service can decide, from users who retry',
  mixed: "a day's traffic: a sale window, added stock, readers, look-ups",
  holds: 'users who hold a unit, pay, fail to pay, leave and come back',
  redeem: 'holders who redeem, some of them at two tills at once',
  sagas: 'users who claim, pay and redeem by sagas, which operators undo',
  million: 'a million users, as fast as the service answers; no history',
} as const;

/** One of `scenarios`. */
export type ScenarioName = keyof typeof scenarios;

/** The names of all `scenarios`. */
export const scenarioNames = Object.keys(scenarios) as ScenarioName[];

/**
 * Whether the scenario records a history. That of a million users would have two million lines, and to write them
 * would slow down the load. Such a drill keeps `SeenAnswers` instead.
 */
export function hasHistory(scenario: ScenarioName): boolean {
  return scenario !== 'million';
}

/** The options of a drill. An undefined one has a default, which depends on the scenario. */
export type DrillOptions = {
  scenario: ScenarioName;
  /** One or several nodes of the same service, such as `http://127.0.0.1:8080`. */
  urls: readonly string[];
  /** Equal seeds plan equal arrivals. */
  seed: number;
  users?: number | undefined;
  /** The amount of the coupon; in `mixed`, of the hot one; in `redeem`, of each. */
  units?: number | undefined;
  /** Arrivals a second. In `overload`: the saturation, which is then not measured. */
  rate?: number | undefined;
  /** Arrivals a second at the start and at the end, instead of `rate`. */
  ramp?: { fromRate: number; toRate: number } | undefined;
  spacing?: Spacing | undefined;
  /** In `overload`: the loads, as multiples of the saturation. */
  times?: readonly number[] | undefined;
  /** How long users arrive. */
  seconds?: number | undefined;
  /** To all nodes together. */
  connections?: number | undefined;
  /**
   * Seconds: each fifth arrival also reads its coupon on a random node, and half of all reads accept an answer of this age.
   * Undefined: only the reads of the scenario, all of them fresh.
   */
  readMaxAgeS?: number | undefined;
  /** The header `Prefer` of all claims: `respond-async` or `wait=N`, or both. Undefined: none. */
  prefer?: string | undefined;
  /** Sends claims in calls of up to so many. Undefined: each claim is a call of its own. */
  batch?: number | undefined;
  /** How long a client waits for an answer, and before that for a free connection. */
  timeoutMs?: number | undefined;
  claimApiKey?: string | undefined;
  adminApiKey?: string | undefined;
  /** The name of the coupon. The default contains the seed and the time, so a database can be used again. */
  coupon?: string | undefined;
  /** The file for the history; `drill.jsonl` by default, where the scenario has a history. */
  history?: string | undefined;
  jsonReport?: string | undefined;
  htmlReport?: string | undefined;
} & SagaOptions;

/** The options of a drill with all defaults filled in. */
export type DrillSettings = {
  scenario: ScenarioName;
  urls: string[];
  seed: number;
  users: number;
  units: number;
  fromRate: number;
  toRate: number;
  /** In `overload`: whether the saturation is measured first. */
  isRateMeasured: boolean;
  /** In `overload`: the loads, as multiples of the saturation. */
  times: readonly number[];
  spacing: Spacing;
  seconds: number;
  connections: number;
  /** Undefined: all reads are fresh. */
  readMaxAgeS?: number;
  /** The header `Prefer` of all claims. */
  prefer?: string;
  /** How many claims a call holds at most. */
  batch?: number;
  timeoutMs: number;
  coupon: string;
  /** Undefined where the scenario has no history. */
  history?: string;
  /** Only in `sagas`. */
  sagas?: SagaSettings;
};

/** Invalid options: all mistakes, one a line. */
export class DrillOptionsError extends Error {
  readonly mistakes: readonly string[];

  constructor(mistakes: readonly string[]) {
    super(mistakes.join('\n'));
    this.name = 'DrillOptionsError';
    this.mistakes = mistakes;
  }
}

type Defaults = Pick<DrillSettings, 'users' | 'units' | 'connections'> & {
  rate: number;
  timeoutMs?: number;
  /** Undefined: until every user has arrived. */
  seconds: number | undefined;
};

const unitsMax = 2_147_483_647;
const secondsMax = 86_400;
const usersMax = 2 ** 32 - 1;

const defaults: Record<ScenarioName, Defaults> = {
  'flash-sale': { users: 10_000, units: 100, rate: 1_000, seconds: undefined, connections: 256 },
  'double-dip': { users: 50, units: 40, rate: 500, seconds: 10, connections: 256 },
  'retry-storm': { users: 2_000, units: 1_000, rate: 200, seconds: undefined, connections: 256 },
  overload: {
    ...{ users: usersMax, units: unitsMax, rate: 1_000, seconds: 30, connections: 1_024 },
    // Requests queued in the clients expire soon after the overload, so recovery measures the service.
    timeoutMs: 2_000,
  },
  mixed: { users: 5_000, units: 500, rate: 500, seconds: 15, connections: 256 },
  holds: { users: 2_000, units: 500, rate: 200, seconds: undefined, connections: 256 },
  redeem: { users: 2_000, units: 400, rate: 200, seconds: undefined, connections: 256 },
  sagas: { users: 1_500, units: 300, rate: 100, seconds: undefined, connections: 128 },
  // It has no rate, and ends when every user has an answer.
  million: {
    ...{ users: 1_000_000, units: 100_000, rate: 0, seconds: secondsMax, connections: 256 },
  },
};

const limits = {
  seed: [0, Number.MAX_SAFE_INTEGER],
  users: [1, usersMax],
  units: [1, unitsMax],
  connections: [1, 20_000],
  timeoutMs: [1, 600_000],
  readMaxAgeS: [1, 60],
  batch: [1, 1_000],
} as const;
const labels: Partial<Record<keyof typeof limits, string>> = {
  timeoutMs: 'timeout',
  readMaxAgeS: 'the age of reads',
};
const rateMax = 1_000_000;
const timeoutMsDefault = 10_000;
// Claims wait for each other only while every connection is busy.
const batchConnectionsDefault = 4;
const historyDefault = 'drill.jsonl';
const timesDefault = [2, 5, 10];
const preferences = /^(?:respond-async|(?:respond-async, ?)?wait=\d{1,2})$/;
const [timesMax, factorMax] = [20, 1_000];

/** Throws `DrillOptionsError` with all mistakes at once. */
export function assertOptions(options: DrillOptions): void {
  const mistakes = mistakesIn(options);
  if (mistakes.length > 0) throw new DrillOptionsError(mistakes);
}

/** Fills in the defaults. Throws what `assertOptions` throws. */
export function resolveOptions(options: DrillOptions, startedAt: Date): DrillSettings {
  assertOptions(options);
  const { scenario, seed } = options;
  const fallback = defaults[scenario];
  const rate = options.rate ?? fallback.rate;
  const { fromRate, toRate } = options.ramp ?? { fromRate: rate, toRate: rate };
  const users = options.users ?? fallback.users;
  return {
    scenario,
    urls: options.urls.map((url) => new URL(url).origin),
    seed,
    users,
    units: options.units ?? fallback.units,
    fromRate,
    toRate,
    isRateMeasured: scenario === 'overload' && options.rate === undefined,
    times: options.times ?? timesDefault,
    spacing: options.spacing ?? 'poisson',
    seconds: options.seconds ?? fallback.seconds ?? secondsFor(users, (fromRate + toRate) / 2),
    connections:
      options.connections ??
      (options.batch === undefined ? fallback.connections : batchConnectionsDefault),
    ...(options.readMaxAgeS !== undefined && { readMaxAgeS: options.readMaxAgeS }),
    ...(options.prefer !== undefined && { prefer: options.prefer }),
    ...(options.batch !== undefined && { batch: options.batch }),
    timeoutMs: options.timeoutMs ?? fallback.timeoutMs ?? timeoutMsDefault,
    coupon: options.coupon ?? `drill-${scenario}-${seed}-${startedAt.getTime().toString(36)}`,
    ...(hasHistory(scenario) && { history: options.history ?? historyDefault }),
    ...(scenario === 'sagas' && { sagas: sagaSettings(options) }),
  };
}

/** The phases of a scenario with one rate, or one ramp. */
export function loadPhases({ seconds, fromRate, toRate }: DrillSettings): Phase[] {
  return [{ name: 'load', seconds, fromRate, toRate }];
}

/** Long enough for all users: some arrive twice, and chance may delay them by a few standard deviations. */
function secondsFor(users: number, rate: number): number {
  const arrivals = users * 1.04 + 5 * Math.sqrt(users) + 5;
  return Math.min(secondsMax, Math.ceil((arrivals / rate) * 10) / 10);
}

function mistakesIn(options: DrillOptions): string[] {
  const { scenario, urls, ramp, coupon } = options;
  if (!scenarioNames.includes(scenario)) {
    return [`scenario must be one of ${scenarioNames.join(', ')}`];
  }
  const mistakes: string[] = [];
  if (urls.length === 0) mistakes.push('at least one URL is needed');
  mistakes.push(...urls.filter((url) => !isOrigin(url)).map(urlMistake));
  for (const [name, [min, max]] of Object.entries(limits)) {
    const value = options[name as keyof typeof limits];
    if (value === undefined || (Number.isInteger(value) && value >= min && value <= max)) continue;
    mistakes.push(
      `${labels[name as keyof typeof limits] ?? name} must be a whole number from ${min} to ${max}`,
    );
  }
  const rates = [options.rate, ramp?.fromRate, ramp?.toRate].filter((rate) => rate !== undefined);
  if (rates.some((rate) => !(rate >= 0 && rate <= rateMax))) {
    mistakes.push(`a rate must be a number from 0 to ${rateMax}`);
  } else if (options.rate === 0 || (ramp !== undefined && ramp.fromRate + ramp.toRate === 0)) {
    mistakes.push('rate must be more than 0, or no user arrives');
  }
  if (ramp !== undefined && options.rate !== undefined) {
    mistakes.push('set rate or ramp, not both');
  }
  if (ramp !== undefined && scenario === 'overload') mistakes.push('overload has its own ramp');
  mistakes.push(...millionMistakes(options), ...sagaMistakes(options, scenario === 'sagas'));
  const { seconds } = options;
  if (seconds !== undefined && !(seconds >= 0.1 && seconds <= secondsMax)) {
    mistakes.push(`seconds must be a number from 0.1 to ${secondsMax}`);
  }
  mistakes.push(...timesMistakes(options));
  // Some scenarios append a suffix, and the service accepts 255 characters.
  if (coupon !== undefined && (coupon === '' || coupon.length > 240)) {
    mistakes.push('the name of the coupon must have 1 to 240 characters');
  }
  mistakes.push(...preferMistakes(options), ...keyMistakes(options), ...fileMistakes(options));
  return mistakes;
}

function millionMistakes({ scenario, rate, ramp, history, readMaxAgeS }: DrillOptions): string[] {
  if (scenario !== 'million') return [];
  const mistakes: string[] = [];
  if (rate !== undefined || ramp !== undefined) {
    mistakes.push('million has no rate: each connection sends a claim after the last answer');
  }
  if (readMaxAgeS !== undefined) mistakes.push('million reads nothing during the load');
  if (history !== undefined) mistakes.push('million records no history: omit --history');
  return mistakes;
}

function timesMistakes({ scenario, times }: DrillOptions): string[] {
  if (times === undefined) return [];
  if (scenario !== 'overload') return ['only overload has times'];
  const areGood = times.every((factor) => factor > 0 && factor <= factorMax);
  return areGood && times.length > 0 && times.length <= timesMax
    ? []
    : [`times must be 1 to ${timesMax} numbers above 0, up to ${factorMax}`];
}

function preferMistakes({ prefer }: DrillOptions): string[] {
  return prefer === undefined || preferences.test(prefer)
    ? []
    : ['prefer must be respond-async, wait=<seconds>, or "respond-async, wait=<seconds>"'];
}

function keyMistakes({ claimApiKey, adminApiKey }: DrillOptions): string[] {
  return [claimApiKey, adminApiKey]
    .filter((key) => key !== undefined && !/^[\x21-\x7e]+$/.test(key))
    .map(() => 'an API key must be printable ASCII without spaces');
}

function fileMistakes({ scenario, jsonReport, htmlReport, ...options }: DrillOptions): string[] {
  const history = hasHistory(scenario) ? (options.history ?? historyDefault) : undefined;
  const files = [history, jsonReport, htmlReport].filter((file) => file !== undefined);
  return new Set(files.map((file) => resolve(file))).size === files.length
    ? []
    : ['history, json and html must be different files'];
}
