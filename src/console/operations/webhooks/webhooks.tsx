// SPDX-License-Identifier: GPL-3.0-or-later
import { useState } from 'preact/hooks';
import type { Webhook } from '../../../client.ts';
import { serverNowMs } from '../../clock.ts';
import { Link } from '../../routing/link.tsx';
import { SaleLink } from '../../search/claim-links.tsx';
import { service } from '../../service.ts';
import { useMayOperate } from '../../session/session.tsx';
import { RefusalNote } from '../../ui/refusal-note.tsx';
import { StateBadge } from '../../ui/state-badge.tsx';
import { TableScroll } from '../../ui/table-scroll.tsx';
import { Moment, Text } from '../../ui/text.tsx';
import { useRead } from '../../ui/use-read.ts';
import { CreateWebhookDialog } from './create-webhook-dialog.tsx';
import { summaryOf } from './delivery-words.ts';
import { WebhookView } from './webhook-view.tsx';

const everyMs = 15_000;
const newestMax = 50;

/** All webhooks; or one of them with its deliveries. */
export function Webhooks({ query }: { query: URLSearchParams }) {
  const id = query.get('id');
  if (id === null) return <WebhookList />;
  return <WebhookView key={id} id={id} isFailedOnly={query.get('deliveries') === 'failed'} />;
}

function WebhookList() {
  const mayOperate = useMayOperate();
  const [isCreating, setCreating] = useState(false);
  const { value, refusal, isReading, reload } = useRead(
    (signal) => service.listWebhooks({}, { signal }),
    { key: 'webhooks', everyMs },
  );
  return (
    <div class="stack">
      <div class="row">
        <h1>Webhooks</h1>
        <button
          type="button"
          class="primary"
          disabled={!mayOperate}
          onClick={() => setCreating(true)}
        >
          Create a webhook …
        </button>
        {!mayOperate && <small>It needs the admin key.</small>}
      </div>
      <p>Each one gets the events that happen from its creation on.</p>
      <RefusalNote refusal={refusal} />
      {value === undefined && isReading && <p role="status">Reading …</p>}
      {value?.webhooks.length === 0 && <p role="status">There are no webhooks.</p>}
      {value !== undefined && value.webhooks.length > 0 && (
        <div class="panel">
          <TableScroll label="Webhooks">
            <table>
              <thead>
                <tr>
                  <th>Receiver</th>
                  <th>State</th>
                  <th>Deliveries</th>
                  <th>Events</th>
                  <th>Sale</th>
                  <th>Created</th>
                </tr>
              </thead>
              <tbody>
                {value.webhooks.map((webhook) => (
                  <WebhookRow key={webhook.id} webhook={webhook} />
                ))}
              </tbody>
            </table>
          </TableScroll>
        </div>
      )}
      {isCreating && (
        <CreateWebhookDialog
          onClose={() => {
            setCreating(false);
            reload();
          }}
        />
      )}
    </div>
  );
}

function WebhookRow({ webhook }: { webhook: Webhook }) {
  const { id, url, events, coupon_name: couponName, disabled_at: disabledAt } = webhook;
  return (
    <tr>
      <td class="wide">
        <Link view="operations/webhooks" query={{ id }}>
          <span class="clamp">
            <Text of={url} />
          </span>
        </Link>
      </td>
      <td>
        <StateBadge state={disabledAt === null ? 'active' : 'disabled'} />
        {webhook.disabled_reason !== null && (
          <small class="below">
            <Text of={webhook.disabled_reason} />
          </small>
        )}
      </td>
      <td>
        <NewestDeliveries id={id} />
      </td>
      <td>
        {events.map((event) => (
          <small key={event} class="below">
            {event}
          </small>
        ))}
      </td>
      <td class="wide">{couponName === null ? 'all' : <SaleLink name={couponName} />}</td>
      <td>
        <Moment at={webhook.created_at} />
      </td>
    </tr>
  );
}

/** How the newest deliveries of a webhook went. The list itself does not say whether its receiver fails. */
function NewestDeliveries({ id }: { id: string }) {
  const { value, isReading, refusal } = useRead(
    (signal) => service.listWebhookDeliveries({ id, limit: newestMax }, { signal }),
    { key: id, everyMs },
  );
  if (value === undefined) {
    if (refusal !== undefined) return <>unknown: {refusal.problem.title}</>;
    return <>{isReading ? '…' : 'unknown'}</>;
  }
  const { state, text } = summaryOf(value.deliveries, serverNowMs());
  return (
    <>
      {state !== undefined && <StateBadge state={state} />}
      <small class="below">{text}</small>
    </>
  );
}
