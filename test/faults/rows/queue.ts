// SPDX-License-Identifier: GPL-3.0-or-later
/** Faults of the broker in which claims wait, and of those that decide them. */
import { randomBytes } from 'node:crypto';
import { waitFor } from '../../support/wait-for.ts';
import type { FaultRow, Injection, Outcome } from '../fault-row.ts';
import type { ServiceNode } from '../rig.ts';
import { publishToClaims, queueLengths, type SharedRabbitMq } from '../shared-rabbitmq.ts';
import { batchStatement } from './service.ts';

// No client waits for its decision, so each claim has a ticket, which the drill reads until its final state. A claim whose
// outcome is unknown may not be in the queue: its ticket expires, and the drill waits for that.
const queued = {
  ...{ scenarios: ['mixed', 'holds'], isQueued: true },
  env: { TICKET_EXPIRES_SECONDS: '45' },
  drill: { prefer: 'respond-async' },
  isFelt: true,
  check: (outcome) => nothingIsLost(outcome, 0),
} satisfies Partial<FaultRow>;

/** Row 57: the broker stops and starts, in order. */
export const brokerRestarted: FaultRow = {
  ...queued,
  ...{ row: 57, name: 'broker stopped and started', faultSeconds: 20 },
  async inject(injection) {
    const { server } = brokerOf(injection);
    for (const name of ['stop_app', 'shutdown']) {
      await injection.fault(name, async () => {
        if (name === 'stop_app') {
          await server.stopApp();
          await server.startApp();
        } else {
          await server.control(name);
          await server.start();
        }
      });
      await injection.pause(injection.chance.between(300, 1200));
    }
  },
};

/** Row 58: the broker is killed with -9 under load, and starts with its data. */
export const brokerKilled: FaultRow = {
  ...queued,
  ...{ row: 58, name: 'broker killed', faultSeconds: 20 },
  async inject(injection) {
    const { server } = brokerOf(injection);
    for (let kill = 0; kill < 2; kill += 1) {
      await injection.fault('kill -9 of the broker', async () => {
        await server.restart();
      });
      await injection.pause(injection.chance.between(300, 1200));
    }
  },
};

// The text that each published claim has.
const publishedClaim = '"coupon_name":';
const [cutsMin, cutEveryMs] = [6, 800];

/** Row 59: connections are cut after claims were published, before the broker's confirm arrives. */
export const confirmsLost: FaultRow = {
  ...queued,
  ...{ row: 59, name: 'confirms lost', faultSeconds: 10 },
  async inject(injection) {
    const { chance, pause, rig } = injection;
    for (let cut = 0; cut < cutsMin; cut += 1) {
      const proxy = chance.pick(rig.nodes).queueProxy;
      if (proxy === undefined) throw new Error('a node has no broker');
      await injection.fault('cut between publish and confirm', async () => {
        const isCut = new Promise<void>((resolve) => {
          proxy.afterCut = () => {
            proxy.heal();
            resolve();
          };
          proxy.cutWhen = (piece) => (piece.includes(publishedClaim) ? 'before_reply' : undefined);
        });
        await isCut;
        await pause(chance.between(0, cutEveryMs));
      });
    }
  },
};

const killsMin = 2;

/** Row 60: a node is killed when it has decided a batch, before it acknowledges the messages: they are delivered again. */
export const workerKilledBeforeAck: FaultRow = {
  ...queued,
  ...{ row: 60, name: 'worker killed before its ack', faultSeconds: 14 },
  async inject(injection) {
    for (let kill = 0; kill < killsMin; kill += 1) {
      await injection.fault('kill -9 after the commit, before the ack', async () => {
        const node = await killAfterCommit(injection);
        await node.gone();
        await node.start();
      });
      await injection.pause(injection.chance.between(300, 1200));
    }
  },
};

/** Kills the first node that has the reply for a batch of tickets on its way. */
async function killAfterCommit({ rig }: Injection): Promise<ServiceNode> {
  const node = await new Promise<ServiceNode>((resolve) => {
    for (const one of rig.nodes) {
      one.proxy.afterCut = () => {
        for (const { proxy } of rig.nodes) proxy.heal();
        one.kill();
        resolve(one);
      };
      one.proxy.cutWhen = (piece) =>
        batchStatement.test(piece.toString('latin1')) ? 'before_reply' : undefined;
    }
  });
  return node;
}

/** Row 61: the broker is short of memory, and reads nothing from those that publish. */
export const brokerOutOfMemory: FaultRow = {
  ...queued,
  ...{ row: 61, name: 'memory alarm of the broker', faultSeconds: 10 },
  async inject(injection) {
    const { server } = brokerOf(injection);
    await injection.fault('memory alarm', async () => {
      await server.setMemoryAlarm(true);
      await injection.pause(injection.chance.between(3000, 4000));
      await server.setMemoryAlarm(false);
    });
  },
};

/** Row 62: the only node that decides is gone, and the queue gets full. */
export const queueFull: FaultRow = {
  ...queued,
  ...{ row: 62, name: 'queue full', faultSeconds: 10 },
  env: { ...queued.env, CLAIM_QUEUE_MESSAGES_MAX: '50' },
  envOf: (node) => ({ CONSUME_CLAIMS: String(node === 0) }),
  async inject(injection) {
    const [worker] = injection.rig.nodes;
    if (worker === undefined) throw new Error('there is no node');
    await injection.fault('kill -9 of the only worker', async () => {
      worker.kill();
      await worker.gone();
      await injection.pause(injection.chance.between(4000, 5000));
      await worker.start();
    });
  },
  check: async (outcome) => {
    const { seen, note } = outcome;
    const shed = seen.filter((one) => one.outcome === 'overloaded').length;
    note(`${shed} claims refused by the full queue`);
    return [
      ...(shed > 0 ? [] : ['the queue was never full']),
      ...(await nothingIsLost(outcome, 0)),
    ];
  },
};

const megabyte = 2 ** 20;

/** Row 63: messages that are no claims. They become dead letters, and no client notices. */
export const poisonPublished: FaultRow = {
  ...queued,
  ...{ row: 63, name: 'poison in the queue', faultSeconds: 4, isFelt: false },
  async inject(injection) {
    await injection.fault('poison published', async () => {
      await publishToClaims(brokerOf(injection), poison);
      await injection.pause(1000);
    });
  },
  check: (outcome) => nothingIsLost(outcome, poison.length),
};

const poison = [
  ...Array.from({ length: 8 }, () => randomBytes(200)),
  Buffer.from('{"version":99}'),
  Buffer.from('{"version":2,"installation":"another"}'),
  Buffer.from('[]'),
  Buffer.alloc(10 * megabyte, 'x'),
];

const downMs = 30_000;

/** Row 64: PostgreSQL is down for half a minute, and the queue takes all claims of that time. */
export const postgresDownWithQueue: FaultRow = {
  ...queued,
  ...{ row: 64, name: 'PostgreSQL down, claims wait', faultSeconds: 34 },
  // Stock that grows and reads need the database; the claims do not.
  env: { TICKET_EXPIRES_SECONDS: '300' },
  async inject(injection) {
    const { server } = injection.rig;
    await injection.fault('pg_ctl stop -m fast for 30 s', async () => {
      await server.stop('fast');
      await injection.pause(downMs);
      await server.start();
    });
  },
  check: async (outcome) => {
    const { seen, faults, note } = outcome;
    const [span] = faults;
    const during = seen.filter(({ f, begunMs }) => {
      return f === 'claim' && span && begunMs > span.fromMs + 1000 && begunMs < span.toMs;
    });
    const refused = during.filter(({ http }) => http === 503);
    note(`${during.length} claims while the database was down, ${refused.length} refused`);
    return [
      ...(refused.length === 0
        ? []
        : [`${refused.length} claims were refused, of which none should be`]),
      ...(await nothingIsLost(outcome, 0)),
    ];
  },
};

const drainedMsMax = 30_000;
const ticketsMin = 1000;

function brokerOf({ rig }: Pick<Injection, 'rig'>): SharedRabbitMq {
  if (rig.rabbitMq === undefined) throw new Error('the nodes have no broker');
  return rig.rabbitMq;
}

/** No claim that was accepted has expired or failed, the queue is empty, and so many dead letters are left. */
async function nothingIsLost(outcome: Outcome, deadLetters: number): Promise<string[]> {
  const { seen, report, rig, note, lack } = outcome;
  const found: string[] = [];
  const { accepted = 0 } = report.tickets ?? {};
  note(`${accepted} tickets`);
  if (accepted < ticketsMin) lack(`${accepted} claims had a ticket, needed: ${ticketsMin}`);
  const lost = seen.filter((one) => /^ticket_/.test(one.outcome ?? ''));
  if (lost.length > 0) {
    found.push(`${lost.length} accepted claims have no decision, such as ${lost[0]?.outcome}`);
  }
  const broker = brokerOf({ rig });
  let left = new Map<string, number>();
  const sumOf = (part: string) => {
    return [...left].reduce((sum, [name, length]) => sum + (name.includes(part) ? length : 0), 0);
  };
  const isEmpty = async () => {
    left = await queueLengths(broker);
    return sumOf('.claims.') === 0;
  };
  await waitFor('end of the queue', isEmpty, { timeoutMs: drainedMsMax, everyMs: 1000 }).catch(() =>
    found.push(`${sumOf('.claims.')} messages are left in the queue`),
  );
  const dead = sumOf('.dead-letters.');
  note(`${dead} dead letters`);
  if (dead !== deadLetters) found.push(`${dead} dead letters, expected: ${deadLetters}`);
  return found;
}
