// SPDX-License-Identifier: GPL-3.0-or-later
/** The Redis of compose.yaml, with its command and its password, on a real server. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { afterEach, describe, expect, it } from 'vitest';
import { readCompose } from '../support/compose-files.ts';
import { RedisProcess } from '../support/redis-process.ts';
import { hasRedis, onFreePort } from '../support/redis-server.ts';

const script = join(import.meta.dirname, '../../deploy/compose/write-password.mjs');
const command = readCompose(['compose.yaml']).services.redis?.command ?? [];
const processes: RedisProcess[] = [];

afterEach(async () => {
  for (const one of processes.splice(0)) await one.remove();
});

/** Starts it, with a folder in place of its volume. The commands of the process have the password of the nodes. */
function start(): Promise<{ redis: RedisProcess; port: number }> {
  return onFreePort('compose', async ({ program, folder, port }) => {
    const volume = join(folder, 'run');
    mkdirSync(volume);
    execFileSync(process.execPath, [script, 'redis', volume]);
    const [, ...args] = command.map((word) => word.replace('/run/redis', volume));
    const { password } = new URL(readFileSync(join(volume, 'redis-url'), 'utf8'));
    const redis = new RedisProcess({
      ...{ program, folder },
      args: [...args, '--port', String(port), '--bind', '127.0.0.1', '--dir', folder],
      client: { port, password },
    });
    processes.push(redis);
    await redis.start();
    return { redis, port };
  });
}

describe.skipIf(!(await hasRedis()))('the Redis of compose.yaml', () => {
  it('accepts the password of the nodes, and keeps its memory small and nothing on disk', async () => {
    const { redis } = await start();
    const settingOf = async (name: string) => {
      const [, value] = (await redis.command('CONFIG', 'GET', name)) as string[];
      return value;
    };
    expect(await settingOf('save')).toBe('');
    expect(await settingOf('appendonly')).toBe('no');
    expect(await settingOf('maxmemory')).toBe(String(128 * 1024 ** 2));
    expect(await settingOf('maxmemory-policy')).toBe('allkeys-lru');
  });

  it('refuses a client without the password', async () => {
    const { port } = await start();
    const client = new Redis({ port, lazyConnect: true, retryStrategy: () => null });
    // The call rejects with it.
    client.on('error', () => undefined);
    await expect(client.ping()).rejects.toThrow('NOAUTH');
    client.disconnect();
  });
});
