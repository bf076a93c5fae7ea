// SPDX-License-Identifier: GPL-3.0-or-later
/** `npm run bench:overload`: measures goodput while the load exceeds the capacity, and the recovery afterwards. */
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { Command } from 'commander';
import { auditHistory } from '../src/proof/audit/audit.ts';
import { takeDump } from '../src/proof/audit/take-dump.ts';
import type { DrillReport } from '../src/proof/drill/report.ts';
import { type CleanUp, runCleanly, say } from './clean-up.ts';
import { type DatabaseServer, startDatabaseServer } from './database-server.ts';
import { describeMachine } from './machine.ts';
import { databaseOptions, parse, wholeNumber } from './options.ts';
import { cpuSecondsOf, peakMemoryMbOf, resetPeakMemory } from './proc.ts';
import { runToEnd } from './processes.ts';
import type { OverloadResult, TargetSpec } from './results.ts';
import { difference, saveResult } from './save-result.ts';
import { memoryText, shown } from './statistics.ts';
import { createDatabaseFor, missingBuild, nodeFlags, startTarget, type Target } from './targets.ts';

type Options = {
  times: string;
  seconds: number;
  connections: number;
  timeout: number;
  seed: number;
  neighbours: number;
  output?: string;
  databaseUrl?: string;
  folder?: string;
};

const spec: TargetSpec = { kind: 'firstcome' };
// The exit code of a drill without an audit. This program audits instead.
const exitCodeNotAudited = 3;

process.exitCode = await runCleanly(main);

async function main(cleanUp: CleanUp): Promise<number> {
  const options = readOptions();
  const missing = missingBuild();
  if (missing !== undefined) {
    say(missing);
    return 1;
  }
  const { databaseUrl, folder } = options;
  const isPinned = options.neighbours > 0 && pinToCore(0);
  if (!isPinned) options.neighbours = 0;
  for (let count = 0; count < options.neighbours; count += 1) {
    cleanUp.add(startNeighbour());
  }
  const server = await startDatabaseServer({ databaseUrl, folder }, cleanUp);
  const database = await createDatabaseFor(spec, server);
  const target = await startTarget(spec, { database }, cleanUp);
  if (isPinned) say(`service and database share a core with ${options.neighbours} busy processes`);
  say(
    `measuring the peak, then sending ${options.times} times as much, then half of it: ` +
      `${options.seconds} s in all (seed ${options.seed})`,
  );
  const result = await runOverload(options, { server, target }, cleanUp);
  return saveResult(result, { name: 'overload', output: options.output, lines: reportOf(result) });
}

function readOptions(): Options {
  const command = databaseOptions(
    new Command('npm run bench:overload --').description(
      'Measures how many claims the service can decide, then sends several times as many, with ' +
        'retries of those that it sheds, and finally half as many. The audit checks every ' +
        'response. Exit code 1: the audit found a violation.',
    ),
  )
    .option('--times <list>', 'loads, in multiples of the peak', '0.5,1,2,3,5')
    .option('--seconds <count>', 'duration of the whole run', wholeNumber, 60)
    .option('--connections <count>', 'connections of the clients', wholeNumber, 4000)
    .option('--timeout <ms>', 'how long a client waits for a response', wholeNumber, 5000)
    .option('--seed <number>', 'equal seeds plan equal arrivals', wholeNumber, 1)
    .option(
      '--neighbours <count>',
      'busy processes on the core of service and database, so that clients on another core can ' +
        'send several times as much as the service decides; 0: all share all cores (Linux only)',
      (text) => (text === '0' ? 0 : wholeNumber(text)),
      3,
    )
    .option('--output <file>', 'file for the result, instead of one in bench/results');
  return parse<Options>(command, process.argv.slice(2));
}

async function runOverload(
  options: Options,
  { server, target }: { server: DatabaseServer; target: Target },
  cleanUp: CleanUp,
): Promise<OverloadResult> {
  const { times, seconds, connections, timeout, seed, neighbours } = options;
  const pid = target.pid ?? 0;
  const isPeakMeasured = resetPeakMemory(pid);
  const cpu = () => ({ server: cpuSecondsOf(pid), database: server.cpuSeconds() });
  const before = cpu();
  const { report, violations } = await drillAndAudit(options, target, cleanUp);
  const after = cpu();
  const peakMemoryMb = isPeakMeasured ? peakMemoryMbOf(pid) : undefined;
  const { saturation = 0, recoveredAfterS = 0, turnedAwayUntilS = 0, generator } = report;
  return {
    machine: describeMachine({
      postgres: `${server.version} (${server.bundled ? 'bundled' : 'given'})`,
      generator: 'firstcome drill',
      folder: options.folder,
    }),
    options: { times, seconds, connections, timeoutMs: timeout, seed, neighbours },
    ...{ peak: saturation, recoveredAfterS, turnedAwayUntilS },
    generator: { lagMsMax: generator.lagMsMax, leftOut: generator.leftOut },
    loads: report.phases
      .filter(({ name }) => name.endsWith(' times'))
      .map((phase) => ({
        times: Number.parseFloat(phase.name),
        offered: phase.asked / phase.seconds,
        decided: phase.decidedPerSecond,
        shed: phase.answers.shed / phase.seconds,
        unsent: phase.answers.unsent / phase.seconds,
        unknown: phase.answers.unknown,
        decidedMs: { p50: phase.decidedMs.p50, p99: phase.decidedMs.p99 },
        shedMs: { p50: phase.shedMs.p50, p99: phase.shedMs.p99 },
      })),
    ...(peakMemoryMb !== undefined && { peakMemoryMb }),
    cpuSeconds: {
      ...difference('server', before.server, after.server),
      ...difference('database', before.database, after.database),
      generator: generator.cpuSeconds,
    },
    violations,
  };
}

async function drillAndAudit(
  { times, seconds, connections, timeout, seed, neighbours }: Options,
  target: Target,
  cleanUp: CleanUp,
): Promise<{ report: DrillReport; violations: string[] }> {
  const folder = mkdtempSync(join(tmpdir(), 'firstcome-overload-'));
  cleanUp.add(() => rmSync(folder, { recursive: true, force: true }));
  const [historyFile, reportFile] = [join(folder, 'history.jsonl'), join(folder, 'report.json')];
  const load = { times, seconds, connections, timeout, seed };
  const flags = { ...load, history: historyFile, json: reportFile };
  await target.database?.checkpoint();
  const [command = '', ...first] = neighbours > 0 ? onCore(1) : [process.execPath];
  await runToEnd(
    command,
    [
      ...[
        ...first,
        ...nodeFlags(),
        join(import.meta.dirname, '../dist/main.js'),
        'drill',
        'overload',
      ],
      ...['--url', target.url ?? '', '--no-audit'],
      ...Object.entries(flags).flatMap(([name, value]) => [`--${name}`, String(value)]),
    ],
    cleanUp,
    exitCodeNotAudited,
  );
  const report: DrillReport = JSON.parse(readFileSync(reportFile, 'utf8'));
  await target.database?.quiet();
  const dump = await takeDump({
    config: { connectionString: target.database?.url ?? '' },
    schema: 'firstcome',
  });
  // The default options fit: no coupon sells out here, and no user claims twice.
  const audit = await auditHistory({ historyFile, dump });
  const violations = audit.rules
    .filter(({ verdict }) => verdict !== 'passed')
    .flatMap(({ rule, violations: found, notes }) =>
      [...found, ...notes].slice(0, 5).map((text) => `${rule}: ${text}`),
    );
  return { report, violations };
}

/** Pins this process, and all that it starts from now on, to one core. Returns whether that succeeded. */
function pinToCore(core: number): boolean {
  if (cpus().length < 2) return false;
  const args = ['--all-tasks', '--cpu-list', '--pid', String(core), String(process.pid)];
  return spawnSync('taskset', args, { stdio: 'ignore' }).status === 0;
}

function onCore(core: number): string[] {
  return ['taskset', '--cpu-list', String(core), process.execPath];
}

/** Starts a process that keeps the core busy. Returns a function that ends it. */
function startNeighbour(): () => void {
  const child = spawn(process.execPath, ['--eval', 'for (;;);'], { stdio: 'ignore' });
  return () => void child.kill('SIGKILL');
}

function reportOf(result: OverloadResult): string[] {
  const { peak, loads, cpuSeconds, generator } = result;
  const cells = (values: readonly string[]) => values.map((value) => value.padStart(13)).join('');
  return [
    '',
    `peak in a closed loop: ${shown(peak)} decisions/s`,
    cells(['load', 'offered/s', 'decided/s', 'shed/s', 'unsent/s', 'p99 ms']),
    ...loads.map(({ times, offered, decided, shed, unsent, decidedMs }) =>
      cells([`${times} times`, ...[offered, decided, shed, unsent, decidedMs.p99].map(shown)]),
    ),
    `full goodput again ${shown(result.recoveredAfterS)} s after the overload, ` +
      `last shed claim ${shown(result.turnedAwayUntilS)} s after it`,
    `clients at most ${shown(generator.lagMsMax)} ms late, ${shown(generator.leftOut)} planned claims left out`,
    `service: peak memory ${memoryText(result.peakMemoryMb)}; CPU seconds: ` +
      `service ${shown(cpuSeconds.server)}, database ${shown(cpuSeconds.database)}, ` +
      `clients ${shown(cpuSeconds.generator)}`,
    ...(result.violations.length === 0
      ? ['audit: passed']
      : ['audit: FAILED', ...result.violations.map((violation) => `  ${violation}`)]),
  ];
}
