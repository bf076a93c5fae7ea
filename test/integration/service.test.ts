// SPDX-License-Identifier: GPL-3.0-or-later
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { App } from '../../src/app.ts';
import { startService } from '../support/service.ts';
import { createTestDatabase, type TestDatabase } from '../support/test-database.ts';

describe('a service', () => {
  let database: TestDatabase;
  let app: App;
  beforeAll(async () => {
    database = await createTestDatabase();
    app = await startService({ DATABASE_URL: database.url });
  });
  afterAll(async () => {
    await app?.stop();
    await database?.drop();
  });

  it('a service is healthy when its database is', async () => {
    const answer = await fetch(`${app.url}/health`);
    expect(answer.status).toBe(200);
  });

  it('a service counts its calls by operation and status, claims separately, and no unknown path', async () => {
    const send = async (path: string, init?: RequestInit) =>
      (await fetch(app.url + path, init)).text();
    const post = (body: unknown) => ({ method: 'POST', body: JSON.stringify(body) });
    await send('/api/coupons', post({ name: 'COUNTED', amount: 1 }));
    await send('/api/coupons', post({ name: 'COUNTED', amount: 1 }));
    await send('/api/coupons/claim', post({ coupon_name: 'COUNTED', user_id: 'ada' }));
    await send('/api/coupons/COUNTED');
    await send('/api/coupons/NONE');
    await send('/wp-login.php');
    const counted = async () => {
      const lines = (await send('/metrics')).split('\n');
      const counts = lines.filter((line) =>
        line.startsWith('firstcome_http_request_seconds_count'),
      );
      return counts.filter((line) => !/"read(Health|Metrics)"/.test(line)).sort();
    };
    // A call is counted after its answer was sent, so the client may have it before.
    await expect
      .poll(counted, { timeout: 20_000 })
      .toEqual([
        'firstcome_http_request_seconds_count{operation="createCoupon",status="201"} 1',
        'firstcome_http_request_seconds_count{operation="createCoupon",status="409"} 1',
        'firstcome_http_request_seconds_count{operation="readCoupon",status="200"} 1',
        'firstcome_http_request_seconds_count{operation="readCoupon",status="404"} 1',
      ]);
    const claims = (await send('/metrics')).split('\n');
    expect(claims).toContain('firstcome_claims_total{outcome="claimed"} 1');
  });

  it('a service keeps its own session settings whatever DATABASE_URL sets', async () => {
    const url = new URL(database.url);
    url.searchParams.set(
      'options',
      '-c TimeZone=Asia/Kolkata -c default_transaction_read_only=off',
    );
    const other = await startService({ DATABASE_URL: url.href });
    try {
      const send = async (path: string, body: unknown) => {
        const answer = await fetch(other.url + path, {
          method: 'POST',
          body: JSON.stringify(body),
        });
        return (await answer.json()) as { claimed_at: string };
      };
      await send('/api/coupons', { name: 'ZONE', amount: 1 });
      const claim = await send('/api/coupons/claim', { coupon_name: 'ZONE', user_id: 'ada' });
      expect(claim.claimed_at).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/);
    } finally {
      await other.stop();
    }
  });
});
