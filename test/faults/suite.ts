// SPDX-License-Identifier: GPL-3.0-or-later
/** Plays rows one after the other on one machine, and describes each run in a line. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { endServiceProcesses } from '../support/service-process.ts';
import type { FaultRow } from './fault-row.ts';
import { findInstallation, PostgresServer } from './postgres-server.ts';
import { isWell, playRow, type RunResult } from './run.ts';

/** One row with one seed. */
export type PlannedRun = { row: FaultRow; seed: number };

/** Takes the rows in turn, each time with the next seed. */
export function plan(
  rows: readonly FaultRow[],
  options: { runs: number; seed: number },
): PlannedRun[] {
  return Array.from({ length: options.runs }, (_, index) => {
    const row = rows[index % rows.length];
    if (row === undefined) throw new Error('there are no rows to play');
    return { row, seed: options.seed + index };
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
    for (const { row, seed } of runs) {
      if (signal.aborted) break;
      const place = { installation, server, folder: join(folder, `row-${row.row}-seed-${seed}`) };
      const result = await playRow(row, seed, place);
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
  const { row, name, seed, verdict, seconds, asked, wins, faults, felt, unknowns, figures } =
    result;
  const facts = [
    `${faults} faults, ${felt} felt`,
    `${unknowns.stored + unknowns.notStored} unknown (${unknowns.stored} stored)`,
    `${wins} of ${asked} won`,
    ...figures,
    `${seconds.toFixed(0)} s`,
  ];
  return `${verdict.padEnd(7)} row ${String(row).padStart(2)} ${name}, seed ${seed}: ${facts.join('; ')}`;
}

/** The command that repeats a run. */
export function replayOf({ row, seed }: RunResult): string {
  return `npm run test:faults -- --row ${row} --seed ${seed}`;
}
