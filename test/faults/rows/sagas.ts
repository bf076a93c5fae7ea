// SPDX-License-Identifier: GPL-3.0-or-later
/** Faults while sagas run: a fifth of them are declined, every tenth answer is lost, and every twentieth comes too late. */
import type { FaultRow, Injection, Outcome } from '../fault-row.ts';
import { type Action, runActions, undoActions } from '../participants.ts';
import {
  countsOf,
  crashPostgres,
  killNodes,
  killParticipants,
  pauseNodes,
} from '../saga-faults.ts';
import { momentsOf } from '../saga-moments.ts';

const allActions: readonly Action[] = [...runActions, ...undoActions];
const briefLoad = { users: 320, units: 150 };
const sagasMin = 1_000;
const hitShareMin = 0.6;
const both = [0, 1];

/** Row 41: both participants are killed in the middle of calls, and start again with their journals. */
export const participantsKilled: FaultRow = {
  ...{ row: 41, name: 'participants of sagas killed', scenarios: ['sagas'] },
  faultSeconds: 60,
  isFelt: false,
  inject: (injection) =>
    killParticipants(injection, { at: [...allActions, ...allActions], nodes: both }),
  brief: {
    ...{ drill: briefLoad, faultSeconds: 8 },
    inject: (injection) =>
      killParticipants(injection, { at: some(injection, allActions, 3), nodes: both }),
  },
  check: checkSagas,
};

/** Row 42: PostgreSQL crashes when a step was run or undone. */
export const postgresCrashedUnderSagas: FaultRow = {
  ...{ row: 42, name: 'PostgreSQL crashed under sagas', scenarios: ['sagas'] },
  faultSeconds: 60,
  isFelt: true,
  inject: (injection) => crashPostgres(injection, allActions),
  brief: {
    ...{ drill: briefLoad, faultSeconds: 8 },
    inject: (injection) => crashPostgres(injection, some(injection, allActions, 1)),
  },
  check: checkSagas,
};

/** Row 43: nodes are killed in the middle of each step and each undo, and between any two of them. */
export const nodesKilledUnderSagas: FaultRow = {
  ...{ row: 43, name: 'service killed under sagas', scenarios: ['sagas'] },
  faultSeconds: 170,
  isFelt: true,
  inject: (injection) =>
    killNodes(injection, { at: momentsOf(allActions, injection.chance), nodes: both }),
  brief: {
    ...{ drill: briefLoad, faultSeconds: 15 },
    inject: (injection) => {
      const actions = some(injection, allActions, 1);
      return killNodes(injection, { at: momentsOf(actions, injection.chance), nodes: both });
    },
  },
  check: checkSagas,
};

/** Row 44: a node is suspended in the middle of a step, another one ends its sagas, and the first one wakes up. */
export const nodePausedUnderSagas: FaultRow = {
  ...{ row: 44, name: 'service frozen under sagas', scenarios: ['sagas'] },
  faultSeconds: 110,
  isFelt: true,
  inject: (injection) => pauseNodes(injection, { at: allActions, nodes: both }),
  brief: {
    ...{ drill: briefLoad, faultSeconds: 15 },
    inject: (injection) =>
      pauseNodes(injection, { at: some(injection, allActions, 1), nodes: both }),
  },
  check: checkSagas,
};

/** Row 45: all of these faults at the same time. */
export const allAtOnceUnderSagas: FaultRow = {
  ...{ row: 45, name: 'all faults of sagas at once', scenarios: ['sagas'] },
  faultSeconds: 120,
  isFelt: true,
  inject: (injection) =>
    injection.fault('everything at once', async () => {
      const parts = partsOf(injection);
      const breakNode = async () => {
        const at = momentsOf(some(injection, allActions, 3), injection.chance);
        await killNodes(parts, { at, nodes: [0] });
        await pauseNodes(parts, { at: some(injection, allActions, 2), nodes: [0] });
      };
      await Promise.all([
        killParticipants(parts, { at: allActions, nodes: [1] }),
        crashPostgres(parts, some(injection, allActions, 3)),
        breakNode(),
      ]);
    }),
  check: checkSagas,
};

/** The same injection, whose faults are parts of one. */
function partsOf(injection: Injection): Injection {
  return Object.assign(Object.create(injection), {
    fault: (_: string, inject: () => Promise<void>) => inject(),
  });
}

/** So many of them, in any order. */
function some<One>({ chance }: Injection, all: readonly One[], many: number): One[] {
  const shuffled = all
    .map((one) => ({ one, at: chance.between(0, 1) }))
    .sort((a, b) => a.at - b.at);
  return shuffled.slice(0, many).map(({ one }) => one);
}

/** Enough sagas of each kind ran, most faults came at their moment, and none is left to an operator. */
async function checkSagas({ rig, report, note, lack }: Outcome): Promise<string[]> {
  const { server, database } = rig;
  const rows = await server.query<{ state: string; sagas: number }>(statesSql, { database });
  const of = (state: string) => rows.find((row) => row.state === state)?.sagas ?? 0;
  const [done, undone, attention] = [of('D'), of('X'), of('A')];
  const [{ declined = 0 } = {}] = await server.query<{ declined?: number }>(declinedSql, {
    database,
  });
  const { hit, missed } = countsOf(rig);
  note(`${done} sagas done, ${undone} undone, ${declined} of them declined`);
  note(`${hit} of ${hit + missed.length} moments hit`);
  const broken: string[] = [];
  if (attention > 0)
    broken.push(`${attention} sagas need attention, though participants came back`);
  const wanted = Math.min(sagasMin, report.options.units);
  if (done + undone < wanted) broken.push(`only ${done + undone} sagas ran, of ${wanted}`);
  if (declined === 0) broken.push('no saga was declined');
  // On a slow machine the sagas can be over before; then the row is played again for longer.
  const hitMin = Math.max(1, Math.floor((hit + missed.length) * hitShareMin));
  if (hit < hitMin) lack(`too few faults came at their moment; missed: ${missed.join(', ')}`);
  return broken;
}

const statesSql = 'select state::text, count(*)::integer as sagas from sagas group by state';
const declinedSql = `select count(*)::integer as declined from saga_steps where state = 'N'`;
