// SPDX-License-Identifier: GPL-3.0-or-later
/** What the routes of health return. */
import { type Static, Type } from 'typebox';
import { type DutyHolder, dutyNames } from '../../../core/duties/ports.ts';
import {
  durabilityLevels,
  type Health,
  queueStates,
  unhealthyReasons,
} from '../../../core/health.ts';
import type { HealthFacts } from '../route.ts';
import { enumOf } from './enums.ts';
import { ref } from './ref.ts';

/** A duty, and who runs it. */
export const DutyBody = Type.Object(
  {
    name: enumOf(dutyNames),
    node: Type.Optional(
      Type.String({ description: 'Host and process id of the process that runs the duty.' }),
    ),
    since: Type.Optional(Type.String({ format: 'date-time' })),
  },
  { $id: 'Duty', description: 'Work that one process does for all.' },
);

/** The health of the service. */
export const HealthBody = Type.Object(
  {
    status: enumOf(['healthy', 'unhealthy']),
    version: Type.String(),
    database: enumOf(['bundled', 'external']),
    durability: Type.Optional(
      enumOf(durabilityLevels, {
        description:
          'What an acknowledged claim survives: the loss of the primary (replicated), a crash and a power failure ' +
          '(local), or neither (unsafe). Absent while the database does not respond.',
      }),
    ),
    reason: Type.Optional(
      enumOf(unhealthyReasons, {
        description:
          'Why the service is unhealthy, if it is more than a database that cannot decide claims. installation_changed: ' +
          'the database is not the one that the service was started on, so it was replaced or restored. All calls are ' +
          'unavailable until the right database is back, or until a restart of the service accepts this one. ' +
          'history_lost: the database lacks claims, or changes of claims, that were acknowledged, as after a failover to a ' +
          'server that was behind. All calls are unavailable until an operator accepts that with `firstcome accept-history`, ' +
          'or until a server is back that has them. ' +
          'commits_stalled: the database answers, but no commit succeeds, for example because its synchronous standby ' +
          'does not confirm them. Claims get 503 until commits succeed again. ' +
          'durability_too_low: the database commits less durably than DURABILITY_MIN demands, so claims and changes get ' +
          '503 until it does again.',
      }),
    ),
    queue: Type.Optional(
      enumOf(queueStates, {
        description:
          'Present with AMQP_URL. away: RabbitMQ is not connected or takes no messages, so no claim can be queued now. ' +
          'The service stays healthy then.',
      }),
    ),
    anonymous_admin: Type.Optional(
      Type.Boolean({ description: 'Present and true if administration needs no key.' }),
    ),
    duties: Type.Optional(
      Type.Array(ref(DutyBody), {
        description:
          'The work that one process does for all nodes on this database, and which one does it, as of some seconds ' +
          'ago. Without a node nothing runs it now. Absent while the database does not respond.',
      }),
    ),
    upgrade_unfinished: Type.Optional(
      Type.Boolean({
        description:
          'Present and true until `firstcome migrate --finish`: the database still has the functions of earlier ' +
          'releases. Until then holds, and the confirm, release and redeem of a claim, are unavailable.',
      }),
    ),
  },
  { $id: 'Health', description: 'Whether claims can be decided, and how.' },
);

/** The response of a process. */
export const LivenessBody = Type.Object(
  { status: enumOf(['alive']) },
  { $id: 'Liveness', description: 'The process responds.' },
);

/** The body of the health. */
export function toHealthBody(facts: HealthFacts, health: Health): Static<typeof HealthBody> {
  return {
    status: health.healthy ? 'healthy' : 'unhealthy',
    version: facts.version,
    database: facts.database,
    ...(health.durability && { durability: health.durability }),
    ...(health.reason && { reason: health.reason }),
    ...(health.queue && { queue: health.queue }),
    ...(facts.anonymousAdmin && { anonymous_admin: true }),
    ...(health.duties && { duties: health.duties.map(toDutyBody) }),
    ...(health.upgradeUnfinished && { upgrade_unfinished: true }),
  };
}

function toDutyBody({ name, node, since }: DutyHolder) {
  return { name, ...(node !== null && { node }), ...(since !== null && { since }) };
}
