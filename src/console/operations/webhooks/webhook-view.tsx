// SPDX-License-Identifier: GPL-3.0-or-later
import type { Webhook } from '../../../client.ts';
import { Link } from '../../routing/link.tsx';
import { SaleLink } from '../../search/claim-links.tsx';
import { service } from '../../service.ts';
import { Facts } from '../../ui/facts.tsx';
import { Identifier } from '../../ui/identifier.tsx';
import { RefusalNote } from '../../ui/refusal-note.tsx';
import { StateBadge } from '../../ui/state-badge.tsx';
import { Moment, Text } from '../../ui/text.tsx';
import { useRead } from '../../ui/use-read.ts';
import { Deliveries } from './deliveries.tsx';
import { WebhookActions } from './webhook-actions.tsx';

const everyMs = 15_000;

/** One webhook: what it gets, what an operator can do with it, and its deliveries. */
export function WebhookView({ id, isFailedOnly }: { id: string; isFailedOnly: boolean }) {
  const { value, refusal, isReading, reload } = useRead(
    (signal) => service.readWebhook({ id }, { signal }),
    { key: id, everyMs },
  );
  return (
    <div class="stack">
      <p>
        <Link view="operations/webhooks">All webhooks</Link>
      </p>
      <h1>Webhook</h1>
      {value === undefined && isReading && <p role="status">Reading …</p>}
      <RefusalNote refusal={refusal} />
      {value !== undefined && (
        <>
          <section class="panel stack" aria-labelledby="webhook-facts">
            <h2 id="webhook-facts">Receiver</h2>
            <WebhookFacts webhook={value} />
            <WebhookActions webhook={value} onChange={reload} />
          </section>
          <Deliveries webhook={value} isFailedOnly={isFailedOnly} />
        </>
      )}
    </div>
  );
}

function WebhookFacts({ webhook }: { webhook: Webhook }) {
  const { disabled_at: disabledAt, disabled_reason: reason, coupon_name: couponName } = webhook;
  return (
    <>
      <p>
        <Identifier of={webhook.url} />
      </p>
      <Facts
        of={[
          ['State', <StateBadge key="state" state={disabledAt === null ? 'active' : 'disabled'} />],
          ['Disabled', disabledAt === null ? undefined : <Moment at={disabledAt} />],
          ['Why it is disabled', reason === null ? undefined : <Text of={reason} />],
          ['Sale', couponName === null ? 'all sales' : <SaleLink name={couponName} />],
          ['Events', webhook.events.join(', ')],
          ['Created', <Moment key="created" at={webhook.created_at} />],
          ['Id', <Identifier key="id" of={webhook.id} />],
        ]}
      />
    </>
  );
}
