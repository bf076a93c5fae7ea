// SPDX-License-Identifier: GPL-3.0-or-later
/** `firstcome dead-letters`: what an operator does about them on the command line, at a real broker. */
import { connect } from 'amqplib';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { namePrefix, queueNames } from '../../src/adapters/rabbitmq/names.ts';
import { callOnDeadLetters } from '../../src/app/dead-letters-command.ts';
import { loadConfig } from '../../src/config.ts';
import type { DeadLettersArguments } from '../../src/entrypoints/cli/program.ts';
import { adminKey, bearers, viewerKey } from '../support/access-keys.ts';
import { queuedClaim } from '../support/claim-queues.ts';
import { ContractService, newName, pathOf, until } from '../support/contract-service.ts';
import { installationOf, messageOfClaim, plantDeadLettersAt } from '../support/dead-letters.ts';
import { FaultProxy } from '../support/fault-proxy.ts';
import { sharedRabbitMq } from '../support/rabbitmq-shared.ts';
import { runCommand } from '../support/scripted-service.ts';
import { patience } from '../support/service.ts';
import { endServiceProcesses, runToEnd } from '../support/service-process.ts';
import { createTestDatabase } from '../support/test-database.ts';

const server = sharedRabbitMq();
const unknownId = '0'.repeat(32);
const redriveAll = { call: 'redrive', ids: 'all', yes: true } as const;
const junk = { content: Buffer.from([255, 0]) };

describe.skipIf(server === undefined)('firstcome dead-letters', () => {
  const service = new ContractService();
  /** Between the service and the broker. */
  let proxy: FaultProxy;
  let amqpUrl: string;
  let installationId: string;

  beforeAll(async () => {
    service.database = await createTestDatabase();
    installationId = await installationOf(service.database);
    amqpUrl = await (server as NonNullable<typeof server>).createVirtualHost();
    proxy = await FaultProxy.before(amqpUrl);
    await service.start({
      ...{ ...patience, AMQP_URL: proxy.urlOf(amqpUrl), CLAIM_MODE: 'queued' },
      ...{ CLAIM_ATTEMPTS_MAX: '1', ADMIN_API_KEY: adminKey, VIEWER_API_KEY: viewerKey },
    });
  });
  afterAll(async () => {
    await service.stop();
    await proxy?.stop();
    await service.database?.drop();
  });

  afterEach(async () => {
    await endServiceProcesses();
    const { deadQueue } = queueNames(namePrefix(installationId), 1);
    const connection = await connect(amqpUrl);
    const channel = await connection.createChannel();
    await channel.purgeQueue(deadQueue);
    await connection.close();
  });

  /** Runs a call in this process. */
  const call = (given: DeadLettersArguments, { url } = service.app) =>
    runCommand((output) =>
      callOnDeadLetters(loadConfig({ ADMIN_API_KEY: adminKey }), { ...given, url }, output),
    );
  const runAt = (url: string, args: string[], env: Record<string, string> = {}) =>
    runToEnd({ ADMIN_API_KEY: adminKey, ...env }, ['dead-letters', ...args, '--url', url]);

  /** Runs the command, which must end with this code. Resolves to what it has printed. */
  async function run(code: number, ...args: string[]): Promise<string> {
    const ended = await runAt(service.app.url, args);
    expect(ended.code, `${args.join(' ')}: ${ended.output}`).toBe(code);
    return ended.output;
  }

  const letters = async () =>
    (await service.client.get('/api/dead-letters', bearers.viewer)).json.dead_letters;
  const ticket = async (ticketId = '') =>
    (await service.client.get(`/api/tickets/${ticketId}`, bearers.viewer)).json;
  const createCoupon = async () => {
    const name = newName('letters');
    await service.client.post('/api/coupons', { name, amount: 5 }, bearers.admin);
    return name;
  };
  const remaining = async (coupon: string) =>
    (await service.client.get(pathOf(coupon))).json.remaining_amount;
  const entriesOfLog = async (): Promise<{ action: string; coupon_name: string | null }[]> =>
    (await service.client.get('/api/operator-log?limit=100', bearers.viewer)).json.entries;

  it('shows, exports, redrives and discards claims that a trigger has refused', async () => {
    const coupon = await createCoupon();
    const { query } = service.database;
    await query(
      `create function refuse() returns trigger language plpgsql as
         $$ begin raise exception 'no "sale" today'; end $$`,
    );
    await query(
      'create trigger refuse before insert on claims for each row execute function refuse()',
    );
    const tickets: Record<string, string> = {};
    for (const user of ['ada', 'bob', 'cyd']) {
      const claim = { user_id: user, coupon_name: coupon };
      const headers = { ...bearers.none, Prefer: 'respond-async' };
      const answer = await service.client.post('/api/coupons/claim', claim, headers);
      expect(answer.status, answer.text).toBe(202);
      tickets[user] = answer.json.ticket_id;
      await until(letters, (found) => found.length >= Object.keys(tickets).length);
    }
    await query('drop trigger refuse on claims');
    await query('drop function refuse');
    await plantDeadLettersAt(amqpUrl, installationId, [junk]);
    const [ada, bob, , unreadable] = (await until(letters, (found) => found.length >= 4)).map(
      (letter: { dead_letter_id: string }) => letter.dead_letter_id,
    );

    const listed = await run(0, 'list');
    expect(listed).toMatch(new RegExp(`^${ada}  20\\S+Z\n  coupon "${coupon}", user "ada"\n  "`));
    expect(listed).toContain(`${unreadable}  unknown time\n  unreadable: it is no JSON object\n`);
    for (const line of listed.split('\n')) expect(line.length).toBeLessThanOrEqual(80);
    expect((await run(0, 'list', '--limit', '2')).match(/^[0-9a-f]{32}/gm)).toEqual([ada, bob]);
    expect(await run(0, 'show', ada)).toMatch(/^reason +".*refuses this claim.*SQLSTATE P0001"$/m);
    expect(await run(1, 'show', unknownId)).toContain(`there is no dead letter ${unknownId}`);
    const exported = (await run(0, 'export')).trimEnd().split('\n');
    expect(exported.map((line) => JSON.parse(line))).toMatchObject([
      ...['ada', 'bob', 'cyd'].map((user) => ({ user_id: user, coupon_name: coupon })),
      { unreadable: 'it is no JSON object', body: { encoding: 'base64', text: '/wA=' } },
    ]);

    const undone = 'nothing was changed; to do it add --yes\n';
    expect(await run(0, 'redrive', ada)).toBe(`would redrive: 1\n${undone}`);
    expect(await run(3, 'redrive', '--all')).toContain(undone);
    expect(await run(0, 'discard', '--all')).toBe(`would discard: 4\n${undone}`);
    expect(await letters()).toHaveLength(4);
    expect(await entriesOfLog()).toHaveLength(1);

    expect(await run(3, 'redrive', ada, unknownId, '--yes')).toBe(
      `redriven: 1\nnot found: ${unknownId}\n`,
    );
    const won = await until(
      () => ticket(tickets.ada),
      ({ state }) => state === 'decided',
    );
    expect(won.result).toMatchObject({ status: 200, position: 1 });
    expect(await run(3, 'redrive', ada, '--yes')).toBe(`redriven: 0\nnot found: ${ada}\n`);
    expect(await run(0, 'discard', bob, '--yes')).toBe('discarded: 1\n');
    expect(await ticket(tickets.bob)).toMatchObject({ state: 'failed' });
    expect(await run(3, 'redrive', '--all', '--yes')).toMatch(
      new RegExp(`^redriven: 1\ncannot be redriven: 1\n  ${unreadable}  `),
    );
    await until(
      () => ticket(tickets.cyd),
      ({ state }) => state === 'decided',
    );
    expect(await run(0, 'discard', '--all', '--yes', '--json')).toMatch(/^\{.*"done":1,.*\}\n$/);
    expect(await run(0, 'list')).toBe('there are no dead letters\n');
    expect(await remaining(coupon)).toBe(3);
    expect((await entriesOfLog()).map(({ action }) => action).reverse()).toEqual([
      ...['create_coupon', 'redrive_dead_letter', 'discard_dead_letter'],
      ...['redrive_dead_letter', 'discard_dead_letter'],
    ]);
    const log = await runToEnd({ ADMIN_API_KEY: adminKey }, ['log', '--url', service.app.url]);
    expect(log.output).toMatch(new RegExp(`redrive_dead_letter +"${coupon}" .*${ada}`));
  });

  it('never wins twice, however often a letter comes back, also after a release', async () => {
    const coupon = await createCoupon();
    const claim = queuedClaim({ couponName: coupon, userId: 'ada', acceptedAtMs: Date.now() });
    const message = messageOfClaim(claim, installationId);
    const held = () => service.client.get(pathOf(coupon, 'claims', 'ada'), bearers.admin);
    await plantDeadLettersAt(amqpUrl, installationId, [message, message]);
    await until(letters, (found) => found.length >= 2);
    expect((await call(redriveAll)).stdout).toBe('redriven: 2\n');
    expect((await until(held, ({ status }) => status === 200)).json.position).toBe(1);
    await service.client.post(
      pathOf(coupon, 'claims', 'ada', 'release'),
      {},
      {
        ...bearers.admin,
        'Idempotency-Key': 'release',
      },
    );
    await plantDeadLettersAt(amqpUrl, installationId, [message]);
    await until(letters, (found) => found.length >= 1);
    expect((await call(redriveAll)).stdout).toBe('redriven: 1\n');
    // It is decided after those before it.
    const last = queuedClaim({ couponName: coupon, userId: 'bob', acceptedAtMs: Date.now() });
    await plantDeadLettersAt(amqpUrl, installationId, [messageOfClaim(last, installationId)]);
    await until(letters, (found) => found.length >= 1);
    await call(redriveAll);
    await until(
      () => service.client.get(pathOf(coupon, 'claims', 'bob'), bearers.admin),
      ({ status }) => status === 200,
    );
    expect((await held()).status).toBe(404);
    expect(await remaining(coupon)).toBe(4);
  });

  const everyCall: DeadLettersArguments[] = [
    { call: 'list', limit: 50 },
    { call: 'show', id: unknownId },
    { call: 'export' },
    { call: 'redrive', ids: 'all' },
    { call: 'redrive', ids: 'all', yes: true },
    { call: 'discard', ids: [unknownId], yes: true },
  ];

  it.each([
    ['is away', () => proxy.refuse(), () => proxy.accept()],
    ['does not answer', async () => proxy.blackHole(true), async () => proxy.heal()],
  ])('says that nothing has changed while the broker %s', async (_, begin, end) => {
    await begin();
    try {
      for (const { verdict, stdout } of await Promise.all(everyCall.map((one) => call(one)))) {
        expect(verdict).toContain('RabbitMQ cannot be reached; the log of the service says why');
        expect(verdict).toContain('This call has changed nothing. Run it again later.');
        expect(stdout).toBe('');
      }
    } finally {
      await end();
      proxy.breakAll();
    }
    expect((await call({ call: 'list', limit: 50 })).stdout).toBe('there are no dead letters\n');
  });

  it('says what to do at a service with a wrong AMQP_URL, and at one without', async () => {
    const env = { ADMIN_API_KEY: adminKey };
    const wrong = amqpUrl.replace('guest:guest', 'guest:wrong-Zq7xK');
    await service.withAnother({ ...env, AMQP_URL: wrong }, async ({ app }) => {
      const { code, output } = await runAt(app.url, ['list']);
      expect(code).toBe(1);
      expect(output).toContain('the log of the service says why');
      expect(output).not.toContain('Zq7xK');
    });
    await service.withAnother(env, async ({ app }) => {
      for (const { verdict } of await Promise.all(everyCall.map((one) => call(one, app)))) {
        expect(verdict).toContain('has no queue of claims\nSet AMQP_URL there');
      }
    });
  });

  it.each([
    [
      'a wrong key',
      { ADMIN_API_KEY: 'wrong-key-of-thirty-two-characters!' },
      1,
      'wants a valid key',
    ],
    ['a key for reading', { ADMIN_API_KEY: viewerKey }, 1, 'Set ADMIN_API_KEY to the admin key'],
    ['a setting that is no URL', { AMQP_URL: 'http://127.0.0.1' }, 1, 'AMQP_URL'],
  ])('says what to do about %s', async (_, env, code, message) => {
    const ended = await runAt(service.app.url, ['redrive', '--all'], env);
    expect(ended).toMatchObject({ code });
    expect(ended.output).toContain(message);
    expect(ended.output).not.toMatch(/^ +at /m);
  });

  it('exits with 2 for a wrong usage', async () => {
    expect(await run(2, 'redrive')).toContain('redrive needs ids, or --all');
    expect(await run(2, 'remove')).toContain('Allowed choices are list, show');
  });
});
