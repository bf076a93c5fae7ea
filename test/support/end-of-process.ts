// SPDX-License-Identifier: GPL-3.0-or-later
/** Waits for the end of programs, and says what one waits for that does not end. */
import type { ChildProcess } from 'node:child_process';
import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { endsWithin } from '../../src/adapters/postgres/connections/ends-within.ts';
import { familyOf, type ProcessEntry, processes } from './process-family.ts';
import { signalIfExists } from './server-processes.ts';
import { waitFor } from './wait-for.ts';

// The service handles none of its own, and no test sends it.
const reportSignal = 'SIGXCPU';
const reportMsMax = 5_000;
// Below the limit of most tests, whose error would say less.
const endMsMax = 150_000;
const othersMax = 60;

/** Options of Node with which a process reports what it does when `endOf` asks it. */
export const reportOptions: readonly string[] = [
  '--report-on-signal',
  `--report-signal=${reportSignal}`,
  `--report-directory=${tmpdir()}`,
];

/** How a process ended. */
export type Exit = { code: number | null; signal: NodeJS.Signals | null };

/** A program with its output so far. */
export type Started = { child: ChildProcess; exited: Promise<Exit>; output(): string };

/** Resolves when it has ended and its output is complete. Call it at once after the start. */
export function exitOf(child: ChildProcess): Promise<Exit> {
  if (child.exitCode !== null || child.signalCode !== null) {
    return Promise.resolve({ code: child.exitCode, signal: child.signalCode });
  }
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => resolve({ code, signal }));
  });
}

/**
 * Resolves when the program has ended. After the limit, which by default only ends a test that hangs, kills its process
 * group, and rejects with what it wrote and what it waited for.
 */
export async function endOf({ child, exited, output }: Started, limitMs = endMsMax): Promise<Exit> {
  if (await endsWithin(exited, limitMs)) return exited;
  const { pid = 0, exitCode, spawnargs } = child;
  const state = exitCode === null ? await describeHung(pid) : `exit code ${exitCode}, output open`;
  const others = processesSince(pid).join('\n');
  killGroupOf(child);
  child.kill('SIGKILL');
  const command = spawnargs.slice(-4).join(' ');
  throw new Error(
    `${command} did not end within ${limitMs / 1000} s:\n${state}\nother processes:\n${others}\n` +
      `It wrote:\n${output()}`,
  );
}

/** Kills the process group that a detached program leads. */
export function killGroupOf({ pid }: ChildProcess): void {
  if (pid !== undefined) signalIfExists(-pid, 'SIGKILL');
}

type Report = {
  javascriptStack?: { stack?: string[] };
  libuv?: { type: string; is_active?: boolean; is_referenced?: boolean; address?: string }[];
};

/**
 * The process and its descendants: what each runs, and what it waits for. Of a process with `reportOptions` also its
 * stack and what keeps its event loop alive.
 */
async function describeHung(pid: number): Promise<string> {
  return [...familyOf(pid).map(describe), ...(await reportOf(pid))].join('\n');
}

/** Those of this test, and all that started later, such as one that an ended process has left. */
function processesSince(pid: number): string[] {
  const all = processes();
  const began = Number(all.find((entry) => entry.pid === process.pid)?.start);
  const others = all.filter((entry) => entry.pid !== pid && Number(entry.start) >= began);
  return others.slice(0, othersMax).map((entry) => `${entry.pid} ${entry.command.slice(0, 200)}`);
}

function describe({ pid, command }: ProcessEntry): string {
  const read = (name: string) => {
    try {
      return readFileSync(`/proc/${pid}/${name}`, 'utf8').trim();
    } catch {
      return '';
    }
  };
  const state = /^State:\s*(.*)$/m.exec(read('status'))?.[1];
  return `${pid} ${command.slice(0, 300)}: ${state}, waits in ${read('wchan')}\n${read('stack')}`;
}

async function reportOf(pid: number): Promise<string[]> {
  const find = () =>
    readdirSync(tmpdir()).find(
      (name) => name.startsWith('report.') && name.split('.').includes(String(pid)),
    );
  try {
    if (!readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('--report-on-signal')) return [];
    signalIfExists(pid, reportSignal);
    const report = await waitFor(
      'report of the process',
      () => {
        const name = find();
        if (name === undefined) return undefined;
        return JSON.parse(readFileSync(join(tmpdir(), name), 'utf8')) as Report;
      },
      { timeoutMs: reportMsMax },
    );
    rmSync(join(tmpdir(), find() ?? ''), { force: true });
    const alive = (report.libuv ?? []).filter((one) => one.is_active && one.is_referenced);
    return [
      `event loop of ${pid}:`,
      ...alive.map((one) => JSON.stringify(one)),
      ...(report.javascriptStack?.stack ?? []),
    ];
  } catch (error) {
    return [`no report: its event loop does not run, or ${String(error)}`];
  }
}
