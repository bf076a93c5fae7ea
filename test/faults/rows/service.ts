// SPDX-License-Identifier: GPL-3.0-or-later
/** Faults of the service's own processes. */
import type { Cut } from '../../support/fault-proxy.ts';
import type { FaultRow, Injection, Outcome } from '../fault-row.ts';
import { changesClaims, type FaultScenario } from '../loads.ts';
import type { ServiceNode } from '../rig.ts';
import { servedShare } from '../seen.ts';

/** The names of the statements that a failpoint waits for, as the service sends them. */
export const batchStatement = /claim-batch|claim-multi-coupon|decide-batch|claim-tickets/;
export const voidStatement = /resolve-batch/;
const changeStatement = /decide-batch/;

/** The statements of the batches that the scenario is about: those with changes, if claims change. */
export function judgedStatement(scenario: FaultScenario): RegExp {
  return changesClaims(scenario) ? changeStatement : batchStatement;
}

/** The moments in the life of a batch at which a node is killed. */
const failpoints: Record<string, Cut> = {
  'before the batch is sent': 'before',
  'while the batch is decided': 'behind',
  'after the commit, before the reply': 'before_reply',
};

const killsMin = 2;
const failpointMsMax = 2000;

/** Row 1: `kill -9` of a node that is idle, or at a failpoint in the middle of a batch. */
export const serviceKilled: FaultRow = {
  row: 1,
  name: 'service killed',
  scenarios: ['mixed', 'holds', 'redeem'],
  hasClientRuns: true,
  faultSeconds: 12,
  isFelt: true,
  inject: (injection) => killNodes(injection, killsMin + injection.chance.below(3)),
  brief: { inject: (injection) => killNodes(injection, killsMin) },
};

async function killNodes(injection: Injection, kills: number): Promise<void> {
  const { rig, chance } = injection;
  for (let kill = 0; kill < kills; kill += 1) {
    const node = chance.pick(rig.nodes);
    const where = chance.pick(['at any moment', ...Object.keys(failpoints)]);
    await injection.fault(`kill -9 ${where}`, async () => {
      await killAt(injection, node, where);
      await node.gone();
      node.proxy.heal();
      await node.start();
    });
    await injection.pause(chance.between(100, 500));
  }
}

async function killAt(
  { pause, scenario }: Injection,
  node: ServiceNode,
  where: string,
): Promise<void> {
  const cut = failpoints[where];
  if (cut === undefined) {
    node.kill();
    return;
  }
  const statement = judgedStatement(scenario);
  const reached = new Promise<void>((resolve) => {
    const strike = () => {
      node.kill();
      resolve();
    };
    node.proxy.afterCut = strike;
    node.proxy.cutWhen = (piece) => (statement.test(piece.toString('latin1')) ? cut : undefined);
  });
  // Without a claim on this node there is no such moment; then the idle node is killed.
  if ((await Promise.race([reached, pause(failpointMsMax).then(() => 'late')])) === 'late') {
    node.kill();
  }
}

/** Row 2: a deployment. A node gets SIGTERM under load, and a new process replaces it. */
export const serviceStopped: FaultRow = {
  row: 2,
  name: 'service stopped in order',
  env: { SHUTDOWN_DELAY_MS: '300' },
  faultSeconds: 6,
  isFelt: true,
  async inject(injection) {
    for (const node of injection.rig.nodes) {
      await injection.fault('SIGTERM', async () => {
        const exit = await node.stop();
        if (exit.code !== 0) throw new Error(`SIGTERM ended with ${exit.code ?? exit.signal}`);
        await node.start();
      });
      await injection.pause(300);
    }
  },
  check: ({ seen }) => {
    const broken = seen.filter(({ outcome }) => outcome === 'reset' || outcome === 'timeout');
    return broken.length === 0
      ? []
      : [`${broken.length} requests were cut off by a stop in order, of which none should be`];
  },
};

const otherNodesShareMin = 0.9;

/** Row 3: a node is suspended for some seconds. The others need no lock of it and go on. */
export const serviceFrozen: FaultRow = {
  row: 3,
  name: 'service frozen',
  faultSeconds: 6,
  isFelt: true,
  async inject(injection) {
    const { nodes } = injection.rig;
    const [frozen] = nodes;
    await injection.fault('SIGSTOP', async () => {
      frozen?.signal('SIGSTOP');
      await injection.pause(injection.chance.between(5000, 6000));
      frozen?.signal('SIGCONT');
    });
  },
  check: othersServe,
};

/** While one node is suspended, each of the others serves nearly all of its requests. */
export function othersServe({ rig, seen, faults }: Outcome): string[] {
  return faults.flatMap((span) => {
    const shares = rig.nodes.map(({ url }) =>
      servedShare(
        seen.filter(({ node }) => node === url),
        span,
      ),
    );
    // The suspended one serves the fewest.
    const [, ...others] = shares.sort((a, b) => a - b);
    return others
      .filter((share) => share < otherNodesShareMin)
      .map(
        (share) =>
          `while one node was suspended, another served ${share.toFixed(2)} of its requests`,
      );
  });
}

const blockPreload = new URL('../block-event-loop.mjs', import.meta.url).href;

/** Row 32: the event loop stalls repeatedly, in a process with little memory. */
export const eventLoopBlocked: FaultRow = {
  row: 32,
  name: 'event loop blocked, small heap',
  env: { NODE_OPTIONS: `--import=${blockPreload} --max-old-space-size=96` },
  // So short that clients notice half a second.
  drill: { timeoutMs: 400, rate: 800 },
  faultSeconds: 6,
  isFelt: true,
  async inject(injection) {
    const { rig, chance } = injection;
    for (let block = 0; block < 6; block += 1) {
      await injection.fault('event loop blocked for 500 ms', async () => {
        chance.pick(rig.nodes).signal('SIGUSR2');
        await injection.pause(550);
      });
      await injection.pause(chance.between(100, 400));
    }
  },
  check: ({ rig }) =>
    rig.nodes.every(({ isRunning }) => isRunning) ? [] : ['a node ran out of memory'],
};
