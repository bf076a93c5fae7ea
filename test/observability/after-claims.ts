// SPDX-License-Identifier: GPL-3.0-or-later
/** The scenarios of alerts about what follows claims: events that are delivered, and sagas. */
import { lastFor } from '../support/last-for.ts';
import { waitFor } from '../support/wait-for.ts';
import type { Scenario, ScenarioContext } from './scenarios.ts';
import { claimKey } from './shop.ts';
import { until } from './until.ts';

const claimEveryMs = 300;
let coupons = 0;

/** The scenario of each alert about events and sagas. */
export const scenariosAfterClaims: Record<string, Scenario> = {
  FirstcomeEventsUndelivered: (context) =>
    withWebhook(context, async ({ shop, query, over }) => {
      shop.answers['/event'] = 500;
      await createCoupon(context);
      const pending = `select from webhook_deliveries where state = 'P'`;
      await waitFor('event', async () => (await query(pending)).length > 0);
      await query(`update webhook_deliveries set recorded_at = now() - interval '1 hour'`);
      await until(over);
    }),

  FirstcomeWebhookDisabled: (context) =>
    withWebhook(context, async ({ shop, over }) => {
      shop.answers['/event'] = 410;
      await createCoupon(context);
      await until(over);
    }),

  FirstcomeSagaNeedsAttention: async (context) => {
    const { shop, over } = context;
    Object.assign(shop.answers, { '/run/last': 422, '/undo': 500 });
    const sagaId = await beginSaga(context, 'brief');
    await until(over);
    shop.recover();
    const resolution = { as: 'compensated', note: 'undone by hand' };
    await post(context, `/api/sagas/${sagaId}/resolve`, resolution);
  },

  FirstcomeSagaOverdue: async (context) => {
    const { shop, query, over } = context;
    Object.assign(shop.answers, { '/run/last': 422, '/undo': 500 });
    const sagaId = await beginSaga(context, 'patient');
    const undoing = `select from sagas where saga_id = '${sagaId}' and state = 'C'`;
    await waitFor('undo', async () => (await query(undoing)).length > 0);
    await query(
      `update sagas set deadline_at = now() - interval '1 hour' where saga_id = '${sagaId}'`,
    );
    await until(over);
    shop.recover();
    await query(`update sagas set due_at = now() where saga_id = '${sagaId}'`);
  },
};

/** Sells units of coupons with sagas and delivers events, until `over` aborts. */
export async function followClaims(context: ScenarioContext): Promise<void> {
  const { over } = context;
  await withWebhook(context, async () => {
    while (!over.aborted) {
      // An overloaded service refuses some.
      await createCoupon(context)
        .then(() => beginSaga(context, 'brief'))
        .catch(() => undefined);
      await lastFor(claimEveryMs);
    }
  });
}

async function post({ node }: ScenarioContext, path: string, body: object) {
  const headers = path === '/api/coupons/claim' ? { authorization: `Bearer ${claimKey}` } : {};
  const sent = { method: 'POST', headers, body: JSON.stringify(body) };
  const answer = await fetch(`${node.url}${path}`, sent);
  const text = await answer.text();
  if (!answer.ok) throw new Error(`POST ${path}: ${answer.status} ${text}`);
  return JSON.parse(text) as Record<string, string>;
}

async function createCoupon(context: ScenarioContext, members: object = {}): Promise<string> {
  coupons += 1;
  const name = `followed ${coupons}`;
  await post(context, '/api/coupons', { name, amount: 1, ...members });
  return name;
}

/** Claims a unit of a new coupon with this saga. */
async function beginSaga(context: ScenarioContext, saga: string): Promise<string> {
  const name = await createCoupon(context, { hold_seconds: 600, saga });
  const claim = { coupon_name: name, user_id: 'ada' };
  const { saga_id: sagaId = '' } = await post(context, '/api/coupons/claim', claim);
  return sagaId;
}

/** Runs a fault with a webhook for sales that open, and deletes it afterwards. */
async function withWebhook(context: ScenarioContext, fault: Scenario): Promise<void> {
  const { node, shop } = context;
  const webhook = { url: `${shop.url}/event`, events: ['coupon.opened'] };
  const { id } = await post(context, '/api/webhooks', webhook);
  await fault(context);
  shop.recover();
  const { status } = await fetch(`${node.url}/api/webhooks/${id}`, { method: 'DELETE' });
  if (status !== 204) throw new Error(`the webhook was not deleted: ${status}`);
}
