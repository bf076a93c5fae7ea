// SPDX-License-Identifier: GPL-3.0-or-later
import type { TestProject } from 'vitest/node';
import { startRedis } from './redis-server.ts';

declare module 'vitest' {
  export interface ProvidedContext {
    /** The `REDIS_URL` of the services of a contract test; undefined: they run without Redis. */
    redisUrl: string | undefined;
  }
}

/** Runs a Redis for a project of contract tests. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const redis = await startRedis();
  project.provide('redisUrl', redis.url);
  return () => redis.remove();
}
