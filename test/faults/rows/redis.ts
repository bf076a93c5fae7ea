// SPDX-License-Identifier: GPL-3.0-or-later
/** Faults of the Redis that three nodes share, and of nodes that share one. */
import { leaseMs } from '../../../src/core/duties/ports.ts';
import { waitFor } from '../../support/wait-for.ts';
import type { FaultRow, Injection, Outcome } from '../fault-row.ts';
import { wholeSpan } from '../fault-spans.ts';
import { goodputKept } from '../goodput.ts';
import {
  flushed,
  frozen,
  messagesRepeated,
  otherPassword,
  outOfMemory,
  type RedisFault,
  restartedEmpty,
  stalePromoted,
} from '../redis-faults.ts';
import type { ServiceNode } from '../rig.ts';
import { mutexesBeyond, untilWritten } from '../shared-redis.ts';
import { othersServe, serviceFrozen, serviceKilled } from './service.ts';

// Three nodes that use Redis for all they can. No limit is ever reached: each claim asks for it.
const threeNodes = {
  scenarios: ['mixed', 'holds'],
  nodes: 3,
  redis: 'server',
  env: { RATE_LIMIT_ALL: '1000000/1s' },
  // So few that holds are sold out soon after the faults begin, while others still end.
  drill: { unitsShare: 0.4, readMaxAgeS: 2 },
} satisfies Partial<FaultRow>;

const wholeSeconds = 10;
// So short that all faults fit into one drill, and so long that there are whole seconds to compare.
const secondsInTurn = 2;
// Within this time a fault begins and ends, and Redis is used again.
const aroundSeconds = 1.5;
const pauseMs = 500;

/** Row 46: a node is killed with -9. The others use the same Redis and go on. */
export const nodeOfThreeKilled: FaultRow = {
  ...serviceKilled,
  ...threeNodes,
  ...{ row: 46, name: 'one of three nodes killed' },
  check: (outcome) => {
    noteUnitsThatCameBack(outcome);
    return [];
  },
};

/** Row 47: a node is suspended. Then it gets all notifications that it has missed. */
export const nodeOfThreeFrozen: FaultRow = {
  ...serviceFrozen,
  ...threeNodes,
  ...{ row: 47, name: 'one of three nodes frozen', faultSeconds: wholeSeconds + 1 },
  async inject(injection) {
    const node = injection.chance.pick(injection.rig.nodes);
    await injection.fault('SIGSTOP', async () => {
      node.signal('SIGSTOP');
      await injection.pause(wholeSeconds * 1000);
      node.signal('SIGCONT');
    });
  },
  check: (outcome) => {
    noteUnitsThatCameBack(outcome);
    return othersServe(outcome);
  },
};

/** Row 48: all that the nodes share is deleted, again and again. */
export const redisFlushed = rowOf(48, 'Redis flushed', [flushed, flushed, flushed]);

/** Row 49: Redis is gone, and starts without its data. */
export const redisRestarted = rowOf(49, 'Redis restarted empty', [restartedEmpty]);

/** Row 50: Redis keeps its connections and answers nothing; then it answers all that it was asked. */
export const redisFrozen = rowOf(50, 'Redis frozen', [frozen]);

/** Row 51: Sentinels promote a replica that lacks the last seconds. */
export const staleReplicaPromoted: FaultRow = {
  ...rowOf(51, 'stale Redis replica promoted', [stalePromoted], 3),
  redis: 'sentinels',
};

/** Row 52: Redis refuses all writes. */
export const redisOutOfMemory = rowOf(52, 'Redis out of memory', [outOfMemory]);

/** Row 53: Redis refuses all commands, since its password has changed. */
export const redisPasswordChanged = rowOf(53, 'password of Redis changed', [otherPassword]);

/** Row 54: the node that sweeps expired holds is suspended past its lease. Another one takes the duty over. */
export const dutyHolderFrozen: FaultRow = {
  ...threeNodes,
  ...{ row: 54, name: 'holder of a duty frozen', scenarios: ['holds'] },
  // The suspended node takes its share of the users with it, so that the others sell out later.
  drill: { ...threeNodes.drill, unitsShare: 0.25 },
  faultSeconds: 12,
  isFelt: true,
  async inject(injection) {
    const { rig, pause } = injection;
    if (rig.redis !== undefined) await untilWritten(rig.redis.server);
    await injection.fault('SIGSTOP of the holder', async () => {
      // One that outlasts a lease keeps the other nodes out until a call to Redis happens to be late.
      const endless = rig.redis && (await mutexesBeyond(rig.redis.server, leaseMs));
      if (endless?.length) throw new Error(`mutexes last longer than a lease: ${endless.join()}`);
      const before = await holderOf(injection);
      before.node.signal('SIGSTOP');
      await waitFor('node that takes the duty over', async () => {
        return (await holderOf(injection)).epoch > before.epoch;
      });
      await pause(1000);
      before.node.signal('SIGCONT');
    });
  },
  check: (outcome) => {
    noteUnitsThatCameBack(outcome);
    return othersServe(outcome);
  },
};

/** Row 55: all faults of one Redis, one after the other. */
export const redisFaultsInTurn = rowOf(
  55,
  'all faults of Redis in turn',
  [flushed, restartedEmpty, frozen, outOfMemory, otherPassword],
  secondsInTurn,
);

/** Row 56: each message arrives again, up to three seconds late and in any order. */
export const redisMessagesRepeated = rowOf(56, 'messages of Redis repeated late', [
  messagesRepeated,
]);

/** A row of faults that no client feels, each of so many seconds. */
function rowOf(
  row: number,
  name: string,
  faults: readonly RedisFault[],
  seconds = wholeSeconds / faults.length,
): FaultRow {
  return {
    ...threeNodes,
    ...{ row, name, isFelt: false, faultSeconds: faults.length * (seconds + aroundSeconds) },
    // No rate is compared with the one afterwards: the seconds of the faults are with those before.
    drill: { ...threeNodes.drill, secondsAfter: 3 },
    async inject(injection) {
      const { rig, chance, pause } = injection;
      const { redis } = rig;
      if (redis === undefined) throw new Error('the nodes share no Redis');
      for (const { name, inject } of faults) {
        await injection.fault(name, () => inject(redis, () => pause(seconds * 1000), chance));
        await pause(pauseMs);
      }
    },
    check: (outcome) => {
      noteUnitsThatCameBack(outcome);
      return goodputKept(outcome);
    },
  };
}

/** Units must have come back, or been added, to a coupon that users were refused as sold out, all during the faults. */
function noteUnitsThatCameBack({ seen, faults, note, lack }: Outcome): void {
  const { fromMs = 0, toMs = 0 } = wholeSpan(faults) ?? {};
  const claims = seen.filter(({ f, begunMs }) => {
    return f === 'claim' && begunMs >= fromMs && begunMs <= toMs;
  });
  const refused = claims.filter(({ outcome }) => outcome === 'sold_out');
  const later = claims.filter(({ coupon, type, begunMs }) => {
    const first = type === 'ok' && refused.find((one) => one.coupon === coupon);
    return first && begunMs >= first.endMs;
  });
  note(`${refused.length} sold out during the faults, and ${later.length} won later`);
  if (later.length === 0) lack('no unit came back to a sold out coupon during the faults');
}

async function holderOf({ rig }: Injection): Promise<{ node: ServiceNode; epoch: number }> {
  const { server, database, nodes } = rig;
  const [{ pid, epoch } = { pid: 0, epoch: 0 }] = await server.query<{
    pid: number;
    epoch: number;
  }>(holderSql, { database });
  const node = nodes.find((one) => one.pid === pid);
  if (node === undefined) throw new Error('no node has the duty');
  return { node, epoch };
}

const holderSql = `
  select split_part(node, '/', 2)::integer as pid, epoch::integer from duties
  where name = 'expiry_sweep' and expires_at > clock_timestamp()`;
