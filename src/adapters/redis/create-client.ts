// SPDX-License-Identifier: GPL-3.0-or-later
import { Redis } from 'ioredis';
import type { RedisTarget } from '../../core/redis-target.ts';

const connectMsMax = 2_000;
// A connection whose server answers nothing for this long is replaced by a new one.
const silentMsMax = 2_000;
// What is still to be sent on a connection that is closed can be lost.
const closeMsMax = 100;

/**
 * Creates a client that connects, and connects again after each pause, by itself. It queues nothing and sends nothing twice.
 */
export function createClient(
  { hosts, masterName, tls, ...target }: RedisTarget,
  nextPauseMs: () => number,
): Redis {
  const [first] = hosts;
  const { password } = target;
  return new Redis({
    ...(masterName === undefined
      ? { ...first, ...(tls && { tls: {} }) }
      : {
          ...{ sentinels: [...hosts], name: masterName, sentinelRetryStrategy: nextPauseMs },
          ...(tls && { sentinelTLS: {}, tls: {}, enableTLSForSentinelMode: true }),
          sentinelCommandTimeout: silentMsMax,
          // As the default user. A Sentinel without a password accepts any.
          ...(password !== undefined && { sentinelPassword: password }),
        }),
    ...(target.username !== undefined && { username: target.username }),
    ...(password !== undefined && { password }),
    ...{ db: target.database, connectionName: 'firstcome', disableClientInfo: true },
    ...{ connectTimeout: connectMsMax, socketTimeout: silentMsMax, disconnectTimeout: closeMsMax },
    retryStrategy: nextPauseMs,
    // A failover has made the server a replica: the next connection finds the master.
    reconnectOnError: ({ message }: Error) => message.startsWith('READONLY'),
    ...{ enableOfflineQueue: false, autoResendUnfulfilledCommands: false },
    // A lost connection rejects what waits for an answer at once.
    maxRetriesPerRequest: 0,
    // The library does not handle a rejection of its own call.
    autoResubscribe: false,
  });
}
