// SPDX-License-Identifier: GPL-3.0-or-later
import type { AcknowledgedBatch, SharedBatches } from '../../core/history/ports.ts';
import { uuidRule } from '../../core/input-rules.ts';
import { installationIdIn } from '../../core/installation-id.ts';
import type { RedisConnection } from './redis.ts';

/** Raise it when a member of a batch is added or changes its meaning. Batches of another version are ignored. */
const version = 1;
// A loss over a long weekend is found when the service starts again.
const keptMs = 7 * 24 * 3_600_000;
// Each restart is a process of its own. Those that have acknowledged nothing for the longest time are left out.
const processesMax = 32;
// A database that is restored from another one, or copied, is one more.
const databasesMax = 8;

/**
 * Shares the acknowledged batches of processes over Redis. `processId` is unique for each start of a process, and `identity`
 * distinguishes the database from its copies.
 *
 * The batches belong to the database that acknowledged them. On one for which no process has shared a batch yet, those of all
 * copies are read: it may be restored from a backup of one of them.
 */
export function redisSharedBatches(
  redis: RedisConnection,
  { processId, identity }: { processId: string; identity: string },
): SharedBatches {
  const databases = `firstcome:${installationIdIn(identity)}:databases`;
  const listOf = (database: string) => `firstcome:${database}:acknowledged`;
  const list = listOf(identity);

  const readDatabase = async (database: string) => {
    const key = listOf(database);
    const ids = await redis.run((client) => client.zrevrange(key, 0, processesMax - 1));
    if (ids.length === 0) return [];
    const texts = await redis.run((client) => client.mget(ids.map((id) => `${key}:${id}`)));
    return texts.flatMap(decodeBatches);
  };

  return {
    async publish(batches) {
      const latestMs = batches.at(-1)?.acknowledgedAtMs ?? 0;
      return await redis
        .run((client) =>
          client
            .pipeline()
            .set(`${list}:${processId}`, encodeBatches(batches), 'PX', keptMs)
            .zadd(list, latestMs, processId)
            .zremrangebyrank(list, 0, -processesMax - 1)
            .pexpire(list, keptMs)
            .zadd(databases, latestMs, identity)
            .zremrangebyrank(databases, 0, -databasesMax - 1)
            .pexpire(databases, keptMs)
            .exec(),
        )
        .then(
          () => true,
          () => false,
        );
    },

    async read() {
      try {
        const known = await redis.run((client) => client.zrevrange(databases, 0, databasesMax - 1));
        const read = known.includes(identity) ? [identity] : [identity, ...known];
        return (await Promise.all(read.map(readDatabase))).flat();
      } catch {
        return undefined;
      }
    },
  };
}

type Row = [
  ...[batchId: string, couponName: string, claims: number, changes: number, userId: string],
  ...[position: number, claimId: string | null, acknowledgedAtMs: number],
];

function encodeBatches(batches: readonly AcknowledgedBatch[]): string {
  const rows = batches.map((batch): Row => {
    const { batchId, couponName, claims, changes, userId, position, claimId } = batch;
    return [
      ...([batchId, couponName, claims, changes, userId] as const),
      ...([position, claimId ?? null, batch.acknowledgedAtMs] as const),
    ];
  });
  return JSON.stringify({ version, batches: rows });
}

/** None where the text is not a list of batches of this version. */
function decodeBatches(text: string | null): AcknowledgedBatch[] {
  try {
    const message = JSON.parse(text ?? '') as { version?: unknown; batches?: unknown };
    const { batches } = message;
    if (message.version !== version || !Array.isArray(batches) || !batches.every(isRow)) return [];
    return batches.map(toBatch);
  } catch {
    return [];
  }
}

const uuid = new RegExp(uuidRule.pattern);
const isUuid = (value: unknown) => typeof value === 'string' && uuid.test(value);
const isText = (value: unknown) => typeof value === 'string' && !value.includes('\0');
const isCount = (value: unknown) => Number.isInteger(value) && Number(value) >= 0;
const isPosition = (value: unknown) => isCount(value) && Number(value) < 2 ** 31;
const isTime = (value: unknown) => isCount(value) && Number(value) <= 8.64e15;
const rowChecks: readonly ((value: unknown) => boolean)[] = [
  ...[isUuid, isText, isPosition, isPosition, isText, isPosition],
  ...[(value: unknown) => value === null || isUuid(value), isTime],
];

function isRow(value: unknown): value is Row {
  return (
    Array.isArray(value) &&
    value.length === rowChecks.length &&
    rowChecks.every((check, index) => check(value[index])) &&
    value[2] + value[3] > 0
  );
}

function toBatch(row: Row): AcknowledgedBatch {
  const [batchId, couponName, claims, changes, userId, position, claimId, acknowledgedAtMs] = row;
  return {
    ...{ batchId, couponName, claims, changes, userId, position },
    ...{ claimId: claimId ?? undefined, acknowledgedAtMs },
  };
}
