// SPDX-License-Identifier: GPL-3.0-or-later
/** Faults of the database's processes, locks, connections and clock. */
import pg from 'pg';
import { waitFor } from '../../support/wait-for.ts';
import type { FaultRow, Injection } from '../fault-row.ts';
import { changesClaims } from '../loads.ts';
import { type PostgresServer, signal } from '../postgres-server.ts';
import type { Rig } from '../rig.ts';
import { servedShare } from '../seen.ts';
import { judgedStatement } from './service.ts';

// The time from when the database accepts connections until the service answers.
const firstAnswerMs = 2000;

/** Row 4: the whole server crashes and recovers. */
export const postgresCrashed: FaultRow = {
  row: 4,
  name: 'PostgreSQL crashed',
  scenarios: ['mixed', 'holds', 'redeem'],
  faultSeconds: 6,
  isFelt: true,
  audit: { firstAnswerMs },
  async inject(injection) {
    const { server } = injection.rig;
    for (let crash = 0; crash < 2; crash += 1) {
      await injection.fault('pg_ctl stop -m immediate', async () => {
        await server.stop('immediate');
        await injection.pause(injection.chance.between(0, 800));
        await server.start();
      });
      await injection.pause(injection.chance.between(300, 1200));
    }
  },
};

/** Row 5: one backend is killed; PostgreSQL then ends all others and recovers. */
export const backendKilled: FaultRow = {
  row: 5,
  name: 'backend killed',
  faultSeconds: 7,
  isFelt: true,
  audit: { firstAnswerMs },
  async inject(injection) {
    const { server } = injection.rig;
    for (let kill = 0; kill < 2; kill += 1) {
      await injection.fault('kill -9 of a backend', async () => {
        const [backend] = await server.backends();
        if (backend === undefined) throw new Error('there is no backend to kill');
        signal(backend.pid, 'SIGKILL');
        await waitFor('end of the backends', async () => !(await isAlive(server, backend.pid)));
        await accepts(server);
      });
      await injection.pause(injection.chance.between(300, 1200));
    }
  },
};

async function isAlive(server: PostgresServer, pid: number): Promise<boolean> {
  const rows = await server
    .query('select from pg_stat_activity where pid = $1', { values: [pid] })
    .catch(() => []);
  return rows.length > 0;
}

function accepts(server: PostgresServer): Promise<unknown> {
  return waitFor('a PostgreSQL that accepts connections', () => server.query('select 1'));
}

/** Row 6: an administrator stops the database and starts it again. */
export const postgresStopped: FaultRow = {
  row: 6,
  name: 'PostgreSQL stopped and started',
  faultSeconds: 5,
  isFelt: true,
  audit: { firstAnswerMs },
  async inject(injection) {
    const { server } = injection.rig;
    await injection.fault('pg_ctl stop -m fast', async () => {
      await server.stop('fast');
      await injection.pause(injection.chance.between(500, 2500));
      await server.start();
    });
  },
};

/** Row 8: a backend is suspended with a batch, before or after it takes the lock, and resumes after the batch is void. */
export const zombieBackend: FaultRow = {
  row: 8,
  name: 'backend that wakes up later',
  scenarios: ['mixed', 'holds', 'redeem'],
  faultSeconds: 9,
  isFelt: true,
  async inject(injection) {
    const { chance } = injection;
    for (const stop of [stopBeforeBatch, stopAtWork]) {
      await injection.fault(`SIGSTOP of a backend ${stop.where}`, async () => {
        const pids = await stop.stop(injection);
        // Longer than a claim waits for its answer.
        await injection.pause(chance.between(2200, 3500));
        for (const pid of pids) signal(pid, 'SIGCONT');
      });
      await injection.pause(chance.between(200, 800));
    }
  },
  check: ({ rig }) => checkVoidMarks(rig),
};

/** A batch that was resolved before it was decided leaves a void mark. Without a mark the fault had no effect. */
export async function checkVoidMarks({ server, database }: Rig): Promise<string[]> {
  const marks = `select from stock_ledger where kind = 'void'`;
  return (await server.query(marks, { database })).length > 0 ? [] : ['no batch was given up'];
}

const arrivalMs = 300;
// A timer may fire a little early.
const marginMs = 20;
const frozenMax = 3;

type Stop = { where: string; stop(injection: Injection): Promise<number[]> };

/** Suspends backends to which a batch is on its way. They read it when they resume. */
const stopBeforeBatch: Stop = {
  where: 'before its batch',
  async stop({ rig, pause, scenario }) {
    const client = await connectTo(rig);
    const frozen: number[] = [];
    const freezing = new Set<Promise<void>>();
    const freeze = async (clientPort: number | undefined) => {
      const arrivesMs = performance.now() + arrivalMs;
      const { rows } = await client.query<{ pid: number }>(
        'select pid from pg_stat_activity where client_port = $1',
        [clientPort],
      );
      for (const { pid } of rows) {
        if (!signal(pid, 'SIGSTOP')) continue;
        // A backend that may have its batch already is resumed; others follow.
        if (performance.now() < arrivesMs - marginMs) frozen.push(pid);
        else signal(pid, 'SIGCONT');
      }
    };
    for (const { proxy } of rig.nodes) {
      proxy.slowWhen = (piece, direction, { clientPort }) => {
        const text = piece.toString('latin1');
        if (direction !== 'toServer' || !judgedStatement(scenario).test(text)) return undefined;
        if (frozen.length + freezing.size >= frozenMax) return undefined;
        // Claims of a coupon that gets new stock: refused meanwhile, they could win when they arrive late.
        if (!changesClaims(scenario) && !text.includes('-growing')) return undefined;
        const one = freeze(clientPort).finally(() => freezing.delete(one));
        freezing.add(one);
        return { delayMs: arrivalMs };
      };
    }
    try {
      await pause(2 * arrivalMs);
      await waitFor('batch on its way to a backend', () => frozen.length > 0);
    } finally {
      for (const { proxy } of rig.nodes) proxy.heal();
      await Promise.allSettled(freezing);
      await client.end();
    }
    return frozen;
  },
};

/** Suspends a backend that holds the lock of a coupon. */
const stopAtWork: Stop = {
  where: 'that holds a lock',
  async stop({ rig, scenario }) {
    const deciders = changesClaims(scenario) ? 'decide_batch' : '(claim|decide)_(batch|multi)';
    const client = await connectTo(rig);
    try {
      for (let look = 0; look < looksMax; look += 1) {
        const { rows } = await client.query<{ pid: number }>(
          `select pid from pg_stat_activity where datname = $1 and state = 'active'
           and query ~ $2 and wait_event_type is distinct from 'Client' limit 1`,
          [rig.database, deciders],
        );
        const pid = rows[0]?.pid;
        if (pid === undefined || !signal(pid, 'SIGSTOP')) continue;
        // A transaction that has written nothing holds no lock of a coupon, and blocks no other.
        const isWriting = await client
          .query('select from pg_stat_activity where pid = $1 and backend_xid is not null', [pid])
          .then(({ rowCount }) => rowCount === 1)
          .catch((error: unknown) => {
            signal(pid, 'SIGCONT');
            throw error;
          });
        if (isWriting) return [pid];
        signal(pid, 'SIGCONT');
      }
      throw new Error('no backend was caught with a lock');
    } finally {
      await client.end();
    }
  },
};

const looksMax = 2000;

/** A connection that is open before it is needed. */
async function connectTo({ server }: Rig): Promise<pg.Client> {
  const client = new pg.Client({
    connectionString: server.url(),
    application_name: 'faults',
    // A suspended backend with a lock must not block the session that resumes it.
    query_timeout: 1000,
  });
  client.on('error', () => undefined);
  await client.connect();
  return client;
}

/** Row 16: no connection is free for a service that has lost its own. */
export const slotsExhausted: FaultRow = {
  row: 16,
  name: 'connection slots exhausted',
  faultSeconds: 5,
  isFelt: true,
  async inject(injection) {
    const { rig, chance } = injection;
    await injection.fault('all connection slots taken', async () => {
      const hogs = await takeSlots(rig.server);
      try {
        // The service must not reconnect before its lost connections are taken too.
        await Promise.all(rig.nodes.map(({ proxy }) => proxy.refuse()));
        await waitFor('end of the sessions of the service', async () => {
          hogs.push(...(await takeSlots(rig.server)));
          return (await sessionsOf(rig, hogs)) === 0;
        });
        hogs.push(...(await takeSlots(rig.server)));
        for (const { proxy } of rig.nodes) await proxy.accept();
        await injection.pause(chance.between(2000, 3500));
        const sessions = await sessionsOf(rig, hogs);
        if (sessions > 0) throw new Error(`the service got ${sessions} connections nevertheless`);
      } finally {
        await Promise.all(hogs.map((hog) => hog.end().catch(() => undefined)));
      }
    });
  },
};

/** The number of the service's sessions, read over a connection that is open already. */
async function sessionsOf({ database }: Rig, [hog]: readonly pg.Client[]): Promise<number> {
  const sessions = await hog?.query(
    `select from pg_stat_activity where datname = $1 and backend_type = 'client backend'`,
    [database],
  );
  if (sessions === undefined) throw new Error('no connection slot was free');
  return sessions.rows.length;
}

async function takeSlots(server: PostgresServer): Promise<pg.Client[]> {
  const hogs: pg.Client[] = [];
  for (;;) {
    const hog = new pg.Client({ connectionString: server.url(), application_name: 'faults' });
    hog.on('error', () => undefined);
    try {
      await hog.connect();
      hogs.push(hog);
    } catch (error) {
      if ((error as { code?: string }).code === '53300') return hogs;
      throw error;
    }
  }
}

const otherCouponsShareMin = 0.9;

/** Row 17: another session locks the row of the hot coupon. */
export const hotCouponLocked: FaultRow = {
  row: 17,
  name: 'long lock on the hot coupon',
  faultSeconds: 5,
  isFelt: true,
  async inject(injection) {
    const { rig, chance, coupon } = injection;
    const client = new pg.Client({
      connectionString: rig.server.url(rig.database),
      application_name: 'faults',
      options: '-c search_path=firstcome',
    });
    await client.connect();
    try {
      await injection.fault('select for update by hand', async () => {
        await client.query('begin');
        const locking = 'select from coupons where name = $1 for update';
        const { rowCount } = await client.query(locking, [`${coupon}-hot`]);
        if (rowCount !== 1) throw new Error('there is no hot coupon to lock');
        await injection.pause(chance.between(3000, 4500));
        await client.query('rollback');
      });
    } finally {
      await client.end();
    }
  },
  check: ({ seen, faults }) =>
    faults.flatMap((span) => {
      const others = seen.filter(({ coupon }) => !coupon.endsWith('-hot'));
      const share = servedShare(others, span);
      return share >= otherCouponsShareMin
        ? []
        : [
            `while the hot coupon was locked, ${share.toFixed(2)} of the requests for others were served`,
          ];
    }),
};
