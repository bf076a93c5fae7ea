// SPDX-License-Identifier: GPL-3.0-or-later
/** The examples that claim through the client, against a service. */
import { randomUUID } from 'node:crypto';
import { connect } from 'amqplib';
import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { hasChromium, startChromium } from '../support/chromium-program.ts';
import { startExampleProgram } from '../support/example-program.ts';
import { freePort } from '../support/free-port.ts';
import { hasRabbitMq, type RabbitMqServer, startRabbitMq } from '../support/rabbitmq-server.ts';
import {
  endServiceProcesses,
  patience,
  type ServiceProcess,
  startServiceProcess,
} from '../support/service-process.ts';
import { createTemporaryFolder, removeTemporaryFolder } from '../support/temporary-folder.ts';
import { waitFor } from '../support/wait-for.ts';

const keys = { ADMIN_API_KEY: 'a'.repeat(32), CLAIM_API_KEY: 'c'.repeat(32) };

let folder: string;
let service: ServiceProcess;
let pagePort: number;
let pageOrigin: string;
let pageCoupon: string;

beforeAll(async () => {
  folder = await createTemporaryFolder('client-examples');
  pagePort = await freePort();
  pageOrigin = `http://127.0.0.1:${pagePort}`;
  pageCoupon = `PAGE-${randomUUID()}`;
  const servicePort = String(await freePort());
  // First, since the service fetches the keys of tokens from it.
  await startExampleProgram('client-page/server.mjs', {
    ready: /the page is on/,
    env: {
      ...{ PORT: String(pagePort), COUPON: pageCoupon },
      SERVICE_URL: `http://127.0.0.1:${servicePort}`,
    },
  });
  service = await startServiceProcess({
    ...{ PORT: servicePort, ...patience, ...keys, DATA_DIR: folder, CORS_ORIGINS: pageOrigin },
    // What the head of examples/client-page/server.mjs asks for.
    ...{ USER_TOKEN_JWKS: `${pageOrigin}/jwks.json`, USER_TOKEN_ISSUER: pageOrigin },
    USER_TOKEN_AUDIENCE: 'firstcome',
  });
});

afterAll(async () => {
  await endServiceProcesses();
  await removeTemporaryFolder(folder);
});

async function createCoupon(amount: number, name = `COUPON-${randomUUID()}`): Promise<string> {
  const { status } = await fetch(`${service.url}/api/coupons`, {
    ...{ method: 'POST', body: JSON.stringify({ name, amount }) },
    headers: { Authorization: `Bearer ${keys.ADMIN_API_KEY}` },
  });
  expect(status).toBe(201);
  return name;
}

/** The users who hold a unit of a coupon, in order. */
async function holdersOf(coupon: string): Promise<string[]> {
  const response = await fetch(`${service.url}/api/coupons/${coupon}`, {
    headers: { Authorization: `Bearer ${keys.ADMIN_API_KEY}` },
  });
  const { claimed_by } = (await response.json()) as { claimed_by: string[] };
  return claimed_by;
}

type GatewayBody = { error?: string; claim_id: string; user_id: string; position: number };

describe('the example of a gateway', () => {
  /** Starts a gateway in front of this address, and returns what claims through it. */
  async function startGateway(url: string) {
    const program = await startExampleProgram('client-gateway/gateway.mjs', {
      ...{ ready: /listens on http/, env: { SERVICE_URL: url, ...keys } },
    });
    const [address = ''] = /http:\S+/.exec(program.output()) ?? [];
    const claim = async (coupon: string, user: string | undefined, key?: string) => {
      const response = await fetch(`${address}/coupons/${coupon}/claim`, {
        method: 'POST',
        headers: {
          ...(user !== undefined && { 'x-user': user }),
          ...(key !== undefined && { 'Idempotency-Key': key }),
        },
      });
      return {
        status: response.status,
        headers: response.headers,
        body: (await response.json()) as GatewayBody,
      };
    };
    return { program, claim };
  }

  it('sells each unit once to a crowd, in calls with many claims, and repeats what was claimed', async () => {
    const { claim } = await startGateway(service.url);
    const coupon = await createCoupon(50);
    const users = Array.from({ length: 200 }, (_, n) => `user-${n}`);
    const answers = await Promise.all(users.map((user) => claim(coupon, user, `key-of-${user}`)));
    const won = answers.filter(({ status }) => status === 200);
    expect(won).toHaveLength(50);
    expect(new Set(won.map(({ body }) => body.position)).size).toBe(50);
    for (const { status, body } of answers.filter((answer) => !won.includes(answer))) {
      expect([status, body.error]).toEqual([400, 'sold_out']);
    }
    const [{ user_id: user, claim_id } = { user_id: '', claim_id: '' }] = won.map(
      ({ body }) => body,
    );
    expect((await claim(coupon, user, `key-of-${user}`)).body.claim_id).toBe(claim_id);
    expect((await claim(coupon, user)).body.error).toBe('already_claimed');
    const metrics = await fetch(`${service.url}/metrics`, {
      headers: { Authorization: `Bearer ${keys.ADMIN_API_KEY}` },
    });
    expect(await metrics.text()).toMatch(/operation="claimBatch"/);
  });

  it('refuses a claim without a user', async () => {
    const { claim } = await startGateway(service.url);
    expect(await claim('COUPON', undefined)).toMatchObject({ status: 401 });
  });

  it('asks its callers to come back where the service cannot be reached', async () => {
    const { claim } = await startGateway(`http://127.0.0.1:${await freePort()}`);
    const { status, headers, body } = await claim('COUPON', 'ada');
    expect([status, body.error]).toEqual([503, 'unavailable']);
    expect(headers.get('retry-after')).toBe('1');
  });

  it('answers what it has before it ends', async () => {
    const { claim, program } = await startGateway(service.url);
    const coupon = await createCoupon(1);
    expect((await claim(coupon, 'ada')).status).toBe(200);
    program.signal('SIGTERM');
    expect(await program.ended()).toMatchObject({ code: 0 });
  });
});

describe.skipIf(!(await hasRabbitMq()))('the example of a consumer', () => {
  let rabbitMq: RabbitMqServer;
  beforeAll(async () => {
    rabbitMq = await startRabbitMq();
  });
  afterAll(() => rabbitMq.remove());

  it('claims once for each message, also when it is killed and messages come again', async () => {
    const env = { ...keys, SERVICE_URL: service.url, AMQP_URL: await rabbitMq.createVirtualHost() };
    const start = () =>
      startExampleProgram('client-consumer/consumer.mjs', { ready: /takes claims/, env });
    const coupon = await createCoupon(1_000);
    const connection = await connect(env.AMQP_URL);
    const channel = await connection.createConfirmChannel();
    await channel.assertQueue('claims', { durable: true });
    await channel.assertQueue('claim-results', { durable: true });
    const claimOf = (n: number) => ({ coupon_name: coupon, user_id: `user-${n}` });
    for (let n = 0; n < 500; n += 1) {
      const options = { persistent: true, messageId: `message-${n}` };
      channel.sendToQueue('claims', Buffer.from(JSON.stringify(claimOf(n))), options);
    }
    channel.sendToQueue('claims', Buffer.from('no claim'), { messageId: 'none' });
    await channel.waitForConfirms();

    // By message: the ids of its claims in all of its results.
    const results = new Map<string, Set<string>>();
    await channel.consume('claim-results', (message) => {
      if (message === null) return;
      const { outcome, claim } = JSON.parse(message.content.toString());
      const id = message.properties.correlationId;
      results.set(id, (results.get(id) ?? new Set()).add(claim?.claim_id ?? outcome));
      channel.ack(message);
    });
    const first = await start();
    await waitFor('first results', () => results.size > 0);
    await first.killGroup();
    const second = await start();
    await waitFor('result of each message', () => results.size >= 500);
    await waitFor('an empty queue', async () => {
      const { messageCount } = await channel.checkQueue('claims');
      return messageCount === 0;
    });
    second.signal('SIGTERM');
    expect(await second.ended()).toMatchObject({ code: 0 });
    await connection.close();

    expect([...results.keys()]).not.toContain('none');
    for (const ids of results.values())
      expect([...ids]).toEqual([expect.stringMatching(/^[0-9a-f-]{36}$/)]);
    expect(new Set(await holdersOf(coupon)).size).toBe(500);
  });
});

describe.skipIf(!(await hasChromium()))('the example of a page', () => {
  let browser: Browser;
  beforeAll(async () => {
    browser = await startChromium();
  });
  afterAll(() => browser.close());

  const violations: string[] = [];
  afterEach(() => {
    expect(violations.splice(0)).toEqual([]);
  });

  /** Opens the page in the browser of a new user. */
  async function openPage(): Promise<Page> {
    const context = await browser.newContext();
    const page = await context.newPage();
    // Others are the statuses of responses.
    page.on('console', (message) => {
      if (/policy/i.test(message.text())) violations.push(message.text());
    });
    page.on('pageerror', (error) => violations.push(String(error)));
    await page.goto(pageOrigin);
    await page.getByText(pageCoupon).waitFor();
    return page;
  }

  /** The paths that a page requests from now on. */
  function pathsOf(page: Page): string[] {
    const paths: string[] = [];
    page.on('request', (request) => paths.push(new URL(request.url()).pathname));
    return paths;
  }

  it('claims across origins under a strict policy, and keeps the claim after a reload', async () => {
    const coupon = await createCoupon(1, pageCoupon);
    const page = await openPage();
    const loaded = pathsOf(page);
    const claim = async (shown: Page) => {
      await shown.getByRole('button').click();
      const result = shown.getByRole('status');
      await result.filter({ hasNotText: /^One moment|^$/ }).waitFor();
      return result.textContent();
    };
    expect(await claim(page)).toBe('It is yours: number 1.');
    await page.reload();
    expect(await claim(page)).toBe('It is yours: number 1.');
    expect(loaded).toContain('/client.js');
    expect(loaded.filter((path) => path.includes('batches'))).toEqual([]);
    const held = await holdersOf(coupon);
    expect(held).toHaveLength(1);

    const other = await openPage();
    expect(await claim(other)).toBe('Sold out.');
  });

  it('loads the part that coalesces only when it is asked for', async () => {
    const coupon = await createCoupon(100);
    const page = await openPage();
    const loaded = pathsOf(page);
    const options = { url: service.url, key: keys.CLAIM_API_KEY, coalesce: true };
    // As text: functions of a test hold what the test runner makes of `import`.
    const outcomes = await page.evaluate(`(async () => {
      const { FirstcomeClient } = await import('/client.js');
      const client = new FirstcomeClient(${JSON.stringify(options)});
      const users = Array.from({ length: 50 }, (_, n) => 'user-' + n);
      const results = await Promise.all(
        users.map((user_id) => client.claim({ coupon_name: '${coupon}', user_id })),
      );
      return results.map(({ outcome }) => outcome);
    })()`);
    expect(loaded).toContain('/api/claims/batch');
    expect(outcomes).toEqual(Array(50).fill('claimed'));
  });
});
