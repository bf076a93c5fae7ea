// SPDX-License-Identifier: GPL-3.0-or-later
import type pg from 'pg';
import { StartError } from '../../../core/errors.ts';
import {
  type ConnectionListener,
  type ConnectionOptions,
  type ConnectionSource,
  sessionSettings,
} from './connection-source.ts';
import { takeLentSession } from './lent-session.ts';
import { verifySession } from './verify-session.ts';

/** Receives a connection that was released, or undefined when a new one may be opened instead. */
type Waiter = (client: pg.PoolClient | undefined) => void;

/**
 * Connections that the host's pool lends. They are kept until the engine stops and then ended, so that the host never
 * gets a session with our settings, and the engine never one with the host's.
 */
export function hostPoolConnections(
  location: { hostPool: pg.Pool; schema: string },
  options: ConnectionOptions,
  listener: ConnectionListener,
): ConnectionSource {
  const { connectionsMax, connectTimeoutMs } = options;
  const waiters: Waiter[] = [];
  let total = 0;
  let onEnd: (() => void) | undefined;

  /** A connection has ended: a waiter may open a new one in its place. */
  const freeSlot = () => {
    const waiter = waiters.shift();
    if (waiter !== undefined) {
      waiter(undefined);
      return;
    }
    total -= 1;
    if (total === 0) onEnd?.();
  };

  const borrow = async (): Promise<pg.PoolClient> => {
    try {
      return await takeLentSession(location.hostPool, {
        settings: sessionSettings(location.schema, options),
        timeoutMs: connectTimeoutMs,
        onOpened: listener.onOpened,
        verify: (client) => verifySession(client, options.session ?? {}),
      });
    } catch (error) {
      freeSlot();
      throw error;
    }
  };

  const wait = () =>
    new Promise<pg.PoolClient | undefined>((resolve, reject) => {
      const waiter: Waiter = (client) => {
        clearTimeout(timer);
        resolve(client);
      };
      const timer = setTimeout(() => {
        waiters.splice(waiters.indexOf(waiter), 1);
        reject(new Error('no connection became free in time'));
      }, connectTimeoutMs);
      waiters.push(waiter);
    });

  return {
    async connect() {
      if (total < connectionsMax) {
        total += 1;
        return borrow();
      }
      return (await wait()) ?? borrow();
    },
    release(client, destroy) {
      const waiter = destroy ? undefined : waiters.shift();
      if (waiter !== undefined) {
        waiter(client);
        return;
      }
      client.release(true);
      freeSlot();
    },
    usage: () => ({ total, idle: 0, waiting: waiters.length }),
    // The host chooses the server.
    doubtServer: () => undefined,
    end: () =>
      new Promise((resolve) => {
        onEnd = resolve;
        if (total === 0) resolve();
      }),
  };
}

/** Refuses a pool that cannot lend what the engine needs. Throws a `StartError` that says what to change. */
export function assertCanLend(pool: pg.Pool, connections: number): void {
  // A program without types may pass anything, for example a single client or nothing.
  const { max, binary } = (pool?.options ?? {}) as { max?: number; binary?: boolean };
  if (typeof max !== 'number' || typeof pool.connect !== 'function') {
    throw new StartError('pool must be a Pool of the package pg');
  }
  if (max < connections) {
    throw new StartError(
      `the pool has at most ${max} connections, and the engine keeps up to ${connections}\n` +
        'Raise max of the pool, or lower claimConnections or queryConnections.',
    );
  }
  if (binary) {
    throw new StartError(
      'the pool requests binary results, which the engine cannot read: create one without binary',
    );
  }
}
