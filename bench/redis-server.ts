// SPDX-License-Identifier: GPL-3.0-or-later
/** The Redis server of a run, in a temporary folder, without persistence. */
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { CleanUp } from './clean-up.ts';
import { versionOf } from './machine.ts';

/** A running server. */
export type RedisServer = { version: string; url: string; pid: number };

/** The message for a machine without Redis. */
export const redisMissing = [
  'redis-server is not installed. Install it and try again:',
  '  Debian, Ubuntu   apt-get install redis-server',
  '  macOS            brew install redis',
].join('\n');

/** Whether redis-server is installed. */
export function hasRedis(): boolean {
  return versionOf('redis-server', ['--version']) !== undefined;
}

/** Starts a server, and waits until it accepts connections. */
export async function startRedisServer(cleanUp: CleanUp): Promise<RedisServer> {
  const folder = mkdtempSync(join(tmpdir(), 'firstcome-bench-redis-'));
  cleanUp.add(() => rmSync(folder, { recursive: true, force: true }));
  const port = await freePort();
  const args = [
    ...['--port', String(port), '--bind', '127.0.0.1', '--dir', folder],
    ...['--save', '', '--appendonly', 'no'],
  ];
  const child = spawn('redis-server', args, {
    stdio: ['ignore', 'pipe', 'ignore'],
    detached: true,
  });
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  cleanUp.add(async () => {
    child.kill('SIGKILL');
    await exited;
  });
  await new Promise<void>((resolve, reject) => {
    let output = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      output += text;
      if (output.includes('Ready to accept connections')) resolve();
    });
    child.once('error', reject);
    child.once('exit', () => reject(new Error(`redis-server ended:\n${output}`)));
  });
  const version = versionOf('redis-server', ['--version']) ?? 'unknown';
  return {
    version: /v=(\S+)/.exec(version)?.[1] ?? version,
    ...{ url: `redis://127.0.0.1:${port}`, pid: child.pid ?? 0 },
  };
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address ? address.port : 0));
    });
  });
}
