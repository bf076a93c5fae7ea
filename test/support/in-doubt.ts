// SPDX-License-Identifier: GPL-3.0-or-later
/** A service whose batches of claims are brought in doubt, and checks of what must be true of its sale afterwards. */
import pg from 'pg';
import type { App } from '../../src/app.ts';
import { auditHistories, claimIdsByUser, type Query } from './audit.ts';
import { type Answer, type ClaimRequest, Crowd, type History, range } from './crowd.ts';
import { type Cut, FaultProxy } from './fault-proxy.ts';
import { startService } from './service.ts';
import { missed, waitFor } from './wait-for.ts';

/** SQL functions that decide claims: a batch of one coupon, and a multi-coupon batch of single claims. */
export const batchKinds = ['claim_batch', 'claim_multi_coupon'] as const;

/** One of the two. */
export type BatchKind = (typeof batchKinds)[number];

const statementOf = {
  claim_batch: 'claim-batch',
  claim_multi_coupon: 'claim-multi-coupon',
} as const;

/** Claims that are sent together, each of a different user. */
export type Claims = readonly (ClaimRequest & { key: string })[];

/** A transaction in a session of its own, as an operator may open it. */
export type ManualTransaction = {
  run(sql: string, values?: unknown[]): Promise<void>;
  /** Rolls back what was not committed. */
  end(): Promise<void>;
};

const claimsTogether = 3;
const amount = 10;

// Names differ between the services that one file starts, too.
let sales = 0;
let plugs = 0;

/** Whether a piece of a connection's data carries the statement of this name. */
export const carries = (piece: Buffer, statementName: string) => piece.includes(statementName);

/** Whether a piece carries a batch of this kind. */
export const carriesClaims = (piece: Buffer, kind: BatchKind) => carries(piece, statementOf[kind]);

/** A service with one connection for claims, behind a proxy that can cut it at a chosen statement. */
export class InDoubtService {
  readonly proxy: FaultProxy;
  readonly app: App;
  readonly crowd = new Crowd();
  readonly query: Query;
  private readonly databaseUrl: string;
  /**
   * The name of a coupon that the service knows and the database does not: a claim of it occupies the connection, locks
   * nothing and stores nothing.
   */
  private readonly plug: string;

  private constructor(databaseUrl: string, query: Query, proxy: FaultProxy, app: App) {
    this.databaseUrl = databaseUrl;
    this.query = query;
    this.proxy = proxy;
    this.app = app;
    plugs += 1;
    this.plug = `plug ${plugs}`;
  }

  /** Starts the proxy and the service. */
  static async start(
    database: { url: string; query: Query },
    env: Record<string, string> = {},
  ): Promise<InDoubtService> {
    const proxy = await FaultProxy.before(database.url);
    const app = await startService({
      DATABASE_URL: proxy.urlOf(database.url),
      // While it is occupied, claims wait and are then sent together.
      DATABASE_CLAIM_CONNECTIONS: '1',
      DATABASE_QUERY_CONNECTIONS: '3',
      DATABASE_STATEMENT_TIMEOUT_MS: '1000',
      CLAIM_TIMEOUT_MS: '8000',
      ...env,
    });
    const service = new InDoubtService(database.url, database.query, proxy, app);
    const { crowd, plug } = service;
    await crowd.createCoupon(app.url, plug, 2);
    await crowd.claimUntilDecided(app.url, { couponName: plug, userId: 'ada', key: 'plug' });
    await service.query('update coupons set name = $2 where name = $1', [plug, `former ${plug}`]);
    return service;
  }

  /** Stops the service and the proxy. */
  async stop(): Promise<void> {
    this.crowd.close();
    await this.proxy.accept();
    await this.app.stop();
    await this.proxy.stop();
  }

  /** Claims of new coupons that are sent in this kind of batch once they are sent together. */
  async newClaims(kind: BatchKind, count = claimsTogether): Promise<Claims> {
    sales += 1;
    const names: string[] = [];
    for (const index of range(kind === 'claim_batch' ? 1 : count)) {
      const name = `sale ${sales} of ${kind} ${index}`;
      await this.crowd.createCoupon(this.app.url, name, amount);
      names.push(name);
    }
    return range(count).map((index) => {
      const couponName = names[index % names.length] as string;
      return { couponName, userId: `user-${index}`, key: `key-${index}` };
    });
  }

  /**
   * Sends the claims together, once for each service. The answer to a claim of the plug is held in the proxy, which
   * occupies the only connection, until all claims have arrived. `armed` is called just before it is released, with the
   * process id of the server's backend. No time limit of the database runs meanwhile, since the held claim is decided.
   */
  async sendTogether<Result>(
    claims: Claims,
    claim: (claim: Claims[number]) => Promise<Result>,
    armed: (backend: number) => void,
  ): Promise<Promise<Result>[]> {
    let isHeld = false;
    this.proxy.cutWhen = (piece) => {
      if (isHeld || !carriesClaims(piece, 'claim_batch')) return undefined;
      isHeld = true;
      return 'hold';
    };
    const isGivenUp = () => isHeld && this.proxy.held.length === 0;
    const [sent] = await this.query<{ at: string }>('select clock_timestamp()::text as at');
    const plugged = this.crowd.claim(this.app.url, { couponName: this.plug, userId: 'plug' });
    // Its answer is not awaited when the test misses its moment.
    plugged.catch(() => undefined);
    const backend = await waitFor('plug', async () => {
      const ports = this.proxy.held.map(({ clientPort }) => clientPort);
      const [row] = await this.query<{ pid: number }>(
        `select pid from pg_stat_activity where client_port = any($1)
         and query like '%claim_batch%' and query_start > $2::timestamptz and state = 'idle'`,
        [ports, sent?.at],
      );
      return row?.pid ?? (isGivenUp() ? 'given up' : undefined);
    });
    if (backend === 'given up') missed('the plug was not seen in the database');
    const pending = claims.map(claim);
    for (const one of pending) one.catch(() => undefined);
    await waitFor('claims that wait', async () => {
      return isGivenUp() || (await this.metric('firstcome_claims_waiting')) === claims.length + 1;
    });
    if (isGivenUp()) missed('the plug was given up before all claims had arrived');
    armed(backend);
    this.proxy.release();
    const { status, body } = await plugged;
    if (status !== 404) throw new Error(`the plug got ${JSON.stringify(body)}`);
    return pending;
  }

  /** Claims, and repeats the claim with the same key until it is decided. */
  readonly untilDecided = (claim: Claims[number]): Promise<History> =>
    this.crowd.claimUntilDecided(this.app.url, claim);

  /** Claims once. */
  readonly once = (claim: ClaimRequest): Promise<Answer> => this.crowd.claim(this.app.url, claim);

  /**
   * Sends the claims together and cuts their batch as `fate` says; `onVoid` says how each void mark is cut.
   */
  async loseAnswer<Result>(
    kind: BatchKind,
    fate: Cut | undefined | ((backend: number) => Cut | undefined),
    claim: (claim: Claims[number]) => Promise<Result>,
    onVoid: () => Cut | undefined = () => undefined,
    claims?: Claims,
  ): Promise<{ claims: Claims; pending: Promise<Result>[]; backend: number }> {
    const sent = claims ?? (await this.newClaims(kind));
    let lost = false;
    let backend = 0;
    const pending = await this.sendTogether(sent, claim, (pid) => {
      backend = pid;
      this.proxy.cutWhen = (piece) => {
        if (carries(piece, 'resolve-batch')) return onVoid();
        if (lost || !carriesClaims(piece, kind)) return undefined;
        lost = true;
        return typeof fate === 'function' ? fate(backend) : fate;
      };
    });
    let isAnswered = false;
    const onAnswer = () => {
      isAnswered = true;
    };
    Promise.race(pending).then(onAnswer, onAnswer);
    await waitFor('batch of the claims', () => lost || isAnswered);
    if (!lost) missed('the claims were answered before they were sent');
    return { claims: sent, pending, backend };
  }

  /** Waits until the service has `count` more batches in doubt than `before`. */
  async waitForLosses(count: number, before: number): Promise<void> {
    await waitFor('loss', async () => (await this.losses()) - before >= count);
  }

  /** How many batches were in doubt so far. */
  losses(): Promise<number> {
    return this.metric('firstcome_claim_batch_answers_lost_total');
  }

  /** Changes the coupons in the database directly. */
  async setCoupons(claims: Claims, set: string): Promise<void> {
    await this.query(`update coupons set ${set} where name = any($1)`, [couponNames(claims)]);
  }

  /** Begins a transaction that stays open until `end` rolls it back. */
  async beginManually(): Promise<ManualTransaction> {
    const client = new pg.Client({
      connectionString: this.databaseUrl,
      application_name: 'manual',
    });
    client.on('error', () => undefined);
    await client.connect();
    await client.query('begin');
    return {
      run: async (sql, values) => void (await client.query(sql, values)),
      end: () => client.end(),
    };
  }

  /**
   * Makes the claims wait in the database: a batch for the lock of its coupon; a multi-coupon batch, which waits for no
   * lock of a coupon, for a claim that another session has not committed, while it holds all its locks.
   */
  async block(kind: BatchKind, claims: Claims): Promise<ManualTransaction> {
    const holder = await this.beginManually();
    if (kind === 'claim_batch') await this.lockCoupons(holder, claims);
    else await this.insertUncommitted(holder, claims);
    return holder;
  }

  /** Locks the coupons' rows. */
  async lockCoupons(holder: ManualTransaction, claims: Claims): Promise<void> {
    await holder.run('select from coupons where name = any($1) for update', [couponNames(claims)]);
  }

  /** Inserts the last claim without a commit, so that the real one waits while it holds the locks of its coupons. */
  async insertUncommitted(holder: ManualTransaction, claims: Claims): Promise<void> {
    const last = claims.at(-1);
    await holder.run(
      `insert into claims (coupon_id, user_id, position, claim_id, claimed_at)
       select id, $2, 1000, gen_random_uuid(), now() from coupons where name = $1`,
      [last?.couponName, last?.userId],
    );
  }

  /** The service's sessions that wait for a lock. */
  blockedSessions(): Promise<{ pid: number; query: string }[]> {
    return this.query(
      `select pid, query from pg_stat_activity where datname = current_database()
       and wait_event_type = 'Lock' and application_name = 'firstcome'`,
    );
  }

  /** Waits until the claims wait in the database, and returns the id of the process that waits. */
  async waitUntilBlocked(kind: BatchKind): Promise<number> {
    const find = async () =>
      (await this.blockedSessions()).find(({ query }) => query.includes(kind))?.pid;
    // They wait only as long as the limits of the service allow.
    return waitFor('claims that wait in the database', find, { timeoutMs: 10_000 }).catch(() =>
      missed('the claims were not seen waiting in the database'),
    );
  }

  /** Waits until no statement of the service runs. */
  async waitUntilIdle(): Promise<void> {
    await waitFor('end of all statements', async () => {
      const busy = await this.query(
        `select from pg_stat_activity where datname = current_database()
         and application_name = 'firstcome' and state <> 'idle'`,
      );
      return busy.length === 0;
    });
  }

  /**
   * Describes every wrong answer, when no claim is under way. Each client repeats its claim: a holder gets the one claim
   * that is stored, with and without the key, and a refused client is decided again.
   */
  async wrongAnswers(claims: Claims, histories: readonly History[]): Promise<string[]> {
    await this.waitUntilIdle();
    const findings = await this.audit(claims, histories);
    const retried: History[] = [];
    for (const [index, claim] of claims.entries()) {
      const { answers } = histories[index] as History;
      const withKey = (await this.untilDecided(claim)).answers;
      const without = await waitFor('decision without a key', async () => {
        const answer = await this.once({ couponName: claim.couponName, userId: claim.userId });
        return answer.status === 503 ? undefined : answer;
      });
      const held = withKey.at(-1)?.body.claim_id;
      if (held === undefined || without.body.claim?.claim_id !== held) {
        findings.push(`${claim.userId} repeated the claim and got ${JSON.stringify(without.body)}`);
      }
      retried.push({ userId: claim.userId, answers: [...answers, ...withKey] });
    }
    findings.push(...(await this.audit(claims, retried)));
    return findings;
  }

  /** The users who hold a claim now. */
  async holders(claims: Claims): Promise<string[]> {
    const holders: string[] = [];
    for (const name of couponNames(claims)) {
      holders.push(...(await claimIdsByUser(this.query, name)).keys());
    }
    return holders.sort();
  }

  /** The number of void marks of these coupons. */
  async voidMarks(claims: Claims): Promise<number> {
    const rows = await this.query(
      `select from stock_ledger l join coupons c on c.id = l.coupon_id
       where c.name = any($1) and l.kind = 'void'`,
      [couponNames(claims)],
    );
    return rows.length;
  }

  /** The value of a metric; the series of one name are added. */
  async metric(name: string): Promise<number> {
    const { body } = await this.crowd.send(this.app.url, { path: '/metrics' });
    const values = String(body)
      .split('\n')
      .filter((line) => line.startsWith(`${name} `) || line.startsWith(`${name}{`))
      .map((line) => Number(line.slice(line.lastIndexOf(' '))));
    return values.reduce((sum, value) => sum + value, 0);
  }

  /** Describes every wrong answer so far. To be called when no claim is under way. */
  async audit(claims: Claims, histories: readonly History[]): Promise<string[]> {
    const findings: string[] = [];
    for (const name of couponNames(claims)) {
      const ofCoupon = histories.filter((_, index) => claims[index]?.couponName === name);
      findings.push(...(await auditHistories(this.query, name, ofCoupon)));
    }
    return findings;
  }
}

/** The coupons of the claims, each once. */
export function couponNames(claims: Claims): string[] {
  return [...new Set(claims.map(({ couponName }) => couponName))];
}

/** Histories of clients that sent their claim once. */
export function historiesOf(claims: Claims, answers: readonly Answer[]): History[] {
  return claims.map(({ userId }, index) => ({ userId, answers: [answers[index] as Answer] }));
}

/** The last answer of each history. */
export function lastAnswers(histories: readonly History[]): Answer[] {
  return histories.flatMap(({ answers }) => answers.slice(-1));
}
