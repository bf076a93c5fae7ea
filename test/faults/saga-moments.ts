// SPDX-License-Identifier: GPL-3.0-or-later
/** The moments in the life of a saga at which something breaks. Conditions find them, not the clock. */
import type { Cut, FaultProxy } from '../support/fault-proxy.ts';
import type { Chance, Injection } from './fault-row.ts';
import { type Action, isCall } from './participants.ts';

/** A moment of a step: something breaks `when` it is called. */
export type Moment = { name: string; action: Action; when: Cut | 'unstored' | 'stored' };

const middle: Record<string, Moment['when']> = {
  'before it arrives': 'before',
  'while it is done': 'behind',
  'before its answer': 'before_reply',
};
const between: Record<string, Moment['when']> = {
  'before its answer is stored': 'unstored',
  'once its answer is stored': 'stored',
};

const recordStatement = /record-sagas/;
/** How long a fault waits for its moment. */
export const momentMsMax = 15_000;

/** A moment in the middle of each of these steps and undos, and one between it and the next. */
export function momentsOf(actions: readonly Action[], chance: Chance): Moment[] {
  return actions.flatMap((action) =>
    [middle, between].map((places): Moment => {
      const [place, when] = chance.pick(Object.entries(places));
      return { name: `${action} ${place}`, action, when };
    }),
  );
}

/**
 * Calls `strike` with the first of these nodes that reaches the moment, within the event that shows it. The result is whether
 * one has: false when there was no such moment for long.
 */
export async function strikeAt(
  { rig, pause }: Injection,
  { nodes, moment }: { nodes: readonly number[]; moment: Moment },
  strike: (node: number) => void,
): Promise<boolean> {
  const hooks = nodes.map((node) => {
    const calls = rig.participants?.proxyOf(node, moment.action);
    const database = rig.nodes[node]?.proxy;
    if (calls === undefined || database === undefined) throw new Error(`there is no node ${node}`);
    return { node, calls, database };
  });
  const heal = () => {
    for (const { calls, database } of hooks) {
      calls.heal();
      database.heal();
    }
  };
  const reached = new Promise<boolean>((resolve) => {
    for (const { node, calls, database } of hooks) {
      const end = () => {
        heal();
        strike(node);
        resolve(true);
      };
      if (moment.when === 'unstored' || moment.when === 'stored') {
        cutRecordAfter(moment, { calls, database, end });
      } else cutCall(moment.action, moment.when, { calls, end });
    }
  });
  const isReached = await Promise.race([reached, pause(momentMsMax).then(() => false)]);
  heal();
  return isReached;
}

type Hook = { calls: FaultProxy; end(): void };

/** Cuts the next call of the action. */
function cutCall(action: Action, when: Cut, { calls, end }: Hook): void {
  calls.afterCut = end;
  calls.cutWhen = (piece) => (isCall(piece, action) ? when : undefined);
}

/** Cuts the first statement that stores the progress of sagas after a call of the action. */
function cutRecordAfter(
  { action, when }: Moment,
  { calls, database, end }: Hook & { database: FaultProxy },
): void {
  let isCalled = false;
  calls.cutWhen = (piece) => {
    isCalled ||= isCall(piece, action);
    return undefined;
  };
  database.afterCut = end;
  database.cutWhen = (piece) => {
    if (!isCalled || !recordStatement.test(piece.toString('latin1'))) return undefined;
    return when === 'unstored' ? 'before' : 'before_reply';
  };
}
