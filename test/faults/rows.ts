// SPDX-License-Identifier: GPL-3.0-or-later
import type { FaultRow } from './fault-row.ts';
import { overloaded, retryStorm, slowClients } from './rows/clients.ts';
import { clockStepsBack } from './rows/clock.ts';
import { diskFull, diskSlow, standbyGone } from './rows/disk.ts';
import { frozenPrimaryReplaced, standbyPromoted } from './rows/failover.ts';
import { answersLost, partitioned } from './rows/network.ts';
import {
  backendKilled,
  hotCouponLocked,
  postgresCrashed,
  postgresStopped,
  slotsExhausted,
  zombieBackend,
} from './rows/postgres.ts';
import {
  brokerKilled,
  brokerOutOfMemory,
  brokerRestarted,
  confirmsLost,
  poisonPublished,
  postgresDownWithQueue,
  queueFull,
  workerKilledBeforeAck,
} from './rows/queue.ts';
import {
  dutyHolderFrozen,
  nodeOfThreeFrozen,
  nodeOfThreeKilled,
  redisFaultsInTurn,
  redisFlushed,
  redisFrozen,
  redisMessagesRepeated,
  redisOutOfMemory,
  redisPasswordChanged,
  redisRestarted,
  staleReplicaPromoted,
} from './rows/redis.ts';
import {
  allAtOnceUnderSagas,
  nodePausedUnderSagas,
  nodesKilledUnderSagas,
  participantsKilled,
  postgresCrashedUnderSagas,
} from './rows/sagas.ts';
import { eventLoopBlocked, serviceFrozen, serviceKilled, serviceStopped } from './rows/service.ts';

/** All rows of the table, in its order. */
export const rows: readonly FaultRow[] = [
  ...[serviceKilled, serviceStopped, serviceFrozen, postgresCrashed, backendKilled],
  ...[postgresStopped, answersLost, zombieBackend],
  ...[standbyPromoted, frozenPrimaryReplaced, standbyGone, diskFull, diskSlow],
  ...[slotsExhausted, hotCouponLocked, clockStepsBack, partitioned, retryStorm, overloaded],
  ...[eventLoopBlocked, slowClients],
  ...[participantsKilled, postgresCrashedUnderSagas, nodesKilledUnderSagas, nodePausedUnderSagas],
  ...[allAtOnceUnderSagas, nodeOfThreeKilled, nodeOfThreeFrozen],
  ...[redisFlushed, redisRestarted, redisFrozen, staleReplicaPromoted, redisOutOfMemory],
  ...[redisPasswordChanged, dutyHolderFrozen, redisFaultsInTurn, redisMessagesRepeated],
  ...[brokerRestarted, brokerKilled, confirmsLost, workerKilledBeforeAck, brokerOutOfMemory],
  ...[queueFull, poisonPublished, postgresDownWithQueue],
];

/** The row of that number. Throws when there is none. */
export function rowOf(number: number): FaultRow {
  const found = rows.find(({ row }) => row === number);
  if (found !== undefined) return found;
  throw new Error(`there is no row ${number}; there are ${rows.map(({ row }) => row).join(', ')}`);
}
