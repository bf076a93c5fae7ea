// SPDX-License-Identifier: GPL-3.0-or-later
/** Processes that start while RabbitMQ cannot be used: they start, say why in one line, and work once it can. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type Client, clientOf } from '../support/contract-client.ts';
import { expectProblem } from '../support/contract-problems.ts';
import { newName, until } from '../support/contract-service.ts';
import { FaultProxy } from '../support/fault-proxy.ts';
import type { RabbitMqServer } from '../support/rabbitmq-server.ts';
import { sharedRabbitMq } from '../support/rabbitmq-shared.ts';
import { patience } from '../support/service.ts';
import {
  commandOf,
  endServiceProcesses,
  launch,
  type ServiceProcess,
  startServiceProcess,
} from '../support/service-process.ts';
import { createTestDatabase, type TestDatabase } from '../support/test-database.ts';
import { waitFor } from '../support/wait-for.ts';

const isMissing = sharedRabbitMq() === undefined;
const server = sharedRabbitMq() as RabbitMqServer;
const away = 'RabbitMQ is away: no claims can be queued until it answers';
const back = 'RabbitMQ answers again';

describe.skipIf(isMissing)('a process that starts', () => {
  let database: TestDatabase;
  let amqpUrl: string;
  let proxy: FaultProxy;
  const clients: Client[] = [];

  beforeAll(async () => {
    database = await createTestDatabase();
    await server.control('add_user', 'start-ada', 'secret-Zq7xK');
  });
  afterAll(async () => {
    await server?.control('delete_user', 'start-ada');
    await database?.drop();
  });
  beforeEach(async () => {
    amqpUrl = await server.createVirtualHost();
    proxy = await FaultProxy.before(amqpUrl);
  });
  afterEach(async () => {
    for (const client of clients.splice(0)) client.close();
    await endServiceProcesses();
    await proxy.stop();
  });

  async function start(command: string, url: string, env: Record<string, string> = {}) {
    const all = { ...patience, DATABASE_URL: database.url, AMQP_URL: url, ...env };
    const process = await startServiceProcess(all, commandOf([command]));
    const client = clientOf(process.url);
    clients.push(client);
    return { ...process, client };
  }

  const launchOf = (command: string, env: Record<string, string>) => launch(env, [command]);

  /** The lines of the log, without those of the terminal. */
  const logOf = ({ output }: Pick<ServiceProcess, 'output'>) =>
    output()
      .split('\n')
      .filter((line) => line.startsWith('{'))
      .map((line) => JSON.parse(line) as { msg: string; reason?: string });

  const stateOf = async ({ client }: { client: Client }) => {
    const { status, json } = await client.get('/readyz');
    return [status, json.status, json.queue];
  };

  const faults: Record<string, { begin(): Promise<string>; end(): Promise<void>; reason: string }> =
    {
      'is away': {
        async begin() {
          await proxy.refuse();
          return proxy.urlOf(amqpUrl);
        },
        end: () => proxy.accept(),
        reason: 'check that RabbitMQ runs, and the host and the port in AMQP_URL',
      },
      'accepts connections and does not answer': {
        async begin() {
          proxy.blackHole(true);
          return proxy.urlOf(amqpUrl);
        },
        async end() {
          proxy.heal();
          proxy.breakAll();
        },
        reason: 'check that RabbitMQ runs, and the host and the port in AMQP_URL',
      },
      'does not know the password': {
        async begin() {
          await server.control('change_password', 'start-ada', 'another-Zq7xK');
          await allow('.*');
          return amqpUrl.replace('guest:guest', 'start-ada:secret-Zq7xK');
        },
        end: async () => {
          await server.control('change_password', 'start-ada', 'secret-Zq7xK');
        },
        reason: 'check the user and the password in AMQP_URL',
      },
      'does not have the virtual host': {
        async begin() {
          await server.control('delete_vhost', vhost());
          return amqpUrl;
        },
        end: async () => {
          await server.createVirtualHost(vhost());
        },
        reason: 'check the virtual host in AMQP_URL',
      },
      'does not let the user make queues': {
        async begin() {
          await allow('');
          return amqpUrl.replace('guest:guest', 'start-ada:secret-Zq7xK');
        },
        end: () => allow('.*'),
        reason: 'give it the permissions configure, write and read',
      },
    };
  const vhost = () => decodeURIComponent(new URL(amqpUrl).pathname.slice(1));
  const allow = async (configured: string) => {
    const rights = [configured, '.*', '.*'];
    await server.control('set_permissions', '--vhost', vhost(), 'start-ada', ...rights);
  };

  // Both commands use the broker in the same way.
  it.each([...Object.keys(faults).map((name) => ['serve', name]), ['consume', 'is away']])(
    'as %s while RabbitMQ %s serves, says why once, and works when it can',
    async (command, name) => {
      const { begin, end, reason } = faults[name ?? ''] as (typeof faults)[string];
      const url = await begin();
      const process = await start(command ?? '', url, { CLAIM_MODE: 'queued' });
      const [first] = await waitFor('line of the log', () => {
        const lines = logOf(process);
        return lines.length > 0 ? lines : undefined;
      });
      expect(first).toMatchObject({ msg: away, reason: expect.stringContaining(reason) });
      expect(await stateOf(process)).toEqual([200, 'healthy', 'away']);
      if (command === 'serve') {
        const coupon = newName('start');
        await process.client.post('/api/coupons', { name: coupon, amount: 1 });
        const answer = await process.client.claim('ada', coupon);
        expectProblem(answer, 'unavailable');
      }
      await end();
      await until(
        () => stateOf(process),
        ([, , queue]) => queue === 'up',
      );
      expect(logOf(process).map(({ msg }) => msg)).toEqual([away, back]);
      expect(process.output()).not.toContain('Zq7xK');
      expect(process.output()).not.toMatch(/^\s+at /m);
      process.signal('SIGTERM');
      expect(await process.ended()).toEqual({ code: 0, signal: null });
    },
  );

  it('ends at a signal while RabbitMQ accepts connections and does not answer', async () => {
    proxy.blackHole(true);
    const process = await start('consume', proxy.urlOf(amqpUrl));
    process.signal('SIGTERM');
    expect(await process.ended()).toEqual({ code: 0, signal: null });
  });

  it('and loses its broker later refuses at once after the first claim, and says so', async () => {
    const process = await start('serve', proxy.urlOf(amqpUrl), { CLAIM_MODE: 'queued' });
    const coupon = newName('start');
    await process.client.post('/api/coupons', { name: coupon, amount: 1 });
    const claim = (user: string) =>
      process.client.post(
        '/api/coupons/claim',
        { user_id: user, coupon_name: coupon },
        { Prefer: 'respond-async' },
      );
    await until(
      () => stateOf(process),
      ([, , queue]) => queue === 'up',
    );
    proxy.blackHole(true);
    const unknown = await claim('ada');
    expectProblem(unknown, 'outcome_unknown');
    const path = `/api/tickets/${unknown.json.ticket_id}`;
    expect((await process.client.get(path)).json.state).toBe('accepted');
    expectProblem(await claim('bob'), 'unavailable');
    expect(await stateOf(process)).toEqual([200, 'healthy', 'away']);
    proxy.heal();
    proxy.breakAll();
    await until(
      () => stateOf(process),
      ([, , queue]) => queue === 'up',
    );
    expect((await claim('ada')).status).toBe(202);
  });

  it.each(['serve', 'consume'])(
    'as %s waits for its database, says so in a line, and ends at a signal',
    async (command) => {
      const env = { DATABASE_URL: 'postgres://ada:secret-Zq7xK@127.0.0.1:1/sale' };
      const process = launchOf(command, { ...env, AMQP_URL: amqpUrl });
      const [line] = await waitFor('line of the log', () => {
        const lines = logOf(process);
        return lines.length > 0 ? lines : undefined;
      });
      expect(line).toMatchObject({ msg: 'waiting for the database at 127.0.0.1:1/sale' });
      process.signal('SIGTERM');
      expect(await process.ended()).toEqual({ code: 0, signal: null });
      expect(process.output()).not.toMatch(/^\s+at |Zq7xK/m);
    },
  );

  it.each(['serve', 'consume'])(
    'as %s gives up after the time to wait for its database, and says what to do',
    async (command) => {
      const env = { DATABASE_URL: 'postgres://ada:b@127.0.0.1:1/sale', DATABASE_WAIT_MS: '0' };
      const process = launchOf(command, { ...env, AMQP_URL: amqpUrl });
      expect(await process.ended()).toEqual({ code: 1, signal: null });
      expect(process.output()).toContain('DATABASE_URL');
      expect(process.output()).not.toMatch(/^\s+at /m);
    },
  );
});
