// SPDX-License-Identifier: GPL-3.0-or-later
/** Starts the service in its own terminal, to test its behaviour there. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { familyOf } from './process-family.ts';
import { commandOf, type ServiceProcess, startServiceProcess } from './service-process.ts';

/** The program that runs a command in a terminal. */
export const scriptProgram = '/usr/bin/script';

/** Whether this machine can run a command in a terminal. */
export const hasTerminals = process.platform === 'linux' && existsSync(scriptProgram);

/** A service in a terminal. */
export type TerminalService = {
  url: string;
  /** The output of the terminal so far. */
  output(): string;
  /** Sends a signal to the service itself. */
  signal(name: NodeJS.Signals): void;
  /** The exit code of the service, once it has ended. */
  exitCode(): number | undefined;
  /** The terminal: it closes when this is killed. */
  terminal: ServiceProcess;
};

/** Starts a service in a terminal; its exit code is stored in `folder`. */
export async function startInTerminal(
  folder: string,
  env: Record<string, string>,
): Promise<TerminalService> {
  const statusFile = join(folder, 'status');
  const serve = commandOf(['serve'])
    .map((word) => `'${word}'`)
    .join(' ');
  // The shell forwards SIGHUP to all processes of the terminal, as the kernel does when the shell ends. It stores the exit
  // code of the service.
  const forward = `trap "trap '' HUP; kill -HUP 0" HUP`;
  const shell = `${forward}; ${serve} & wait $!; wait $!; echo $? >'${statusFile}'`;
  const terminal = await startServiceProcess({ SHELL: '/bin/sh', ...env }, [
    ...[scriptProgram, '--quiet', '--command', shell, '/dev/null'],
  ]);
  const services = () =>
    familyOf(terminal.pid).filter(
      ({ command }) => / serve$/.test(command) && !/sh -c /.test(command),
    );
  return {
    terminal,
    url: terminal.url,
    output: () => terminal.output().replaceAll('\r\n', '\n'),
    signal(name) {
      for (const { pid } of services()) process.kill(pid, name);
    },
    exitCode() {
      const status = existsSync(statusFile) ? readFileSync(statusFile, 'utf8').trim() : '';
      return status === '' ? undefined : Number(status);
    },
  };
}
