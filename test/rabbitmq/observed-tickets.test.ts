// SPDX-License-Identifier: GPL-3.0-or-later
/** What traces and metrics show of a claim that one node queues and another one decides. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ContractService, until } from '../support/contract-service.ts';
import { OtlpReceiver } from '../support/otlp-receiver.ts';
import { sharedRabbitMq } from '../support/rabbitmq-shared.ts';
import { patience } from '../support/service.ts';
import { createTestDatabase, type TestDatabase } from '../support/test-database.ts';

const server = sharedRabbitMq();
const [producer, consumer] = [4, 5];

describe.skipIf(server === undefined)('a queued claim', () => {
  let database: TestDatabase;
  let receiver: OtlpReceiver;
  const nodes: ContractService[] = [];

  async function startNode(env: Record<string, string>): Promise<ContractService> {
    const node = Object.assign(new ContractService(), { database });
    nodes.push(node);
    await node.start({ ...patience, OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url, ...env });
    return node;
  }

  /** The sum of the series with this beginning; undefined without one. */
  async function metric({ client }: ContractService, beginning: string) {
    const { text } = await client.get('/metrics');
    const lines = text.split('\n').filter((line) => line.startsWith(beginning));
    if (lines.length === 0) return undefined;
    return lines.reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0);
  }

  beforeAll(async () => {
    database = await createTestDatabase();
    receiver = await OtlpReceiver.start();
  });
  afterAll(async () => {
    for (const node of nodes) await node.stop();
    await receiver?.stop();
    await database?.drop();
  });

  it('is shown from its request to its decision', async () => {
    const url = await (server as NonNullable<typeof server>).createVirtualHost();
    const queued = { AMQP_URL: url, CLAIM_MODE: 'queued' };
    const accepting = await startNode({ ...queued, CONSUME_CLAIMS: 'false' });
    await accepting.client.post('/api/coupons', { name: 'observed', amount: 1 });
    const claim = { coupon_name: 'observed', user_id: 'ada' };
    const { json } = await accepting.client.post('/api/coupons/claim', claim, {
      Prefer: 'respond-async',
    });
    expect(json.state).toBe('accepted');
    await until(
      () => metric(accepting, 'firstcome_queue_messages{'),
      (waiting) => waiting === 1,
    );
    expect(await metric(accepting, 'firstcome_queue_consumers')).toBe(0);
    expect(await metric(accepting, 'firstcome_queued_claims_total{result="confirmed"}')).toBe(1);
    expect(await metric(accepting, 'firstcome_ticket_waits_total{end="accepted"}')).toBe(1);

    const deciding = await startNode(queued);
    await until(
      () => accepting.client.get(`/api/tickets/${json.ticket_id}`),
      (ticket) => ticket.json.state === 'decided',
    );
    const settled = 'firstcome_tickets_settled_total{state="decided",outcome="claimed"}';
    expect([await metric(deciding, settled), await metric(accepting, settled)]).toEqual([1, 0]);
    expect(await metric(deciding, 'firstcome_queue_deliveries_total')).toBe(1);
    expect(await metric(deciding, 'firstcome_queue_consumers{')).toBe(4);

    for (const node of nodes) await node.stop();
    const named = (name: string) => receiver.named(name)[0];
    const request = named('POST /api/coupons/claim');
    const accepted = named('wait for ticket');
    expect(accepted).toMatchObject({
      ...{ kind: producer, parentSpanId: request?.spanId, traceId: request?.traceId },
    });
    const decision = named('decide queued claim');
    expect(decision?.kind).toBe(consumer);
    expect(decision?.parentSpanId).toBeUndefined();
    expect(decision?.traceId).not.toBe(request?.traceId);
    expect(decision?.links[0]).toMatchObject({
      ...{ traceId: request?.traceId, spanId: accepted?.spanId },
    });
    expect(named('wait in lane')?.parentSpanId).toBe(decision?.spanId);
    expect(receiver.named('claim batch').map(({ links }) => links[0]?.spanId)).toContain(
      decision?.spanId,
    );
  });

  it('leaves no metric on a node without a queue', async () => {
    const node = await startNode({});
    const { text } = await node.client.get('/metrics');
    expect(text).toContain('firstcome_claims_total');
    expect(text).not.toMatch(/firstcome_(?:queue|ticket)/);
  });
});
