// SPDX-License-Identifier: GPL-3.0-or-later
/** A sale whose claims travel in a chosen way and are lost on the way, and what must be true of it afterwards. */
import pg from 'pg';
import type { App } from '../../src/app.ts';
import { auditHistories, claimIdsByUser, type Query } from './audit.ts';
import { type Answer, type ClaimAsk, Crowd, type History, range } from './crowd.ts';
import { type Cut, FaultProxy } from './fault-proxy.ts';
import { startService } from './service.ts';
import { missed, waitFor } from './wait-for.ts';

/** How claims travel: those of one coupon in a batch, lone ones of several coupons in a bundle. */
export const ways = ['claim_batch', 'claim_bundle'] as const;

/** One of the two. */
export type Way = (typeof ways)[number];

/** Claims that are on their way together, each of a user of his own. */
export type Asks = readonly (ClaimAsk & { key: string })[];

/** A transaction of somebody at a terminal. */
export type ByHand = {
  run(sql: string, values?: unknown[]): Promise<void>;
  /** Takes back what was not committed. */
  end(): Promise<void>;
};

const claimsTogether = 3;
const amount = 10;

/** Names differ also between the services that one file starts. */
let sales = 0;
let plugs = 0;

/** Whether a piece of a connection carries the statement of this name. */
export const carries = (piece: Buffer, statementName: string) => piece.includes(statementName);

/** Whether a piece is the one that claims of this way travel in. */
export const carriesClaims = (piece: Buffer, way: Way) => carries(piece, way.replace('_', '-'));

/** A service with one connection for claims, behind a proxy that loses what a test wants to be lost. */
export class Limbo {
  readonly proxy: FaultProxy;
  readonly app: App;
  readonly crowd = new Crowd();
  readonly query: Query;
  /** What is done while the connection is held up, before the claims are sent. */
  whileHeld: () => Promise<void> = async () => undefined;
  private readonly databaseUrl: string;
  /** A coupon of which nothing is sold, so that a claim of it takes a connection and nothing else. */
  private readonly plug: string;

  private constructor(databaseUrl: string, query: Query, proxy: FaultProxy, app: App) {
    this.databaseUrl = databaseUrl;
    this.query = query;
    this.proxy = proxy;
    this.app = app;
    plugs += 1;
    this.plug = `plug ${plugs}`;
  }

  /** Starts both. */
  static async start(
    database: { url: string; query: Query },
    env: Record<string, string> = {},
  ): Promise<Limbo> {
    const proxy = await FaultProxy.before(database.url);
    const app = await startService({
      DATABASE_URL: proxy.urlOf(database.url),
      // While it is taken, claims gather and then travel together.
      DATABASE_CLAIM_CONNECTIONS: '1',
      DATABASE_QUERY_CONNECTIONS: '3',
      DATABASE_STATEMENT_TIMEOUT_MS: '1000',
      CLAIM_TIMEOUT_MS: '8000',
      ...env,
    });
    const limbo = new Limbo(database.url, database.query, proxy, app);
    await limbo.crowd.createCoupon(app.url, limbo.plug, 1);
    await limbo.query('update coupons set paused = true where name = $1', [limbo.plug]);
    return limbo;
  }

  /** Ends both. */
  async stop(): Promise<void> {
    this.crowd.leave();
    await this.proxy.accept();
    await this.app.stop();
    await this.proxy.stop();
  }

  /** Claims of new coupons that will travel this way once they are sent together. */
  async newAsks(way: Way, claims = claimsTogether): Promise<Asks> {
    sales += 1;
    const names: string[] = [];
    for (const index of range(way === 'claim_batch' ? 1 : claims)) {
      const name = `sale ${sales} of ${way} ${index}`;
      await this.crowd.createCoupon(this.app.url, name, amount);
      names.push(name);
    }
    return range(claims).map((index) => {
      const couponName = names[index % names.length] as string;
      return { couponName, userId: `user-${index}`, key: `key-${index}` };
    });
  }

  /**
   * Sends the claims together. The only connection is held up by a claim of another coupon until all have arrived;
   * `armed` is called just before it goes on, with the process of the server that it leads to. No limit of the database
   * runs meanwhile, since that claim is decided and only its answer is held.
   */
  async sendTogether<Told>(
    asks: Asks,
    ask: (ask: Asks[number]) => Promise<Told>,
    armed: (backend: number) => void,
  ): Promise<Promise<Told>[]> {
    let isHeld = false;
    this.proxy.cutWhen = (piece) => {
      if (isHeld || !carriesClaims(piece, 'claim_batch')) return undefined;
      isHeld = true;
      return 'hold';
    };
    const isGivenUp = () => isHeld && this.proxy.held.length === 0;
    const plugged = this.crowd.claim(this.app.url, { couponName: this.plug, userId: 'plug' });
    // Where a moment was missed nobody waits for what is told any more.
    plugged.catch(() => undefined);
    const backend = await waitFor('plug', async () => {
      const ports = this.proxy.held.map(({ clientPort }) => clientPort);
      const [row] = await this.query<{ pid: number }>(
        `select pid from pg_stat_activity where client_port = any($1)
         and query like '%claim_batch%' and state = 'idle'`,
        [ports],
      );
      return row?.pid ?? (isGivenUp() ? 'given up' : undefined);
    });
    if (backend === 'given up') missed('nobody saw the plug');
    await this.whileHeld();
    const told = asks.map(ask);
    for (const one of told) one.catch(() => undefined);
    await waitFor('claims that gather', async () => {
      return isGivenUp() || (await this.metric('firstcome_claims_waiting')) === asks.length + 1;
    });
    if (isGivenUp()) missed('the plug was given up before all claims had arrived');
    armed(backend);
    this.proxy.release();
    const { status, body } = await plugged;
    if (status !== 409) throw new Error(`the plug was told ${JSON.stringify(body)}`);
    return told;
  }

  /** Claims, and asks again with the same key for as long as it is not decided. */
  readonly untilDecided = (ask: Asks[number]): Promise<History> =>
    this.crowd.claimUntilDecided(this.app.url, ask);

  /** Claims once. */
  readonly once = (ask: ClaimAsk): Promise<Answer> => this.crowd.claim(this.app.url, ask);

  /**
   * Sends the claims together. What becomes of the piece that they travel in is told by `fate`, and what becomes of
   * each attempt to settle them by `onVoid`.
   */
  async lose<Told>(
    way: Way,
    fate: Cut | undefined | ((backend: number) => Cut | undefined),
    ask: (ask: Asks[number]) => Promise<Told>,
    onVoid: () => Cut | undefined = () => undefined,
    asks?: Asks,
  ): Promise<{ asks: Asks; told: Promise<Told>[]; backend: number }> {
    const sent = asks ?? (await this.newAsks(way));
    let lost = false;
    let backend = 0;
    const told = await this.sendTogether(sent, ask, (pid) => {
      backend = pid;
      this.proxy.cutWhen = (piece) => {
        if (carries(piece, 'void-batch')) return onVoid();
        if (lost || !carriesClaims(piece, way)) return undefined;
        lost = true;
        return typeof fate === 'function' ? fate(backend) : fate;
      };
    });
    let isTold = false;
    const onTold = () => {
      isTold = true;
    };
    Promise.race(told).then(onTold, onTold);
    await waitFor('claims on their way', () => lost || isTold);
    if (!lost) missed('the claims were answered before they were sent');
    return { asks: sent, told, backend };
  }

  /** Waits until the service knows that the answers of so many batches were lost, since `before`. */
  async waitForLosses(count: number, before: number): Promise<void> {
    await waitFor('loss', async () => (await this.losses()) - before >= count);
  }

  /** How many batches' answers were lost. */
  losses(): Promise<number> {
    return this.metric('firstcome_claim_batch_answers_lost_total');
  }

  /** Changes the coupons as somebody at a terminal would. */
  async setCoupons(asks: Asks, set: string): Promise<void> {
    await this.query(`update coupons set ${set} where name = any($1)`, [couponNames(asks)]);
  }

  /** A transaction that is open until it ends, which takes back what it did. */
  async byHand(): Promise<ByHand> {
    const client = new pg.Client({
      connectionString: this.databaseUrl,
      application_name: 'by hand',
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
   * Makes the claims wait in the database, once they are there: a batch for the lock of its coupon, and a bundle, which
   * waits for no lock of a coupon, with all its locks in hand for a claim that another session has not committed.
   */
  async holdUp(way: Way, asks: Asks): Promise<ByHand> {
    const holder = await this.byHand();
    if (way === 'claim_batch') await this.lockCoupons(holder, asks);
    else await this.occupy(holder, asks);
    return holder;
  }

  /** Locks the coupons' rows. */
  async lockCoupons(holder: ByHand, asks: Asks): Promise<void> {
    await holder.run('select from coupons where name = any($1) for update', [couponNames(asks)]);
  }

  /** Inserts the last claim without a commit, so that the real one waits with the locks of its coupons in hand. */
  async occupy(holder: ByHand, asks: Asks): Promise<void> {
    const last = asks.at(-1);
    await holder.run(
      `insert into claims (coupon_id, user_id, position, claim_id, claimed_at)
       select id, $2, 1000, gen_random_uuid(), now() from coupons where name = $1`,
      [last?.couponName, last?.userId],
    );
  }

  /** The service's sessions that wait for a lock. */
  waiters(): Promise<{ pid: number; query: string }[]> {
    return this.query(
      `select pid, query from pg_stat_activity where datname = current_database()
       and wait_event_type = 'Lock' and application_name = 'firstcome'`,
    );
  }

  /** Waits until the claims wait in the database, and returns the process that does. */
  async waitUntilHeldUp(way: Way): Promise<number> {
    const look = async () => (await this.waiters()).find(({ query }) => query.includes(way))?.pid;
    // They wait no longer than the limits of the service let them.
    return waitFor('claims that wait in the database', look, { timeoutMs: 10_000 }).catch(() =>
      missed('nobody saw the claims wait in the database'),
    );
  }

  /** Waits until no statement of the service is at work. */
  async waitForRest(): Promise<void> {
    await waitFor('end of all statements', async () => {
      const busy = await this.query(
        `select from pg_stat_activity where datname = current_database()
         and application_name = 'firstcome' and state <> 'idle'`,
      );
      return busy.length === 0;
    });
  }

  /**
   * Everything that was told wrongly, in words, when all is over. Everybody asks again: a holder hears of the one claim
   * that he holds, with his key and without, and who was refused is decided anew.
   */
  async lies(asks: Asks, histories: readonly History[]): Promise<string[]> {
    await this.waitForRest();
    const findings = await this.audit(asks, histories);
    const retried: History[] = [];
    for (const [index, ask] of asks.entries()) {
      const { answers } = histories[index] as History;
      const withKey = (await this.untilDecided(ask)).answers;
      const without = await waitFor('decision without a key', async () => {
        const answer = await this.once({ couponName: ask.couponName, userId: ask.userId });
        return answer.status === 503 ? undefined : answer;
      });
      const held = withKey.at(-1)?.body.claim_id;
      if (held === undefined || without.body.claim?.claim_id !== held) {
        findings.push(`${ask.userId} asked again and heard ${JSON.stringify(without.body)}`);
      }
      retried.push({ userId: ask.userId, answers: [...answers, ...withKey] });
    }
    findings.push(...(await this.audit(asks, retried)));
    return findings;
  }

  /** Who holds a claim now. */
  async holders(asks: Asks): Promise<string[]> {
    const holders: string[] = [];
    for (const name of couponNames(asks)) {
      holders.push(...(await claimIdsByUser(this.query, name)).keys());
    }
    return holders.sort();
  }

  /** How many batches of these coupons were marked void. */
  async marks(asks: Asks): Promise<number> {
    const rows = await this.query(
      `select from stock_ledger l join coupons c on c.id = l.coupon_id
       where c.name = any($1) and l.kind = 'void'`,
      [couponNames(asks)],
    );
    return rows.length;
  }

  /** The value of a metric; several of a name are added. */
  async metric(name: string): Promise<number> {
    const { body } = await this.crowd.ask(this.app.url, { path: '/metrics' });
    const values = String(body)
      .split('\n')
      .filter((line) => line.startsWith(`${name} `) || line.startsWith(`${name}{`))
      .map((line) => Number(line.slice(line.lastIndexOf(' '))));
    return values.reduce((sum, value) => sum + value, 0);
  }

  /** Everything that was told wrongly so far, in words. To be called when nothing is under way. */
  async audit(asks: Asks, histories: readonly History[]): Promise<string[]> {
    const findings: string[] = [];
    for (const name of couponNames(asks)) {
      const told = histories.filter((_, index) => asks[index]?.couponName === name);
      findings.push(...(await auditHistories(this.query, name, told)));
    }
    return findings;
  }
}

/** The coupons of the claims, each once. */
export function couponNames(asks: Asks): string[] {
  return [...new Set(asks.map(({ couponName }) => couponName))];
}

/** Histories of clients that asked once. */
export function historiesOf(asks: Asks, answers: readonly Answer[]): History[] {
  return asks.map(({ userId }, index) => ({ userId, answers: [answers[index] as Answer] }));
}

/** What each was told last. */
export function lastOf(histories: readonly History[]): Answer[] {
  return histories.flatMap(({ answers }) => answers.slice(-1));
}
