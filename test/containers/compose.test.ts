// SPDX-License-Identifier: GPL-3.0-or-later
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { waitFor } from '../support/wait-for.ts';
import { ComposeRun } from './engine.ts';

const deploy = join(import.meta.dirname, '../../deploy');
const ports = { service: 8080, balancer: 8080, prometheus: 9090, grafana: 3000 };
// Names, scrapes and checks come every few seconds, on a machine that has just started all of it.
const patience = { timeoutMs: 120_000, everyMs: 200 };

type Json = Record<string, unknown>;

async function send(url: string, body?: Json, headers: Record<string, string> = {}) {
  const answer = await fetch(url, {
    headers,
    ...(body !== undefined && { method: 'POST', body: JSON.stringify(body) }),
  });
  return { status: answer.status, body: (await answer.json()) as Json };
}

const claimOf = (user: string) => ({ user_id: user, coupon_name: 'LAUNCH' });

/** What a Prometheus answers to a query: the value of each series. */
async function valuesOf(url: string, query: string): Promise<number[]> {
  const { body } = await send(`${url}/api/v1/query?query=${encodeURIComponent(query)}`);
  const { result } = body.data as { result: { value: [number, string] }[] };
  return result.map(({ value }) => Number(value[1]));
}

describe.skipIf(inject('missingEngine') !== undefined)('compose.yaml', () => {
  let compose: ComposeRun;

  beforeAll(async () => {
    const env = { REDIS_URL_FILE: '/run/redis/redis-url' };
    compose = await ComposeRun.of(['compose.yaml'], ports, env);
  });
  afterAll(async () => compose.remove());

  it('starts a service that takes claims, on a database that no other process reaches', async () => {
    await compose.build();
    await compose.up('service');
    const service = await compose.url('service', 8080);
    expect(service).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
    expect((await send(`${service}/health`)).body).toMatchObject({
      ...{ status: 'healthy', database: 'external', durability: 'local', anonymous_admin: true },
    });
    await send(`${service}/api/coupons`, { name: 'LAUNCH', amount: 3 });
    expect((await send(`${service}/api/coupons/claim`, claimOf('ada'))).body).toMatchObject({
      position: 1,
    });
    const { NetworkSettings } = await compose.inspect('postgres');
    expect(NetworkSettings.Ports['5432/tcp'] ?? []).toEqual([]);
  });

  it('runs as an ordinary user, with nothing to write to', async () => {
    const { Config, HostConfig } = await compose.inspect('service');
    expect(Config.User).toBe('node');
    expect(HostConfig).toMatchObject({ ReadonlyRootfs: true, CapDrop: ['ALL'] });
    const output = await compose.compose(
      'exec',
      '-T',
      'service',
      'sh',
      '-c',
      'id -u; touch /x || echo no',
    );
    expect(output).toBe('1000\nno\n');
  });

  it('passes a drill from inside, whose audit reads the database', async () => {
    const output = await compose.compose(
      ...['exec', '-T', 'service', '/app/dist/main.js', 'drill', 'flash-sale'],
      ...['--users', '500', '--seconds', '3', '--history', '/tmp/drill.jsonl'],
    );
    expect(output).toContain('verdict: passed');
  });

  it('has the claims, and the password for them, when it was taken down and comes up again', async () => {
    await compose.compose('down');
    await compose.up('service');
    const service = await compose.url('service', 8080);
    expect((await send(`${service}/api/coupons/claim`, claimOf('ada'))).body).toMatchObject({
      code: 'already_claimed',
      claim: { position: 1 },
    });
  });

  it('runs three nodes behind a balancer, and goes on when one leaves', async () => {
    await compose.up('balancer');
    const balancer = await compose.url('balancer', 8080);
    const statuses = async () => {
      const answers = Array.from({ length: 12 }, () => send(`${balancer}/api/coupons/LAUNCH`));
      return new Set((await Promise.all(answers)).map(({ status }) => status));
    };
    expect(await statuses()).toEqual(new Set([200]));
    const stopped = compose.compose('stop', 'service-2');
    let ended = false;
    const sending = async () => {
      while (!ended) expect(await statuses()).toEqual(new Set([200]));
    };
    const stopping = stopped.finally(() => {
      ended = true;
    });
    await Promise.all([stopping, sending()]);
    expect(await statuses()).toEqual(new Set([200]));
    await compose.up('service-2');
  });

  it('has a Redis that requires its password, to which every node is connected', async () => {
    await compose.up('redis');
    const ask = (...words: string[]) =>
      compose.compose('exec', '-T', 'redis', 'sh', '-c', words.join(' '));
    expect(await ask('redis-cli ping')).toContain('NOAUTH');
    const password = '$(cut -d " " -f 2 /run/redis/redis.conf)';
    const areConnected = async () => {
      const clients = await ask(`REDISCLI_AUTH=${password} redis-cli client list`);
      const addresses = [...clients.matchAll(/ addr=([\d.]+):/g)].map(([, address]) => address);
      return new Set(addresses.filter((address) => address !== '127.0.0.1')).size === 3;
    };
    await waitFor('three nodes at Redis', areConnected, patience);
  });

  it('has a Prometheus that finds every node and knows the alerts', async () => {
    await compose.up('prometheus');
    const prometheus = await compose.url('prometheus', 9090);
    const areScraped = async () => {
      const ups = await valuesOf(prometheus, 'up{job="firstcome"}');
      return ups.length === 3 && ups.every((up) => up === 1);
    };
    await waitFor('three nodes that are scraped', areScraped, patience);
    const agrees = async () => {
      const [units] = await valuesOf(prometheus, 'max(firstcome_stock_difference_units)');
      return units === 0;
    };
    await waitFor('a check that found no difference', agrees, patience);
    const { groups } = (await send(`${prometheus}/api/v1/rules`)).body.data as {
      groups: { rules: { name: string; type: string }[] }[];
    };
    const shipped = readFileSync(join(deploy, 'prometheus/alerts.yml'), 'utf8').match(
      /- alert: \w+/g,
    );
    const alerts = groups.flatMap(({ rules }) => rules.filter(({ type }) => type === 'alerting'));
    expect(alerts.map(({ name }) => `- alert: ${name}`).sort()).toEqual(shipped?.sort());
  });

  it('has a Grafana with the dashboards in place, which queries that Prometheus', async () => {
    await compose.up('grafana');
    const grafana = await compose.url('grafana', 3000);
    const find = async () =>
      (await send(`${grafana}/api/search?type=dash-db`)).body as unknown as { uid: string }[];
    const folder = join(deploy, 'grafana/dashboards');
    const shipped = readdirSync(folder).map(
      (file) => (JSON.parse(readFileSync(join(folder, file), 'utf8')) as { uid: string }).uid,
    );
    // Grafana is healthy before it has read them.
    const areThere = async () => (await find()).length >= shipped.length;
    await waitFor('dashboards', areThere, patience);
    expect((await find()).map(({ uid }) => uid).sort()).toEqual(shipped.sort());
    const source = `${grafana}/api/datasources/proxy/uid/firstcome-prometheus`;
    expect(await valuesOf(source, 'count(up{job="firstcome"})')).toEqual([3]);
  });
});

describe.skipIf(inject('missingEngine') !== undefined)('compose.yaml with the profile ha', () => {
  it('takes claims that a second server has, and goes on after a switchover', async () => {
    const env = { DATABASE_URL_FILE: '/run/patroni/database-url' };
    const compose = await ComposeRun.of(['compose.yaml'], { service: 8080 }, env, ['ha']);
    try {
      await compose.build();
      await compose.up('service');
      const service = await compose.url('service', 8080);
      expect((await send(`${service}/health`)).body).toMatchObject({
        ...{ status: 'healthy', durability: 'replicated' },
      });
      await send(`${service}/api/coupons`, { name: 'LAUNCH', amount: 3 });
      expect((await send(`${service}/api/coupons/claim`, claimOf('ada'))).status).toBe(200);
      const switchover = ['patronictl', '-c', '/etc/patroni.yml', 'switchover', '--force'];
      await compose.compose('exec', '-T', 'patroni-1', ...switchover);
      const claims = async () =>
        (await send(`${service}/api/coupons/claim`, claimOf('bob'))).status !== 503;
      await waitFor('an answer of the new primary', claims, patience);
      expect((await send(`${service}/api/coupons/claim`, claimOf('ada'))).body).toMatchObject({
        ...{ code: 'already_claimed', claim: { position: 1 } },
      });
    } finally {
      await compose.remove();
    }
  });
});

describe.skipIf(inject('missingEngine') !== undefined)('compose.secure.yaml', () => {
  const files = ['compose.yaml', 'compose.secure.yaml'];

  it('refuses without keys, and says which to set', async () => {
    const compose = await ComposeRun.of(files, ports);
    await expect(compose.compose('config', '--quiet')).rejects.toThrow(
      /(?:ADMIN|CLAIM)_API_KEY.*openssl rand -hex 32/,
    );
  });

  it('requires the keys, from Prometheus too', async () => {
    const keys = { ADMIN_API_KEY: 'a'.repeat(64), CLAIM_API_KEY: 'c'.repeat(64) };
    const compose = await ComposeRun.of(files, ports, keys);
    try {
      await compose.up('service', 'prometheus');
      const service = await compose.url('service', 8080);
      const coupon = { name: 'LAUNCH', amount: 3 };
      expect((await send(`${service}/api/coupons`, coupon)).status).toBe(401);
      const authorization = `Bearer ${keys.ADMIN_API_KEY}`;
      expect((await send(`${service}/api/coupons`, coupon, { authorization })).status).toBe(201);
      expect((await send(`${service}/api/coupons/claim`, claimOf('ada'))).status).toBe(401);
      const prometheus = await compose.url('prometheus', 9090);
      const isScraped = async () => {
        const ups = await valuesOf(prometheus, 'up{job="firstcome"}');
        return ups.length === 1 && ups[0] === 1;
      };
      await waitFor('a node that is scraped', isScraped, patience);
    } finally {
      await compose.remove();
    }
  });
});
