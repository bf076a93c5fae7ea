// SPDX-License-Identifier: GPL-3.0-or-later
/** The servers that tests start do what the tests rely on. */
import { afterEach, describe, expect, it } from 'vitest';
import { startSentinelCluster } from '../support/redis-sentinels.ts';
import { hasRedis, startRedis } from '../support/redis-server.ts';
import { waitFor } from '../support/wait-for.ts';

describe.skipIf(!(await hasRedis()))('a Redis for tests', () => {
  const started: { remove(): Promise<void> }[] = [];
  afterEach(async () => {
    for (const one of started.splice(0)) await one.remove();
  });

  it('starts again on its port, without data', async () => {
    const redis = await startRedis({ settings: { requirepass: 'secret' } });
    started.push(redis);
    await redis.command('SET', 'key', 'value');
    redis.freeze();
    await redis.stop();
    await redis.start();
    expect(await redis.command('GET', 'key')).toBeNull();
  });

  it('is replaced by its replica when the Sentinels miss it', async () => {
    const cluster = await startSentinelCluster('secret');
    started.push(cluster);
    expect(await cluster.masterPort()).toBe(cluster.primary.port);
    await cluster.primary.stop();
    await waitFor('promotion', async () => (await cluster.masterPort()) === cluster.replica.port);
  });
});
