// SPDX-License-Identifier: GPL-3.0-or-later
/** Plays rows one after the other on one machine, and describes each run in a line. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { endServiceProcesses } from '../support/service-process.ts';
import { type ClientWay, clientWays } from './client-gateway.ts';
import type { FaultRow } from './fault-row.ts';
import { type FaultScenario, scenariosOf } from './loads.ts';
import { findInstallation, PostgresServer } from './postgres-server.ts';
import { type PlannedRun, playRow } from './run.ts';
import { isWell, type RunResult } from './run-result.ts';

/**
 * Takes the rows in turn, each with its scenarios, and each time with the next seed. By default each scenario of each row
 * is played once, and the first one of some rows also through the client of the package. With `client` all runs go
 * through it.
 */
export function plan(
  rows: readonly FaultRow[],
  options: {
    runs?: number | undefined;
    seed: number;
    scenario?: FaultScenario | undefined;
    brief?: boolean | undefined;
    redis?: boolean | undefined;
    queue?: boolean | undefined;
    client?: ClientWay | undefined;
  },
): PlannedRun[] {
  const { scenario: only, seed, brief: isBrief = false, redis: hasRedis = false } = options;
  const { queue: isQueued = false } = options;
  const choices = rows.flatMap((row) => {
    const scenarios = scenariosOf(row).filter((one) => only === undefined || one === only);
    const client = options.client;
    const others = client === undefined && row.hasClientRuns ? scenarios.slice(0, 1) : [];
    return [
      ...scenarios.map((scenario) => ({ row, scenario, client })),
      ...others.flatMap((scenario) => clientWays.map((way) => ({ row, scenario, client: way }))),
    ];
  });
  if (choices.length === 0) throw new Error('none of these rows is played with this drill');
  return Array.from({ length: options.runs ?? choices.length }, (_, index) => {
    const choice = choices[index % choices.length];
    if (choice === undefined) throw new Error('there are no rows to play');
    return { ...choice, seed: seed + index, isBrief, hasRedis, isQueued };
  });
}

/** Plays the planned runs until `signal` aborts; calls `onResult` after each run. */
export async function playAll(
  runs: readonly PlannedRun[],
  onResult: (result: RunResult) => void,
  signal: AbortSignal = new AbortController().signal,
): Promise<RunResult[]> {
  const folder = await mkdtemp(join(tmpdir(), 'firstcome-faults-'));
  const results: RunResult[] = [];
  let server: PostgresServer | undefined;
  try {
    const installation = await findInstallation(folder);
    server = await PostgresServer.create(installation, join(folder, 'shared'));
    for (const run of runs) {
      if (signal.aborted) break;
      const name = `row-${run.row.row}-seed-${run.seed}`;
      const result = await playRow(run, { installation, server, folder: join(folder, name) });
      results.push(result);
      onResult(result);
      if (!(await server.isRunning())) await server.start();
    }
  } finally {
    await server?.remove();
    await endServiceProcesses();
  }
  if (results.every(isWell)) await rm(folder, { recursive: true, force: true });
  return results;
}

/** Describes a run in one line. */
export function lineOf(result: RunResult): string {
  const { verdict, row, name, scenario, seed, seconds, client } = result;
  const { asked, wins, faults, felt, unknowns, figures } = result;
  const facts = [
    `${faults} faults, ${felt} felt`,
    `${unknowns.stored + unknowns.notStored} unknown (${unknowns.stored} stored)`,
    `${wins} of ${asked} won`,
    ...figures,
    `${seconds.toFixed(0)} s`,
  ];
  const through = client === undefined ? '' : `, client ${client}`;
  const run = `row ${String(row).padStart(2)} ${name}, ${scenario}${through}, seed ${seed}`;
  return `${verdict.padEnd(7)} ${run}: ${facts.join('; ')}`;
}

/** The command that repeats a run. */
export function replayOf(result: RunResult): string {
  const { row, scenario, seed, isBrief, hasRedis, isQueued, client } = result;
  const chosen = { '--brief': isBrief, '--redis': hasRedis, '--queue': isQueued };
  const flags = Object.entries(chosen).map(([flag, isSet]) => (isSet ? ` ${flag}` : ''));
  const through = client === undefined ? '' : ` --client ${client}`;
  return `npm run test:faults -- --row ${row} --scenario ${scenario} --seed ${seed}${flags.join('')}${through}`;
}
