// SPDX-License-Identifier: GPL-3.0-or-later
/** `npm run bench`: compares firstcome with its ceiling and with the usual design. The targets take turns. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { type CleanUp, runCleanly, say } from './clean-up.ts';
import { type BenchDatabase, type DatabaseServer, startDatabaseServer } from './database-server.ts';
import { findGenerator, wrkMissing } from './load.ts';
import { describeMachine, isInMemory, type Machine, versionOf } from './machine.ts';
import { type Bench, measure, type RunningTarget } from './measure.ts';
import { type BenchOptions, readBenchOptions } from './options.ts';
import { type Phase, planOf } from './plan.ts';
import { lineOf, summaryOf } from './printing.ts';
import { hasRedis } from './redis-server.ts';
import { nameOf, type Results, type TargetSpec } from './results.ts';
import {
  buildIsOld,
  createDatabaseFor,
  missingBuild,
  startTarget,
  type Target,
} from './targets.ts';

process.exitCode = await runCleanly(main);

async function main(cleanUp: CleanUp): Promise<number> {
  const options = readBenchOptions(process.argv.slice(2));
  const generator = findGenerator();
  if (generator === undefined) {
    say(wrkMissing);
    return 1;
  }
  const phases = planOf(options);
  const missing =
    missingBuild() ??
    (phases.length === 0 ? '--quick does not include this workload; leave out --quick' : undefined);
  if (missing !== undefined) {
    say(missing);
    return 1;
  }
  const startedAt = new Date();
  const server = await startDatabaseServer(options, cleanUp);
  const notes = notesOn(options, server);
  const machine = describeMachine({
    postgres: `${server.version} (${server.bundled ? 'bundled' : 'given'})`,
    generator: generator.name,
    folder: options.folder,
  });
  say(describe(machine));
  for (const note of notes) say(`note: ${note}`);

  const results: Results = {
    startedAt: startedAt.toISOString(),
    machine,
    options: {
      ...{ quick: options.quick, full: options.full },
      ...{ rounds: options.rounds ?? 3, seconds: options.seconds ?? (options.quick ? 1 : 5) },
    },
    notes,
    runs: [],
  };
  const path = options.output ?? defaultPath(results);
  mkdirSync(dirname(path), { recursive: true });
  const bench: Bench = { server, generator, usualPoolMax: options.usualPool, cleanUp };
  for (const phase of phases) {
    await runPhase(bench, phase, results);
    // Written after each phase, so that an interrupted run keeps its finished phases.
    writeFileSync(path, `${JSON.stringify(results, undefined, 1)}\n`);
  }
  for (const line of summaryOf(results)) say(line);
  say(`\nwritten to ${relative(process.cwd(), path)}; npm run bench:report turns it into a page`);
  const violated = results.runs.filter((run) => run.violations.length > 0);
  for (const run of violated) say(`INVALID: ${lineOf(run)}: ${run.violations.join('; ')}`);
  return violated.length === 0 ? 0 : 1;
}

/** The name starts with the day and the commit, so that the files sort by date. */
function defaultPath(results: Results): string {
  const day = results.startedAt.slice(0, 10);
  const commit = results.machine.commit.split(' ')[0] ?? 'unknown';
  const suffix = results.options.quick ? '-quick' : '';
  return join(import.meta.dirname, 'results', `${day}-${commit}${suffix}.json`);
}

/** Runs the targets in the order A B C, then C B A, and so on: other load on the machine affects all of them alike. */
async function runPhase(bench: Bench, phase: Phase, results: Results): Promise<void> {
  const databases = new Map<string, BenchDatabase | undefined>();
  const kept = new Map<string, RunningTarget['prepared']>();
  const rounds = Math.max(...phase.steps.map((step) => step.rounds));
  for (let round = 1; round <= rounds; round += 1) {
    const steps = phase.steps.filter((step) => round <= step.rounds);
    const running = new Map<string, RunningTarget>();
    for (const spec of steps.flatMap((step) => step.targets)) {
      const name = nameOf(spec);
      if (running.has(name) || isMissing(spec)) continue;
      if (!databases.has(name)) databases.set(name, await createDatabaseFor(spec, bench.server));
      const options = { database: databases.get(name), usualPoolMax: bench.usualPoolMax };
      const target = await startTarget(spec, options, bench.cleanUp);
      running.set(name, { target, prepared: kept.get(name), warmed: new Set() });
      if (round === 1) noteDistance(target, results);
    }
    for (const step of steps) {
      for (const spec of round % 2 === 0 ? step.targets.toReversed() : step.targets) {
        const target = running.get(nameOf(spec));
        if (target === undefined) continue;
        const run = await measure(bench, target, step, { phase: phase.name, round });
        results.runs.push(run);
        say(`${lineOf(run)}${run.violations.length > 0 ? '  INVALID' : ''}`);
      }
    }
    for (const [name, { target, prepared }] of running) {
      await target.stop();
      // All rounds share the millions of stored claims, which take long to write.
      if (target.spec.claimsBefore !== undefined) kept.set(name, prepared);
    }
  }
}

function noteDistance({ spec, addedRoundTripMs }: Target, results: Results): void {
  if (addedRoundTripMs === undefined) return;
  const added = addedRoundTripMs.toFixed(2);
  results.notes.push(`${nameOf(spec)}: the proxy adds ${added} ms to a round trip, measured`);
}

function isMissing(spec: TargetSpec): boolean {
  if (spec.cachesReads) return !hasRedis();
  return spec.kind === 'pgbench' && versionOf('pgbench', ['--version']) === undefined;
}

function describe(machine: Machine): string {
  const { processor, cores, memoryGb, kernel, node, postgres, generator, commit, syncMs } = machine;
  return [
    `${processor}, ${cores} cores, ${memoryGb} GB, ${kernel}, Node ${node}, PostgreSQL ${postgres},`,
    `${generator}, commit ${commit}, a synced write takes ${syncMs.toFixed(2)} ms`,
  ].join(' ');
}

function notesOn(options: BenchOptions, server: DatabaseServer): string[] {
  const notes = [`the usual design has a pool of ${options.usualPool} connections`];
  if (isMissing({ kind: 'pgbench' })) notes.push('pgbench is not installed; its row is left out');
  if (!hasRedis()) notes.push('redis-server is not installed; cached reads are left out');
  if (buildIsOld())
    notes.push('the build is older than the source, and the bench measures the build');
  if (server.cpuSeconds() === undefined) {
    notes.push('the CPU time of the database cannot be measured here and is left out');
  }
  if (server.bundled && isInMemory(options.folder)) {
    notes.push(
      'the database folder is in memory, where nothing is durable and every commit is too fast: ' +
        'pass a folder on a disk with --folder',
    );
  }
  return notes;
}
