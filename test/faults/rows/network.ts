// SPDX-License-Identifier: GPL-3.0-or-later
/** Faults between the service and its database. */
import type { Cut } from '../../support/fault-proxy.ts';
import { waitFor } from '../../support/wait-for.ts';
import type { FaultRow, Injection } from '../fault-row.ts';
import { changesClaims } from '../loads.ts';
import type { Rig } from '../rig.ts';
import { checkVoidMarks } from './postgres.ts';
import { batchStatement, judgedStatement, voidStatement } from './service.ts';

const cuts: Cut[] = ['before', 'behind', 'before_reply', 'silence'];
const cutsToSee: Cut[] = [...cuts, 'late'];
const batchCutChance = 0.04;
const voidCutChance = 0.3;
// A late batch does harm if its claims were refused meanwhile and there is stock again.
const restocked = '-growing';
const lateChance = 0.25;
// Units of a coupon whose claims change come back all the time.
const lateChangesChance = 0.03;
const lateMsRange = [600, 2500] as const;
const moreMsMax = 15_000;

type Cuts = Record<string, number>;

/** How often each cut met a batch of those that the scenario is about. */
const cutsSeen = new WeakMap<Rig, Cuts>();

/** Row 7: answers of batches, and of the void marks that resolve them, are lost in every way. */
export const answersLost: FaultRow = {
  row: 7,
  name: 'answers of batches lost',
  scenarios: ['mixed', 'holds', 'redeem'],
  hasClientRuns: true,
  faultSeconds: 6,
  isFelt: true,
  async inject(injection) {
    const { rig, chance, scenario } = injection;
    const seen: Cuts = Object.fromEntries(cutsToSee.map((cut) => [cut, 0]));
    cutsSeen.set(rig, seen);
    for (const node of rig.nodes) {
      node.proxy.cutWhen = (piece) => {
        node.proxy.lateMs = chance.between(...lateMsRange);
        const text = piece.toString('latin1');
        const isJudged = judgedStatement(scenario).test(text);
        // Batches are few: each kind of cut meets one before any meets a second.
        const missing = isJudged ? cuts.filter((cut) => !seen[cut]) : [];
        const cut = chooseCut(text, injection, missing.length > 0 ? missing : cuts);
        if (cut !== undefined && isJudged) seen[cut] = (seen[cut] ?? 0) + 1;
        return cut;
      };
    }
    await injection.fault('connections cut around batches', async () => {
      await injection.pause(chance.between(3000, 5500));
      // On a slow machine batches are rare, and a cut may meet none; the check reports such cuts.
      const isDone = async () =>
        missingCuts(seen).length === 0 && (await checkVoidMarks(rig)).length === 0;
      await waitFor('every cut', isDone, { timeoutMs: moreMsMax, everyMs: 200 }).catch(
        () => undefined,
      );
      for (const node of rig.nodes) node.proxy.heal();
    });
  },
  async check({ rig, note }) {
    const seen = cutsSeen.get(rig) ?? {};
    const kinds = Object.entries(seen);
    note(`cuts ${kinds.map(([cut, count]) => `${cut} ${count}`).join(', ')}`);
    const broken = missingCuts(seen).map((cut) => `no batch met a cut '${cut}'`);
    return [...broken, ...(await checkVoidMarks(rig))];
  },
};

function chooseCut(
  text: string,
  { chance, scenario }: Injection,
  choice: readonly Cut[],
): Cut | undefined {
  const isBatch = batchStatement.test(text);
  const canHarmLate = isBatch && (changesClaims(scenario) || text.includes(restocked));
  const ofLate = changesClaims(scenario) ? lateChangesChance : lateChance;
  if (canHarmLate && chance.happens(ofLate)) return 'late';
  const probability = isBatch ? batchCutChance : voidStatement.test(text) ? voidCutChance : 0;
  return chance.happens(probability) ? chance.pick(choice) : undefined;
}

/** The cuts that no batch has met. */
function missingCuts(seen: Cuts): string[] {
  return cutsToSee.filter((cut) => !seen[cut]);
}

/** Row 29: the network between some nodes and the database loses everything, or breaks connections, or is slow. */
export const partitioned: FaultRow = {
  row: 29,
  name: 'network to the database partitioned',
  hasClientRuns: true,
  faultSeconds: 7,
  isFelt: true,
  async inject(injection) {
    const { rig, chance } = injection;
    const isWhole = chance.happens(0.5);
    const affected = isWhole ? rig.nodes : rig.nodes.slice(1);
    const kind = chance.pick(['black hole', 'answers lost', 'connections refused', 'throttled']);
    await injection.fault(`${kind}, ${affected.length} of ${rig.nodes.length} nodes`, async () => {
      for (const { proxy } of affected) {
        if (kind === 'black hole') proxy.blackHole(true);
        else if (kind === 'answers lost') proxy.cutWhen = () => 'silence';
        else if (kind === 'connections refused') await proxy.refuse();
        else proxy.slowWhen = () => ({ delayMs: 250, bytesPerSecond: 5000 });
      }
      await injection.pause(chance.between(3000, 6000));
      for (const { proxy } of affected) {
        proxy.heal();
        await proxy.accept();
      }
    });
  },
  async check({ rig }) {
    // Read before the nodes stop: the sessions of broken connections must have ended by then.
    const linksMax = rig.nodes.length * linksPerNodeMax;
    const links = () => rig.nodes.reduce((sum, { proxy }) => sum + proxy.openLinks, 0);
    return waitFor('end of dead connections', () => links() <= linksMax).then(
      () => [],
      () => [`${links()} connections are open, although the pools hold ${linksMax} at most`],
    );
  },
};

// The defaults of DATABASE_CLAIM_CONNECTIONS and DATABASE_QUERY_CONNECTIONS.
const linksPerNodeMax = 8 + 4;
