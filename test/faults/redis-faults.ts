// SPDX-License-Identifier: GPL-3.0-or-later
/** The faults of a Redis that nodes share. Each throws when nothing shows that it happened. */
import { Redis } from 'ioredis';
import { lastFor } from '../support/last-for.ts';
import type { RedisServer } from '../support/redis-server.ts';
import type { Chance } from './fault-row.ts';
import {
  refusalsBy,
  refusalsIn,
  type SharedRedis,
  untilWritten,
  writesTo,
} from './shared-redis.ts';

/** A fault: begins it, lets it last, ends it, and waits until nodes use Redis again. */
export type RedisFault = {
  name: string;
  inject(redis: SharedRedis, last: () => Promise<void>, chance: Chance): Promise<void>;
};

export const flushed: RedisFault = {
  name: 'FLUSHALL',
  async inject({ server }, last) {
    await server.command('FLUSHALL');
    const before = await writesTo(server);
    await last();
    await untilWritten(server, before);
  },
};

export const restartedEmpty: RedisFault = {
  name: 'Redis restarted empty',
  async inject({ server }, last) {
    await server.stop();
    await last();
    await server.start();
    await untilWritten(server);
  },
};

export const frozen: RedisFault = {
  name: 'Redis frozen',
  async inject({ server }, last) {
    const before = await writesTo(server);
    server.freeze();
    try {
      await last();
    } finally {
      server.resume();
    }
    await untilWritten(server, before);
  },
};

export const outOfMemory: RedisFault = {
  name: 'Redis out of memory',
  async inject({ server }, last) {
    const before = await refusalsBy(server, 'OOM');
    await server.command('CONFIG', 'SET', 'maxmemory', '1');
    await last();
    await server.command('CONFIG', 'SET', 'maxmemory', '0');
    const refused = (await refusalsBy(server, 'OOM')) - before;
    if (refused === 0) throw new Error('no write was refused for want of memory');
    await untilWritten(server, await writesTo(server));
  },
};

const password = 'unknown to the nodes';

export const otherPassword: RedisFault = {
  name: 'Redis restarted with another password',
  async inject({ server }, last) {
    await server.stop();
    await server.start();
    // Its connection stays valid after the password is set.
    const operator = connectTo(server);
    try {
      await operator.config('SET', 'requirepass', password);
      await operator.call('CLIENT', 'KILL', 'TYPE', 'normal');
      await operator.call('CLIENT', 'KILL', 'TYPE', 'pubsub');
      await last();
      const refused = refusalsIn(await operator.info('errorstats'), 'NOAUTH');
      await operator.config('SET', 'requirepass', '');
      if (refused === 0) throw new Error('no node connected without the password');
    } finally {
      operator.disconnect();
    }
    await untilWritten(server, await writesTo(server));
  },
};

const [lateMsMin, lateMsMax] = [200, 3000];

export const messagesRepeated: RedisFault = {
  name: 'messages of Redis repeated late',
  async inject({ server }, last, chance) {
    const before = await writesTo(server);
    const [listener, publisher] = [connectTo(server), connectTo(server)];
    // Messages that come back to this listener, because it has sent them.
    const own = new Map<string, number>();
    let repeated = 0;
    const repeat = async (channel: string, message: string): Promise<void> => {
      const id = `${channel} ${message}`;
      const left = own.get(id) ?? 0;
      if (left > 0) {
        own.set(id, left - 1);
        return;
      }
      await lastFor(chance.between(lateMsMin, lateMsMax));
      own.set(id, (own.get(id) ?? 0) + 1);
      repeated += Number(await publisher.publish(channel, message));
    };
    listener.on('pmessage', (_, channel: string, message: string) => {
      repeat(channel, message).catch(() => undefined);
    });
    try {
      await listener.psubscribe('*');
      await last();
      if (repeated === 0) throw new Error('no message was repeated');
    } finally {
      listener.disconnect();
      publisher.disconnect();
    }
    await untilWritten(server, before);
  },
};

const lostKey = 'written after the replica had stopped to copy';

export const stalePromoted: RedisFault = {
  name: 'stale replica promoted',
  async inject({ server, replica, untilPromoted }, last) {
    if (replica === undefined) throw new Error('this Redis has no replica');
    await untilWritten(server);
    // It keeps what it has, and copies from nowhere.
    await replica.command('REPLICAOF', '127.0.0.1', '1');
    await server.command('SET', lostKey, '1');
    await last();
    await server.stop();
    await untilPromoted();
    if ((await replica.command('EXISTS', lostKey)) !== 0) throw new Error('no write was lost');
    await untilWritten(replica, await writesTo(replica));
  },
};

/** A connection to a server that goes on over several commands. */
function connectTo({ port }: RedisServer): Redis {
  const client = new Redis(port, '127.0.0.1');
  // A command rejects with it.
  client.on('error', () => undefined);
  return client;
}
