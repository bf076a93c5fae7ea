// SPDX-License-Identifier: GPL-3.0-or-later
/** Keys of user tokens at a URL. The times of their requests are tested with a clock of their own. */
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bearers, claimKey } from '../support/access-keys.ts';
import { expectProblem } from '../support/contract-problems.ts';
import { ContractService, newName } from '../support/contract-service.ts';
import { createTestDatabase } from '../support/test-database.ts';
import { accepted, newSigningKey, signToken, toKeySet } from '../support/user-tokens.ts';

const key = newSigningKey('ES256', 'es-1');
let status = 200;
let requests = 0;
const server = http.createServer((_request, response) => {
  requests += 1;
  response.writeHead(status).end(toKeySet([key]));
});
let url: string;

beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/keys`;
});
afterAll(() => void server.close());

/** Starts a service whose keys are at the URL. */
async function withService(run: (service: ContractService) => Promise<void>): Promise<void> {
  const service = new ContractService();
  service.database = await createTestDatabase();
  try {
    await service.start({ USER_TOKEN_JWKS: url, ...accepted, CLAIM_API_KEY: claimKey });
    await run(service);
  } finally {
    await service.stop();
    await service.database.drop();
  }
}

const claimWith = (service: ContractService, coupon: string, token: string) =>
  service.client.post(
    '/api/coupons/claim',
    { coupon_name: coupon },
    { Authorization: `Bearer ${token}` },
  );

describe('a service whose keys are at a URL', () => {
  it('fetches them at its start, and not for every token', async () => {
    status = 200;
    requests = 0;
    await withService(async (service) => {
      const coupon = await service.createCoupon();
      for (let count = 0; count < 3; count += 1) {
        const token = await signToken(key, { sub: newName('user') });
        const answer = await claimWith(service, coupon, token);
        expect(answer.status, answer.text).toBe(200);
      }
      const unknown = await signToken({ ...key, id: 'unknown' });
      const refused = await claimWith(service, coupon, unknown);
      expectProblem(refused, 'unauthorized', 'Bearer error="invalid_token"');
      expect(requests).toBe(1);
      const { text } = await service.client.get('/metrics');
      expect(text).toContain('firstcome_user_token_key_fetches_total{result="fetched"} 1');
      expect(text).toContain('firstcome_user_token_keys_failing 0');
    });
  });

  it('starts without them, and then serves callers with keys, but no users', async () => {
    status = 500;
    await withService(async (service) => {
      const coupon = await service.createCoupon();
      expectProblem(await claimWith(service, coupon, await signToken(key)), 'unavailable');
      const body = { coupon_name: coupon, user_id: 'ada' };
      const answer = await service.client.post('/api/coupons/claim', body, bearers.claim);
      expect(answer.status, answer.text).toBe(200);
    });
  });
});
