// SPDX-License-Identifier: GPL-3.0-or-later
/** Faults between the service and its database. */
import type { Cut } from '../../support/fault-proxy.ts';
import { waitFor } from '../../support/wait-for.ts';
import type { FaultRow } from '../fault-row.ts';
import type { Rig } from '../rig.ts';
import { checkVoidMarks } from './postgres.ts';
import { claimStatement, voidStatement } from './service.ts';

const cuts: Cut[] = ['before', 'behind', 'before_reply', 'silence'];
const cutsToSee: Cut[] = [...cuts, 'late'];
const claimCutChance = 0.04;
const voidCutChance = 0.3;
// A late batch does harm if its claims were refused meanwhile and there is stock again.
const restocked = '-growing';
const lateChance = 0.25;
const lateMsRange = [600, 2500] as const;
const moreMsMax = 15_000;

/** Row 7: answers of batches, and of the void marks that resolve them, are lost in every way. */
export const answersLost: FaultRow = {
  row: 7,
  name: 'answers of batches lost',
  faultSeconds: 6,
  isFelt: true,
  async inject(injection) {
    const { rig, chance } = injection;
    for (const node of rig.nodes) {
      node.proxy.cutWhen = (piece) => {
        node.proxy.lateMs = chance.between(...lateMsRange);
        const text = piece.toString('latin1');
        if (claimStatement.test(text) && text.includes(restocked) && chance.happens(lateChance)) {
          return 'late';
        }
        const probability = claimStatement.test(text)
          ? claimCutChance
          : voidStatement.test(text)
            ? voidCutChance
            : 0;
        return chance.happens(probability) ? chance.pick(cuts) : undefined;
      };
    }
    await injection.fault('connections cut around batches', async () => {
      await injection.pause(chance.between(3000, 5500));
      // On a slow machine batches are rare, and a cut may meet none; the check reports such cuts.
      const isDone = async () =>
        missingCuts(rig).length === 0 && (await checkVoidMarks(rig)).length === 0;
      await waitFor('every cut', isDone, { timeoutMs: moreMsMax, everyMs: 200 }).catch(
        () => undefined,
      );
      for (const node of rig.nodes) node.proxy.heal();
    });
  },
  async check({ rig, note }) {
    const kinds = Object.entries(cutsOf(rig));
    note(`cuts ${kinds.map(([cut, count]) => `${cut} ${count}`).join(', ')}`);
    const broken = missingCuts(rig).map((cut) => `no batch met a cut '${cut}'`);
    return [...broken, ...(await checkVoidMarks(rig))];
  },
};

/** The cuts that no batch has met. */
function missingCuts(rig: Rig): string[] {
  return Object.entries(cutsOf(rig)).flatMap(([cut, count]) => (count === 0 ? [cut] : []));
}

/** How often each cut took place, at all nodes. */
function cutsOf({ nodes }: Rig): Record<string, number> {
  const made = (cut: Cut) => nodes.reduce((sum, { proxy }) => sum + proxy.cuts[cut], 0);
  return Object.fromEntries(cutsToSee.map((cut) => [cut, made(cut)]));
}

/** Row 29: the network between some nodes and the database loses everything, or breaks connections, or is slow. */
export const partitioned: FaultRow = {
  row: 29,
  name: 'network to the database partitioned',
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
