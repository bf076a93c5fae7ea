// SPDX-License-Identifier: GPL-3.0-or-later
import type pg from 'pg';
import { StartError } from '../../../core/errors.ts';
import {
  type ConnectionListener,
  type Connections,
  type ConnectionsOptions,
  sessionSettings,
} from './connection-source.ts';
import { takeLentSession } from './lent-session.ts';
import { verifySession } from './verify-session.ts';

/** Called with a connection that was given back, or with nothing when there is room for a new one. */
type Turn = (client: pg.PoolClient | undefined) => void;

/**
 * Connections that the host's pool lends. They are kept until the end and then ended, so that no session of the host's
 * ever has our settings, nor one of ours the host's.
 */
export function lentConnections(
  place: { hostPool: pg.Pool; schema: string },
  options: ConnectionsOptions,
  listener: ConnectionListener,
): Connections {
  const { connectionsMax, connectTimeoutMs } = options;
  const turns: Turn[] = [];
  let taken = 0;
  let ended: (() => void) | undefined;

  const drainAndClose = () => {
    const turn = turns.shift();
    if (turn !== undefined) {
      turn(undefined);
      return;
    }
    taken -= 1;
    if (taken === 0) ended?.();
  };

  const take = async (): Promise<pg.PoolClient> => {
    try {
      return await takeLentSession(place.hostPool, {
        settings: sessionSettings(place.schema, options),
        timeoutMs: connectTimeoutMs,
        onOpened: listener.onOpened,
        verify: (client) => verifySession(client, options.session ?? {}),
      });
    } catch (error) {
      drainAndClose();
      throw error;
    }
  };

  const awaitTurn = () =>
    new Promise<pg.PoolClient | undefined>((resolve, reject) => {
      const turn: Turn = (client) => {
        clearTimeout(timer);
        resolve(client);
      };
      const timer = setTimeout(() => {
        turns.splice(turns.indexOf(turn), 1);
        reject(new Error('no connection became free in time'));
      }, connectTimeoutMs);
      turns.push(turn);
    });

  return {
    async connect() {
      if (taken < connectionsMax) {
        taken += 1;
        return take();
      }
      return (await awaitTurn()) ?? take();
    },
    giveBack(client, isBroken) {
      const turn = isBroken ? undefined : turns.shift();
      if (turn !== undefined) {
        turn(client);
        return;
      }
      client.release(true);
      drainAndClose();
    },
    use: () => ({ total: taken, idle: 0, waiting: turns.length }),
    end: () =>
      new Promise((resolve) => {
        ended = resolve;
        if (taken === 0) resolve();
      }),
  };
}

/** Refuses a pool that cannot lend what the engine needs. Throws a `StartError` that says what to change. */
export function assertCanLend(pool: pg.Pool, connections: number): void {
  // Of a program without types it may be anything, such as a single client or nothing.
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
      'the pool asks for binary results, which the engine does not read; make one without binary',
    );
  }
}
