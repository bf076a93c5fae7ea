// SPDX-License-Identifier: GPL-3.0-or-later
/** `npm run bench:drop`: a million users claim one coupon, and the audit checks every response. */
import { Command } from 'commander';
import type { Histogram } from '../src/proof/drill/histogram.ts';
import { type CleanUp, runCleanly, say } from './clean-up.ts';
import { type DatabaseServer, startDatabaseServer } from './database-server.ts';
import { auditDrop } from './drop-audit.ts';
import { type DropClients, startDropClients } from './drop-clients.ts';
import type { DropCounts } from './drop-messages.ts';
import { describeMachine } from './machine.ts';
import { databaseOptions, parse, wholeNumber } from './options.ts';
import { cpuSecondsOf, peakMemoryMbOf, resetPeakMemory } from './proc.ts';
import type { DropResult, TargetSpec } from './results.ts';
import { difference, saveResult } from './save-result.ts';
import { coupon, sendAll } from './set-up.ts';
import { memoryText, shown } from './statistics.ts';
import { createDatabaseFor, missingBuild, startTarget, type Target } from './targets.ts';

type DropOptions = {
  users: number;
  units: number;
  connections: number;
  workers: number;
  seed: number;
  output?: string;
  databaseUrl?: string;
  folder?: string;
};

const spec: TargetSpec = { kind: 'firstcome' };
const couponName = 'THE-DROP';
/** When the progress line was last written, in seconds since the start. */
let shownAt = 0;

process.exitCode = await runCleanly(main);

async function main(cleanUp: CleanUp): Promise<number> {
  const options = readOptions();
  const missing = missingBuild();
  if (missing !== undefined) {
    say(missing);
    return 1;
  }
  const { databaseUrl, folder } = options;
  const server = await startDatabaseServer({ databaseUrl, folder }, cleanUp);
  const database = await createDatabaseFor(spec, server);
  const target = await startTarget(spec, { database }, cleanUp);
  await sendAll(target.url ?? '', [coupon(couponName, options.units)]);
  const clients = await startDropClients(
    { ...options, url: target.url ?? '', couponName },
    cleanUp,
  );
  await target.database?.checkpoint();
  say(
    `${shown(options.users)} users claim ${shown(options.units)} units over ` +
      `${options.connections} connections (seed ${options.seed})`,
  );
  const result = await runDrop(options, { server, target, clients });
  return saveResult(result, { name: 'drop', output: options.output, lines: reportOf(result) });
}

function readOptions(): DropOptions {
  const command = databaseOptions(
    new Command('npm run bench:drop --').description(
      'A million users claim 100,000 units of one coupon. 5 % of them send their claim twice under ' +
        'the same Idempotency-Key, half of these while the first request is in flight. The audit ' +
        'checks every response. Exit code 1: the audit found a violation.',
    ),
  )
    .option('--users <count>', 'users who claim', wholeNumber, 1_000_000)
    .option('--units <count>', 'units of the coupon', wholeNumber, 100_000)
    .option('--connections <count>', 'connections that the users share', wholeNumber, 256)
    .option('--workers <count>', 'client processes', wholeNumber, 1)
    .option('--seed <number>', 'chooses the user ids and who claims twice', wholeNumber, 1)
    .option('--output <file>', 'file for the result, instead of one in bench/results');
  return parse<DropOptions>(command, process.argv.slice(2));
}

async function runDrop(
  options: DropOptions,
  { server, target, clients }: { server: DatabaseServer; target: Target; clients: DropClients },
): Promise<DropResult> {
  const { users, units, connections, workers, seed } = options;
  const pid = target.pid ?? 0;
  const isPeakMeasured = resetPeakMemory(pid);
  const cpu = () => ({
    server: cpuSecondsOf(pid),
    database: server.cpuSeconds(),
    generator: clients.cpuSeconds(),
  });
  const before = cpu();
  const startedMs = performance.now();
  const report = await clients.run((counts, recent) => {
    showProgress(counts, recent, users, (performance.now() - startedMs) / 1000);
  });
  const { seconds, counts } = report;
  const { count: requests, ...latencyMs } = report.latency.percentiles();
  const after = cpu();
  const peakMemoryMb = isPeakMeasured ? peakMemoryMbOf(pid) : undefined;
  clearProgress();

  await target.database?.quiet();
  const stored = target.database
    ? await auditDrop(target.database, { ...report, seed }, Math.min(users, units))
    : [];
  return {
    machine: describeMachine({
      postgres: `${server.version} (${server.bundled ? 'bundled' : 'given'})`,
      generator: 'drop-client.ts',
      folder: options.folder,
    }),
    options: { users, units, connections, workers, seed },
    seconds,
    rate: requests / seconds,
    counts: { ...counts, requests },
    latencyMs,
    ...(peakMemoryMb !== undefined && { peakMemoryMb }),
    cpuSeconds: {
      ...difference('server', before.server, after.server),
      ...difference('database', before.database, after.database),
      ...difference('generator', before.generator, after.generator),
    },
    violations: [...report.violations, ...stored],
  };
}

/** Overwrites one line on a terminal; otherwise writes a line each second. */
function showProgress(counts: DropCounts, recent: Histogram, users: number, seconds: number): void {
  if (seconds - shownAt < 1) return;
  const perSecond = recent.count / (seconds - shownAt);
  shownAt = seconds;
  const line = [
    `${seconds.toFixed(0).padStart(4)} s`,
    `${shown(counts.users)} of ${shown(users)} (${((100 * counts.users) / users).toFixed(0)} %)`,
    `${shown(perSecond)}/s`,
    `claimed ${shown(counts.claimed)}`,
    `refused ${shown(counts.refused)}`,
    `p99 ${shown(recent.percentileMs(99))} ms`,
  ].join('  ');
  recent.clear();
  if (process.stdout.isTTY) process.stdout.write(`\r\x1b[K${line}`);
  else say(line);
}

function clearProgress(): void {
  if (process.stdout.isTTY) process.stdout.write('\r\x1b[K');
}

function reportOf(result: DropResult): string[] {
  const { counts, latencyMs, cpuSeconds } = result;
  const count = (name: string) => shown(counts[name] ?? 0);
  return [
    '',
    `${shown(result.seconds)} s for ${count('requests')} requests: ${shown(result.rate)}/s`,
    `latency p50 ${shown(latencyMs.p50)}, p90 ${shown(latencyMs.p90)}, p99 ${shown(latencyMs.p99)}, ` +
      `p99.9 ${shown(latencyMs.p999)}, longest ${shown(latencyMs.max)} ms`,
    `claimed ${count('claimed')}, replayed ${count('replayed')}, refused ${count('refused')}, ` +
      `other responses ${count('otherwise')}, sent again ${count('resent')}`,
    `service: peak memory ${memoryText(result.peakMemoryMb)}; CPU seconds: ` +
      `service ${shown(cpuSeconds.server)}, database ${shown(cpuSeconds.database)}, ` +
      `clients ${shown(cpuSeconds.generator)}`,
    ...(result.violations.length === 0
      ? ['audit: passed: the stored claims are exactly the acknowledged ones']
      : ['audit: FAILED', ...result.violations.map((violation) => `  ${violation}`)]),
  ];
}
