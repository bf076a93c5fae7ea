// SPDX-License-Identifier: GPL-3.0-or-later
/** A small sale on a service process, for tests of commands that work on its database. */
import pg from 'pg';
import { startBundledPostgres } from '../../src/adapters/bundled-postgres/bundled-postgres.ts';
import { auditRecords } from './audit.ts';
import { Crowd, range } from './crowd.ts';
import { plantHolds } from './planted-holds.ts';
import { killFamily } from './process-family.ts';
import { patience, startServiceProcess } from './service-process.ts';

/** How the service of a sale ends: stopped in order, or killed with its database server. */
export type SaleEnd = 'stopped' | 'killed';

/** Serves a coupon of 30 units and claims 20 of them. Returns the claims as users saw them. */
export async function runSale(
  env: Record<string, string>,
  { coupon, end }: { coupon: string; end: SaleEnd },
): Promise<string[]> {
  const service = await startServiceProcess({ ...patience, ...env });
  const crowd = new Crowd();
  await crowd.createCoupon(service.url, coupon, 30);
  const answers = await Promise.all(
    range(20).map((n) => crowd.claim(service.url, { couponName: coupon, userId: `user-${n}` })),
  );
  crowd.close();
  if (end === 'killed') killFamily(service.pid);
  else service.signal('SIGTERM');
  await service.ended();
  return answers
    .map(({ status, body }) => `${status} ${body.claim_id} ${body.user_id} ${body.position}`)
    .sort();
}

/** The stored claims of a coupon, in the form of `runSale`, and what the consistency rules find. */
export async function readSale(
  url: string,
  coupon: string,
): Promise<{ claims: string[]; findings: string[] }> {
  return await withDatabase(url, async (client) => {
    const { rows } = await client.query<{ line: string }>(
      `select concat_ws(' ', 200, k.claim_id, k.user_id, k.position) as line
       from claims k join coupons c on c.id = k.coupon_id where c.name = $1`,
      [coupon],
    );
    const findings = await auditRecords(
      async (sql, values) => (await client.query(sql, values)).rows,
    );
    return { claims: rows.map(({ line }) => line).sort(), findings };
  });
}

/** Stores a coupon whose claims have every state and every kind of end. */
export function plantHeldCoupon(url: string, coupon: string): Promise<void> {
  return withDatabase(url, (client) =>
    plantHolds(async (sql, values) => (await client.query(sql, values)).rows, coupon),
  );
}

/** Runs statements on the tables of the service at a URL. */
export async function withDatabase<Result>(
  url: string,
  work: (client: pg.Client) => Promise<Result>,
): Promise<Result> {
  const client = new pg.Client({ connectionString: url, options: '-c search_path=firstcome' });
  client.on('error', () => undefined);
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

/** Runs work on the bundled database in a folder, without a service. */
export async function withBundled<Result>(
  dataDir: string,
  work: (url: string) => Promise<Result>,
): Promise<Result> {
  const server = await startBundledPostgres({
    dataDir,
    say: () => undefined,
    log: () => undefined,
  });
  try {
    return await work(server.url);
  } finally {
    await server.stop();
  }
}
