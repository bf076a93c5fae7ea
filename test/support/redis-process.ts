// SPDX-License-Identifier: GPL-3.0-or-later
/** One process of `redis-server`, with its files in a temporary folder. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { basename } from 'node:path';
import { Redis } from 'ioredis';
import { type RedisProgram, redisCommand } from './redis-program.ts';
import { removeTemporaryFolder } from './temporary-folder.ts';
import { waitFor } from './wait-for.ts';

const startMsMax = 60_000;

/** What a process is started with. */
export type RedisProcessOptions = {
  program: RedisProgram;
  folder: string;
  /** The arguments of the program. */
  args: string[];
  /** How a client of its own connects. */
  client: { port: number; password?: string; tls?: { rejectUnauthorized: boolean } };
};

/** A server or a Sentinel. */
export class RedisProcess {
  private readonly options: RedisProcessOptions;
  private child: ChildProcess | undefined;

  constructor(options: RedisProcessOptions) {
    this.options = options;
  }

  /** Resolves when it answers. Rejects with its output when it ends instead. */
  async start(): Promise<void> {
    const { program, folder, args } = this.options;
    const [command, ...before] = redisCommand(program, { folder, name: basename(folder) });
    const child = spawn(command, [...before, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
    this.child = child;
    let output = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        output = (output + text).slice(-10_000);
      });
    }
    await waitFor(
      'answer of Redis',
      async () => child.exitCode !== null || (await this.command('PING')),
      { timeoutMs: startMsMax },
    ).catch(async (error: unknown) => {
      await this.kill();
      throw new Error(`Redis does not answer:\n${output}`, { cause: error });
    });
    if (child.exitCode !== null) throw new Error(`Redis does not start:\n${output}`);
  }

  /** Runs a command on a connection of its own. */
  async command(name: string, ...args: (string | number)[]): Promise<unknown> {
    const client = new Redis({
      ...this.options.client,
      ...{ host: '127.0.0.1', lazyConnect: true, retryStrategy: () => null },
    });
    // The call below rejects with it.
    client.on('error', () => undefined);
    try {
      await client.connect();
      return await client.call(name, ...args);
    } finally {
      client.disconnect();
    }
  }

  /** Sends a signal, as to suspend it. */
  signal(signal: 'SIGSTOP' | 'SIGCONT' | 'SIGKILL'): void {
    const { program, folder } = this.options;
    if (program.image === undefined) {
      this.child?.kill(signal);
      return;
    }
    execFileSync('docker', ['kill', '--signal', signal, basename(folder)], { stdio: 'ignore' });
  }

  /** Kills it, also while it is suspended. */
  async kill(): Promise<void> {
    const { child } = this;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, 'exit');
    this.signal('SIGKILL');
    await exited;
  }

  /** Kills it, and removes its files. */
  async remove(): Promise<void> {
    await this.kill();
    await removeTemporaryFolder(this.options.folder);
  }
}
