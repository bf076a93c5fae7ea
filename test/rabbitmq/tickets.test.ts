// SPDX-License-Identifier: GPL-3.0-or-later
/** What the API says of queued claims and their tickets. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { adminKey, bearers } from '../support/access-keys.ts';
import { type Answer, clientOf } from '../support/contract-client.ts';
import { expectProblem } from '../support/contract-problems.ts';
import { ContractService, pathOf, until } from '../support/contract-service.ts';
import { EventClient } from '../support/event-client.ts';
import { sharedRabbitMq } from '../support/rabbitmq-shared.ts';
import { patience } from '../support/service.ts';
import { createTemporaryFolder, removeTemporaryFolder } from '../support/temporary-folder.ts';
import { createTestDatabase, type TestDatabase } from '../support/test-database.ts';
import { acceptTokens, newSigningKey, signToken, toKeySet } from '../support/user-tokens.ts';

const server = sharedRabbitMq();
const asynchronous = { Prefer: 'respond-async' };
const longest = { Prefer: 'wait=20' };

const claimOf = (coupon: string, user = 'ada') => ({ user_id: user, coupon_name: coupon });

/** Claims in the queue whose ticket is the answer. */
async function mustAccept(
  { client }: ContractService,
  coupon: string,
  user = 'ada',
  headers: Record<string, string> = {},
): Promise<string> {
  const all = { ...asynchronous, ...headers };
  const answer = await client.post('/api/coupons/claim', claimOf(coupon, user), all);
  expect(answer.status, answer.text).toBe(202);
  return answer.json.ticket_id;
}

const readTicket = ({ client }: ContractService, ticketId: string) =>
  client.get(`/api/tickets/${ticketId}`);

/** The ticket, once it is no longer `accepted`. */
function untilFinal(service: ContractService, ticketId: string): Promise<Answer> {
  return until(
    () => readTicket(service, ticketId),
    ({ json }) => json.state !== 'accepted',
  );
}

describe.skipIf(server === undefined)('queued claims', () => {
  let database: TestDatabase;
  let amqpUrl: string;
  const started: ContractService[] = [];
  const streams: EventClient[] = [];

  /** A node of the service. Its claims are queued unless `env` says otherwise. */
  async function startNode(env: Record<string, string> = {}): Promise<ContractService> {
    const node = Object.assign(new ContractService(), { database });
    started.push(node);
    await node.start({ ...patience, AMQP_URL: amqpUrl, CLAIM_MODE: 'queued', ...env });
    return node;
  }

  /** A node that queues claims, while nothing decides them. */
  const startAcceptor = (env: Record<string, string> = {}) =>
    startNode({ CONSUME_CLAIMS: 'false', ...env });

  async function stopNodes(): Promise<void> {
    for (const node of started.splice(0)) await node.stop();
  }

  async function follow(
    { client }: ContractService,
    ticketId: string,
    headers: Record<string, string> = {},
  ): Promise<EventClient> {
    const path = `/api/tickets/${ticketId}/events`;
    const stream = await EventClient.open(client.url, path, headers);
    streams.push(stream);
    return stream;
  }

  beforeAll(async () => {
    database = await createTestDatabase();
    amqpUrl = await (server as NonNullable<typeof server>).createVirtualHost();
  });
  afterEach(() => {
    for (const stream of streams.splice(0)) stream.close();
  });
  afterAll(async () => {
    await stopNodes();
    await database?.drop();
  });

  describe('that a node decides itself', () => {
    let service: ContractService;
    beforeAll(async () => {
      service = await startNode();
    });
    afterAll(stopNodes);

    it('are answered as in direct mode when they are decided within the wait', async () => {
      const coupon = await service.createCoupon({ amount: 1 });
      const won = await service.client.claim('ada', coupon, 'key-1');
      expect([won.status, won.json.message], won.text).toEqual([200, 'coupon claimed']);
      expect(won.headers).not.toHaveProperty('preference-applied');
      const again = await service.client.claim('ada', coupon, 'key-1');
      expect([again.status, again.json]).toEqual([200, won.json]);
      expect(again.headers['idempotency-replayed']).toBe('true');
      const held = await service.client.claim('ada', coupon);
      expectProblem(held, 'already_claimed');
      expect(held.json.claim.claim_id).toBe(won.json.claim_id);
      expectProblem(await service.client.claim('bob', coupon), 'sold_out');
    });

    it('are 202 with their ticket, which has the result once it is decided', async () => {
      const coupon = await service.createCoupon();
      const accepted = await service.client.post(
        '/api/coupons/claim',
        claimOf(coupon),
        asynchronous,
      );
      expect(accepted.status, accepted.text).toBe(202);
      const { ticket_id: ticketId } = accepted.json;
      expect(accepted.json).toEqual({
        ...{ ticket_id: ticketId, state: 'accepted', coupon_name: coupon, user_id: 'ada' },
      });
      expect(accepted.headers).toMatchObject({
        ...{ location: `/api/tickets/${ticketId}`, 'preference-applied': 'respond-async' },
        ...{ 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' },
      });
      const { json } = await untilFinal(service, ticketId);
      const claim = await service.client.get(pathOf(coupon, 'claims', 'ada'));
      const result = { status: 200, message: 'coupon claimed', ...claim.json };
      expect(json).toEqual({ ticket_id: ticketId, state: 'decided', result });
    });

    it('keep their result when the claim is released afterwards', async () => {
      const coupon = await service.createCoupon();
      const ticketId = await mustAccept(service, coupon);
      const { json: before } = await untilFinal(service, ticketId);
      const released = await service.client.post(pathOf(coupon, 'claims', 'ada', 'release'), {});
      expect(released.json.state, released.text).toBe('released');
      expect((await readTicket(service, ticketId)).json).toEqual(before);
    });

    it('have a refusal as the problem that the claim call returns', async () => {
      const coupon = await service.createCoupon({ amount: 1 });
      const first = await untilFinal(service, await mustAccept(service, coupon, 'ada'));
      const { json } = await untilFinal(service, await mustAccept(service, coupon, 'ada'));
      expect(json).toMatchObject({
        state: 'decided',
        result: {
          ...{ status: 409, code: 'already_claimed', effect: 'none' },
          claim: { claim_id: first.json.result.claim_id },
        },
      });
    });

    it('show a replay as one', async () => {
      const coupon = await service.createCoupon();
      const key = { 'Idempotency-Key': 'key-1' };
      const first = await untilFinal(service, await mustAccept(service, coupon, 'ada', key));
      const again = await untilFinal(service, await mustAccept(service, coupon, 'ada', key));
      expect(again.json.result).toEqual({ ...first.json.result, replayed: true });
    });

    it('of a coupon that does not exist are refused at once, without a ticket', async () => {
      const answer = await service.client.post(
        ...(['/api/coupons/claim', claimOf('no such coupon'), asynchronous] as const),
      );
      expectProblem(answer, 'coupon_not_found');
    });

    it('of a coupon that the sold-out cache knows are refused at once, without a ticket', async () => {
      const coupon = await service.createCoupon({ amount: 1 });
      await service.mustClaim(coupon, { user: 'ada' });
      expectProblem(await service.client.claim('bob', coupon), 'sold_out');
      await until(
        () => service.client.post('/api/coupons/claim', claimOf(coupon, 'cy'), asynchronous),
        ({ status }) => status === 400,
      );
    });

    it('have an event stream that ends with the final state', async () => {
      const coupon = await service.createCoupon();
      const ticketId = await mustAccept(service, coupon);
      const stream = await follow(service, ticketId);
      expect(stream.response.headers).toMatchObject({
        ...{ 'content-type': 'text/event-stream', 'cache-control': 'no-store' },
      });
      await stream.untilClosed();
      const { json } = await readTicket(service, ticketId);
      expect(stream.last).toMatchObject({ id: 'decided', ...json });
      expect(stream.received).toContain('event: ticket\n');
    });

    it('need no further stream once a client has the final state', async () => {
      const coupon = await service.createCoupon();
      const ticketId = await mustAccept(service, coupon);
      await untilFinal(service, ticketId);
      const again = await follow(service, ticketId, { 'Last-Event-ID': 'decided' });
      expect(again.status).toBe(204);
      const late = await follow(service, ticketId, { 'Last-Event-ID': 'accepted' });
      await late.untilClosed();
      expect(late.events).toMatchObject([{ id: 'decided' }]);
    });

    it('have no ticket for an id that no node has created', async () => {
      const coupon = await service.createCoupon();
      const ticketId = await mustAccept(service, coupon);
      const changed = ticketId.replace(/.$/, (last) => (last === 'A' ? 'B' : 'A'));
      for (const id of [changed, 'x', '%00x'.slice(3), 'a'.repeat(4_000), '..%2f']) {
        expectProblem(await service.client.get(`/api/tickets/${id}`), 'ticket_not_found');
        expectProblem(await service.client.get(`/api/tickets/${id}/events`), 'ticket_not_found');
      }
    });
  });

  describe('that wait in the queue', () => {
    afterEach(stopNodes);

    it('are 202 after the wait, and are decided once a node decides claims', async () => {
      const acceptor = await startAcceptor();
      const coupon = await acceptor.createCoupon();
      const path = '/api/coupons/claim';
      const answer = await acceptor.client.post(path, claimOf(coupon), { Prefer: 'wait=1' });
      expect([answer.status, answer.headers['preference-applied']], answer.text).toEqual([
        ...[202, 'wait=1'],
      ]);
      const both = { Prefer: 'respond-async, wait=0' };
      const second = await acceptor.client.post(path, claimOf(coupon, 'bob'), both);
      expect(second.headers['preference-applied']).toBe('respond-async, wait=0');
      const tickets = [answer.json.ticket_id, second.json.ticket_id];
      for (const id of tickets) {
        expect((await readTicket(acceptor, id)).json).toEqual({ ticket_id: id, state: 'accepted' });
      }
      await startNode();
      const finals = await Promise.all(tickets.map((id) => untilFinal(acceptor, id)));
      // In the order in which one node accepted them.
      expect(finals.map(({ json }) => [json.result.status, json.result.position])).toEqual([
        [200, 1],
        [200, 2],
      ]);
    });

    it('answer the request that waits at another node than the one that decides', async () => {
      const acceptor = await startAcceptor();
      await startNode();
      const coupon = await acceptor.createCoupon({ amount: 20 });
      const answers = await Promise.all(
        Array.from({ length: 30 }, (_, index) =>
          acceptor.client.post('/api/coupons/claim', claimOf(coupon, `user-${index}`), longest),
        ),
      );
      const statuses = answers.map(({ status }) => status).sort();
      expect(statuses).toEqual([...Array(20).fill(200), ...Array(10).fill(400)]);
    });

    it('wake a stream at another node', async () => {
      const acceptor = await startAcceptor();
      const coupon = await acceptor.createCoupon();
      const stream = await follow(acceptor, await mustAccept(acceptor, coupon));
      await stream.until({ state: 'accepted' });
      await startNode();
      await stream.untilClosed();
      expect(stream.events).toMatchObject([{ id: 'accepted' }, { id: 'decided' }]);
    });

    it('are 202 at once when their node stops', async () => {
      const acceptor = await startAcceptor();
      const coupon = await acceptor.createCoupon();
      const waiting = acceptor.client.post('/api/coupons/claim', claimOf(coupon), longest);
      await until(
        () => acceptor.client.get('/metrics'),
        ({ text }) => text.includes('firstcome_http_connections'),
      );
      const other = await startNode({ CONSUME_CLAIMS: 'false' });
      await acceptor.app.stop();
      const answer = await waiting;
      expect(answer.status, answer.text).toBe(202);
      expect((await readTicket(other, answer.json.ticket_id)).json.state).toBe('accepted');
      await startNode();
      expect((await untilFinal(other, answer.json.ticket_id)).json.result.status).toBe(200);
    });

    it('never win once their ticket was reported as expired', async () => {
      const acceptor = await startAcceptor({ TICKET_EXPIRES_SECONDS: '1' });
      const coupon = await acceptor.createCoupon();
      const ticketId = await mustAccept(acceptor, coupon);
      const stream = await follow(acceptor, ticketId);
      expect((await untilFinal(acceptor, ticketId)).json).toEqual({
        ...{ ticket_id: ticketId, state: 'expired' },
      });
      await stream.untilClosed();
      expect(stream.last).toMatchObject({ id: 'expired', state: 'expired' });
      const node = await startNode({ TICKET_EXPIRES_SECONDS: '1' });
      // What is accepted later is decided later.
      expect((await untilFinal(node, await mustAccept(node, coupon, 'bob'))).json.state).toBe(
        'decided',
      );
      expect((await readTicket(node, ticketId)).json.state).toBe('expired');
      expectProblem(await node.client.get(pathOf(coupon, 'claims', 'ada')), 'claim_not_found');
    });
  });

  it('of a user with a token are read by this user alone', async () => {
    const folder = await createTemporaryFolder('tokens');
    const key = newSigningKey('EdDSA', 'ed-1');
    const bearerOf = async (sub: string) => ({
      Authorization: `Bearer ${await signToken(key, { sub })}`,
    });
    try {
      const node = await startNode({
        ...acceptTokens(folder, toKeySet([key])),
        ADMIN_API_KEY: adminKey,
      });
      const coupon = await node.with(clientOf(node.client.url, bearers.admin)).createCoupon();
      const ada = await bearerOf('ada');
      const ticketId = await mustAccept(node, coupon, 'ada', ada);
      for (const path of [`/api/tickets/${ticketId}`, `/api/tickets/${ticketId}/events`]) {
        expect((await node.client.get(path, ada)).status).toBe(200);
        expectProblem(await node.client.get(path, await bearerOf('bob')), 'forbidden');
        expectProblem(await node.client.get(path), 'unauthorized');
      }
    } finally {
      await stopNodes();
      await removeTemporaryFolder(folder);
    }
  });

  describe('of a service', () => {
    afterEach(stopNodes);

    it('that claims directly are decided at once, and its earlier tickets are read and decided', async () => {
      const acceptor = await startAcceptor();
      const coupon = await acceptor.createCoupon();
      const ticketId = await mustAccept(acceptor, coupon);
      await stopNodes();
      const node = await startNode({ CLAIM_MODE: 'direct' });
      const answer = await node.client.post(
        '/api/coupons/claim',
        claimOf(coupon, 'bob'),
        asynchronous,
      );
      expect([answer.status, answer.headers['preference-applied']]).toEqual([200, undefined]);
      expect((await untilFinal(node, ticketId)).json.result.status).toBe(200);
    });

    it('whose broker is away are refused, and nothing is stored', async () => {
      const node = await startNode({ AMQP_URL: 'amqp://127.0.0.1:1' });
      const coupon = await node.createCoupon();
      expectProblem(await node.client.claim('ada', coupon), 'unavailable');
      expectProblem(await node.client.get(pathOf(coupon, 'claims', 'ada')), 'claim_not_found');
      expect((await node.client.get('/health')).status).toBe(200);
    });

    it('without a queue do not exist', async () => {
      const node = await startNode({ AMQP_URL: '', CLAIM_MODE: 'direct' });
      expectProblem(await node.client.get('/api/tickets/x'), 'route_not_found');
      expectProblem(await node.client.get('/api/tickets/x/events'), 'route_not_found');
    });
  });
});
