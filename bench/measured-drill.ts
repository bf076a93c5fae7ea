// SPDX-License-Identifier: GPL-3.0-or-later
/** Runs `firstcome drill` against a service of its own, and measures the memory and the CPU time of that service. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { hasHistory, type ScenarioName } from '../src/proof/drill/options.ts';
import type { DrillReport } from '../src/proof/drill/report.ts';
import type { CleanUp } from './clean-up.ts';
import { type DatabaseServer, startDatabaseServer } from './database-server.ts';
import { describeMachine, type Machine } from './machine.ts';
import { cpuSecondsOf, peakMemoryMbOf, resetPeakMemory } from './proc.ts';
import { runToEnd } from './processes.ts';
import type { TargetSpec } from './results.ts';
import { difference } from './save-result.ts';
import { memoryText, shown } from './statistics.ts';
import { createDatabaseFor, nodeFlags, startTarget, type Target } from './targets.ts';

const spec: TargetSpec = { kind: 'firstcome' };
// Passed, failed and unknown. With another exit code the drill did not run.
const verdictCodes = [0, 1, 3];

/** The options that every bench with a drill has. */
export type DrillBenchOptions = {
  connections: number;
  seed: number;
  output?: string;
  databaseUrl?: string;
  folder?: string;
};

/** The service and its database. */
export type DrilledService = { server: DatabaseServer; target: Target };

/** A drill, and what it cost. */
export type MeasuredDrill = {
  report: DrillReport;
  /** What the drill printed. */
  output: string;
  historyFile: string;
  /** Figures for the saved result. */
  cost: DrillCost;
};

/** What a drill cost, with its audit. A member is absent where the system cannot measure it. */
export type DrillCost = {
  peakMemoryMb?: number;
  cpuSeconds: { server?: number; database?: number; generator?: number };
};

/** Starts a database server and a service on a new database. */
export async function startDrilledService(
  options: { databaseUrl?: string; folder?: string },
  cleanUp: CleanUp,
): Promise<DrilledService> {
  const { databaseUrl, folder } = options;
  const server = await startDatabaseServer({ databaseUrl, folder }, cleanUp);
  const database = await createDatabaseFor(spec, server);
  return { server, target: await startTarget(spec, { database }, cleanUp) };
}

/** Runs a scenario with these options. `prefix` is a command that starts the drill, such as `taskset`. */
export async function measureDrill(
  drill: {
    scenario: ScenarioName;
    options: Record<string, string | number>;
    isAudited: boolean;
    prefix?: readonly string[];
  },
  { server, target }: DrilledService,
  cleanUp: CleanUp,
): Promise<MeasuredDrill> {
  const folder = mkdtempSync(join(tmpdir(), 'firstcome-drill-'));
  cleanUp.add(() => rmSync(folder, { recursive: true, force: true }));
  const [historyFile, reportFile] = [join(folder, 'history.jsonl'), join(folder, 'report.json')];
  const pid = target.pid ?? 0;
  await target.database?.checkpoint();
  const isPeakMeasured = resetPeakMemory(pid);
  const cpu = () => ({ server: cpuSecondsOf(pid), database: server.cpuSeconds() });
  const before = cpu();
  const [command = '', ...args] = [
    ...[...(drill.prefix ?? []), process.execPath, ...nodeFlags()],
    ...[join(import.meta.dirname, '../dist/main.js'), 'drill', drill.scenario],
    ...['--url', target.url ?? '', '--json', reportFile],
    ...Object.entries(drill.options).flatMap(([name, value]) => [`--${name}`, String(value)]),
    ...(hasHistory(drill.scenario) ? ['--history', historyFile] : []),
    ...(drill.isAudited ? [] : ['--no-audit']),
  ];
  const output = await runToEnd(command, args, cleanUp, {
    env: { DATABASE_URL: target.database?.url ?? '' },
    exitCodes: verdictCodes,
  });
  const after = cpu();
  const peakMemoryMb = isPeakMeasured ? peakMemoryMbOf(pid) : undefined;
  const report: DrillReport = JSON.parse(readFileSync(reportFile, 'utf8'));
  return {
    ...{ report, output, historyFile },
    cost: {
      ...(peakMemoryMb !== undefined && { peakMemoryMb }),
      cpuSeconds: {
        ...difference('server', before.server, after.server),
        ...difference('database', before.database, after.database),
        generator: report.generator.cpuSeconds,
      },
    },
  };
}

/** The rules that did not pass, with their findings, as the drill printed them. */
export function violationsIn(output: string): string[] {
  if (/^verdict: passed$/m.test(output)) return [];
  const lines = output.split('\n').map((line) => line.trim());
  const found = lines.filter((line) => /^(?:!|R\d+\w? +(?:failed|unknown) |verdict: )/.test(line));
  return found.length === 0 ? ['the drill was not audited'] : found;
}

/** Describes the machine of a drill. */
export function machineOf({ server }: DrilledService, folder: string | undefined): Machine {
  const postgres = `${server.version} (${server.bundled ? 'bundled' : 'given'})`;
  return describeMachine({ postgres, generator: 'firstcome drill', folder });
}

/** The cost and the audit of a drill, as lines for the terminal. */
export function costLines({
  peakMemoryMb,
  cpuSeconds,
  violations,
}: DrillCost & { violations: readonly string[] }): string[] {
  return [
    `service: peak memory ${memoryText(peakMemoryMb)}; CPU seconds: ` +
      `service ${shown(cpuSeconds.server)}, database ${shown(cpuSeconds.database)}, ` +
      `clients ${shown(cpuSeconds.generator)}`,
    ...(violations.length === 0
      ? ['audit: passed']
      : ['audit: FAILED', ...violations.map((violation) => `  ${violation}`)]),
  ];
}
