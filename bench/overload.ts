// SPDX-License-Identifier: GPL-3.0-or-later
/** `npm run bench:overload`: measures goodput while the load exceeds the capacity, and the recovery afterwards. */
import { spawn, spawnSync } from 'node:child_process';
import { cpus } from 'node:os';
import { Command } from 'commander';
import { auditHistory } from '../src/proof/audit/audit.ts';
import { takeDump } from '../src/proof/audit/take-dump.ts';
import { decisiveRules } from '../src/proof/audit/verdict.ts';
import { type CleanUp, runCleanly, say } from './clean-up.ts';
import {
  costLines,
  type DrillBenchOptions,
  type DrilledService,
  machineOf,
  measureDrill,
  startDrilledService,
} from './measured-drill.ts';
import { databaseOptions, parse, wholeNumber } from './options.ts';
import type { OverloadResult } from './results.ts';
import { saveResult } from './save-result.ts';
import { shown } from './statistics.ts';
import { missingBuild } from './targets.ts';

type Options = DrillBenchOptions & {
  times: string;
  seconds: number;
  timeout: number;
  neighbours: number;
};

process.exitCode = await runCleanly(main);

async function main(cleanUp: CleanUp): Promise<number> {
  const options = readOptions();
  const missing = missingBuild();
  if (missing !== undefined) {
    say(missing);
    return 1;
  }
  const isPinned = options.neighbours > 0 && pinToCore(0);
  if (!isPinned) options.neighbours = 0;
  for (let count = 0; count < options.neighbours; count += 1) {
    cleanUp.add(startNeighbour());
  }
  const service = await startDrilledService(options, cleanUp);
  if (isPinned) say(`service and database share a core with ${options.neighbours} busy processes`);
  say(
    `measuring the peak, then sending ${options.times} times as much, then half of it: ` +
      `${options.seconds} s in all (seed ${options.seed})`,
  );
  const result = await runOverload(options, service, cleanUp);
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
  service: DrilledService,
  cleanUp: CleanUp,
): Promise<OverloadResult> {
  const { times, seconds, connections, timeout, seed, neighbours } = options;
  const { report, historyFile, cost } = await measureDrill(
    {
      ...{ scenario: 'overload', isAudited: false },
      options: { times, seconds, connections, timeout, seed },
      ...(neighbours > 0 && { prefix: ['taskset', '--cpu-list', '1'] }),
    },
    service,
    cleanUp,
  );
  const { saturation = 0, recoveredAfterS = 0, turnedAwayUntilS = 0, generator } = report;
  return {
    machine: machineOf(service, options.folder),
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
    ...cost,
    violations: await auditOverload(service, historyFile),
  };
}

/** Audits here and not in the drill, whose core the audit would share with the neighbours. */
async function auditOverload({ target }: DrilledService, historyFile: string): Promise<string[]> {
  await target.database?.quiet();
  const dump = await takeDump({
    config: { connectionString: target.database?.url ?? '' },
    schema: 'firstcome',
  });
  // The default options fit: no coupon sells out here, and no user claims twice.
  const audit = await auditHistory({ historyFile, dump });
  const decisive = decisiveRules(audit.rules);
  return audit.rules
    .filter(({ rule }) => decisive.includes(rule))
    .flatMap(({ rule, violations: found, notes }) =>
      [...found, ...notes].slice(0, 5).map((text) => `${rule}: ${text}`),
    );
}

/** Pins this process, and all that it starts from now on, to one core. Returns whether that succeeded. */
function pinToCore(core: number): boolean {
  if (cpus().length < 2) return false;
  const args = ['--all-tasks', '--cpu-list', '--pid', String(core), String(process.pid)];
  return spawnSync('taskset', args, { stdio: 'ignore' }).status === 0;
}

/** Starts a process that keeps the core busy. Returns a function that ends it. */
function startNeighbour(): () => void {
  const child = spawn(process.execPath, ['--eval', 'for (;;);'], { stdio: 'ignore' });
  return () => void child.kill('SIGKILL');
}

function reportOf(result: OverloadResult): string[] {
  const { peak, loads, generator } = result;
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
    ...costLines(result),
  ];
}
