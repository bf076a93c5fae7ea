// SPDX-License-Identifier: GPL-3.0-or-later
/** The faults of the rows with sagas. */
import { waitFor } from '../support/wait-for.ts';
import type { Injection } from './fault-row.ts';
import { type Action, isCall, type Participants, runActions, sagaOf } from './participants.ts';
import type { Rig, ServiceNode } from './rig.ts';
import { type Moment, momentMsMax, strikeAt } from './saga-moments.ts';

// When another node has taken over.
const lateMs = 12_000;
const sagasAgain = 30;
// A process whose jobs another takes over is silent for nine seconds before.
const takeoverMsMax = 60_000;
const stepOf: Record<Action, number> = {
  ...{ authorize: 1, grant: 2, capture: 3, void: 1, revoke: 2, refund: 3 },
};

/** How many faults came at their moment, and which did not. */
export type Counts = { hit: number; missed: string[] };

const counted = new WeakMap<Rig, Counts>();

/** The faults of a run. */
export function countsOf(rig: Rig): Counts {
  return counted.get(rig) ?? { hit: 0, missed: [] };
}

function count({ rig }: Injection, name: string, isHit: boolean): void {
  const { hit, missed } = countsOf(rig);
  counted.set(rig, isHit ? { hit: hit + 1, missed } : { hit, missed: [...missed, name] });
}

function participantsOf({ participants }: Rig): Participants {
  if (participants === undefined) throw new Error('the drill plays no sagas');
  return participants;
}

function nodeOf({ nodes }: Rig, number: number): ServiceNode {
  const node = nodes[number];
  if (node === undefined) throw new Error(`there is no node ${number}`);
  return node;
}

/** Kills the participant of each of these actions, while it does a call of these nodes or before its answer. */
export async function killParticipants(
  injection: Injection,
  { at, nodes }: { at: readonly Action[]; nodes: readonly number[] },
): Promise<void> {
  const { rig, chance } = injection;
  for (const action of at) {
    const when = chance.pick(['behind', 'before_reply'] as const);
    const participant = participantsOf(rig).of(action);
    const moment: Moment = { name: `${action} ${when}`, action, when };
    await injection.fault(`kill -9 of the participant at ${moment.name}`, async () => {
      const isHit = await strikeAt(injection, { nodes, moment }, () => participant.kill());
      count(injection, moment.name, isHit);
      await participant.gone();
      await injection.pause(chance.between(0, 1500));
      await participant.start();
    });
  }
}

/** Crashes PostgreSQL once it has stored that a step was run or undone. */
export async function crashPostgres(
  injection: Injection,
  actions: readonly Action[],
): Promise<void> {
  const { rig, chance } = injection;
  for (const action of actions) {
    await injection.fault(`pg_ctl stop -m immediate after ${action}`, async () => {
      count(injection, `PostgreSQL after ${action}`, await isStoredSoon(injection, action));
      await rig.server.stop('immediate');
      await injection.pause(chance.between(0, 800));
      await rig.server.start();
    });
    await injection.pause(chance.between(500, 1500));
  }
}

/** Kills one of the nodes at each of these moments, and starts it again. */
export async function killNodes(
  injection: Injection,
  { at, nodes }: { at: readonly Moment[]; nodes: readonly number[] },
): Promise<void> {
  const { rig, chance } = injection;
  for (const moment of at) {
    await injection.fault(`kill -9 at ${moment.name}`, async () => {
      let killed = chance.pick(nodes);
      const isHit = await strikeAt(injection, { nodes, moment }, (node) => {
        killed = node;
        nodeOf(rig, node).kill();
      });
      count(injection, moment.name, isHit);
      const node = nodeOf(rig, killed);
      if (!isHit) node.kill();
      await node.gone();
      // A service whose database is gone does not start.
      await waitFor('start of a node', async () => {
        await node.start();
        return true;
      });
    });
    await letSagasGoOn(injection);
  }
}

/**
 * Suspends a node while it calls this action, until another node has ended the saga of the call. Then the node gets the
 * answer to its call and goes on; or its call arrives at the participant only meanwhile.
 */
export async function pauseNodes(
  injection: Injection,
  { at, nodes }: { at: readonly Action[]; nodes: readonly number[] },
): Promise<void> {
  const { rig, chance } = injection;
  for (const action of at) {
    const cut = chance.pick(['hold', 'late'] as const);
    await injection.fault(`SIGSTOP at ${action}, its call ${cut}`, async () => {
      const suspended = await suspendAt(injection, { nodes, action, cut });
      count(injection, `SIGSTOP at ${action}`, suspended !== undefined);
      if (suspended === undefined) return;
      const { node, saga } = suspended;
      await waitFor('end of a saga whose node is suspended', () => hasEnded(rig, saga), {
        timeoutMs: takeoverMsMax,
      });
      participantsOf(rig).proxyOf(node, action).release();
      nodeOf(rig, node).signal('SIGCONT');
    });
    await injection.pause(chance.between(500, 1500));
  }
}

/** Suspends the first node that calls. Returns the saga of the call; undefined when there was no such call for long. */
async function suspendAt(
  { rig, pause }: Injection,
  { nodes, action, cut }: { nodes: readonly number[]; action: Action; cut: 'hold' | 'late' },
): Promise<{ node: number; saga: string } | undefined> {
  let isOver = false;
  const suspended = new Promise<{ node: number; saga: string }>((resolve) => {
    for (const node of nodes) {
      const proxy = participantsOf(rig).proxyOf(node, action);
      proxy.lateMs = lateMs;
      proxy.cutWhen = (piece) => {
        const saga = isCall(piece, action) && !isOver ? sagaOf(piece) : undefined;
        if (saga === undefined) return undefined;
        isOver = true;
        nodeOf(rig, node).signal('SIGSTOP');
        resolve({ node, saga });
        return cut;
      };
    }
  });
  const first = await Promise.race([suspended, pause(momentMsMax).then(() => undefined)]);
  isOver = true;
  for (const node of nodes) participantsOf(rig).proxyOf(node, action).heal();
  return first;
}

async function hasEnded({ server, database }: Rig, saga: string): Promise<boolean> {
  const sql = `select from sagas where saga_id = $1 and state in ('D', 'X', 'A')`;
  return (await server.query(sql, { database, values: [saga] })).length > 0;
}

/** Waits until a step is stored as run or undone by a call after now; false when none was for long. */
function isStoredSoon(injection: Injection, action: Action): Promise<boolean> {
  const state = runActions.some((one) => one === action) ? 'D' : 'U';
  const sql = `
    select from saga_steps where step = ${stepOf[action]} and state = '${state}' and changed_at > $1
    limit 1`;
  return isSoon(injection, sql, 1);
}

/** Waits until sagas are done again. After a kill, all that wait could reach their deadlines otherwise. */
async function letSagasGoOn(injection: Injection): Promise<void> {
  await isSoon(injection, `select from sagas where state = 'D' and ended_at > $1`, sagasAgain);
}

/** Waits until so many rows are later than now; false when they were not for long. */
async function isSoon(
  { rig: { server, database } }: Injection,
  sql: string,
  many: number,
): Promise<boolean> {
  const [{ now }] = (await waitFor('the time', () =>
    server.query<{ now: string }>('select clock_timestamp()::text as now', { database }),
  )) as [{ now: string }];
  const endMs = performance.now() + momentMsMax;
  const isLate = () => performance.now() > endMs;
  return waitFor(
    `${many} rows of ${sql}`,
    async () => {
      const rows = await server.query(sql, { database, values: [now] });
      if (rows.length >= many) return { isReached: true };
      return isLate() ? { isReached: false } : undefined;
    },
    { timeoutMs: 4 * momentMsMax },
  ).then(({ isReached }) => isReached);
}
