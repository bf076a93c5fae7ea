// SPDX-License-Identifier: GPL-3.0-or-later
import { useState } from 'preact/hooks';
import type { Delivery, RedeliveredEvents, Webhook } from '../../../client.ts';
import { DoubtNote } from '../../actions/doubt-note.tsx';
import { useWrite } from '../../actions/use-write.ts';
import { service } from '../../service.ts';
import { useMayOperate } from '../../session/session.tsx';
import { FilterLinks } from '../../ui/filter-links.tsx';
import { formatCount, unknown } from '../../ui/format.ts';
import { MoreButton } from '../../ui/more-button.tsx';
import { RefusalNote } from '../../ui/refusal-note.tsx';
import { StateBadge } from '../../ui/state-badge.tsx';
import { TableScroll } from '../../ui/table-scroll.tsx';
import { Moment, Text } from '../../ui/text.tsx';
import { usePages } from '../../ui/use-pages.ts';
import { deliveriesOf } from './delivery-pages.ts';
import { isFailed, stateOf } from './delivery-words.ts';
import { ResendDialog } from './resend-dialog.tsx';

/** What became of the events of a webhook, the newest first. */
export function Deliveries({ webhook, isFailedOnly }: { webhook: Webhook; isFailedOnly: boolean }) {
  const { id } = webhook;
  const mayOperate = useMayOperate();
  const [isResending, setResending] = useState(false);
  const [message, setMessage] = useState('');
  const pages = usePages(deliveriesOf(id), {
    key: `${isFailedOnly} ${id}`,
    ...(isFailedOnly && { isWanted: isFailed }),
  });
  const { items, isReading, hasMore, refusal, reload } = pages;
  return (
    <section class="panel stack" aria-labelledby="deliveries">
      <div class="row">
        <h2 id="deliveries">Deliveries</h2>
        <FilterLinks
          {...{ label: 'Which deliveries', view: 'operations/webhooks', query: { id } }}
          {...{ name: 'deliveries', chosen: isFailedOnly ? 'failed' : '' }}
          options={[
            ['', 'All'],
            ['failed', 'Failed'],
          ]}
        />
        <button type="button" disabled={isReading} onClick={reload}>
          Read again
        </button>
        <button type="button" disabled={!mayOperate} onClick={() => setResending(true)}>
          Send again …
        </button>
        {!mayOperate && <small>To send again needs the admin key.</small>}
      </div>
      <p role="status">{message}</p>
      {items.length > 0 && <DeliveryTable {...{ id, deliveries: items, mayOperate }} />}
      {items.length === 0 && !isReading && !hasMore && refusal === undefined ? (
        <p>{isFailedOnly ? 'No delivery has failed.' : 'No event has happened yet.'}</p>
      ) : (
        <MoreButton pages={pages} of={isFailedOnly ? 'failed deliveries' : 'deliveries'} />
      )}
      {isResending && (
        <ResendDialog
          id={id}
          onDone={(text) => {
            setResending(false);
            setMessage(text);
            reload();
          }}
          onClose={() => setResending(false)}
        />
      )}
    </section>
  );
}

function DeliveryTable({
  id,
  deliveries,
  mayOperate,
}: {
  id: string;
  deliveries: readonly Delivery[];
  mayOperate: boolean;
}) {
  return (
    <TableScroll label="Deliveries">
      <table>
        <thead>
          <tr>
            <th>Event</th>
            <th>Happened</th>
            <th>State</th>
            <th>Last answer</th>
            <th>Next attempt</th>
            <th>Action</th>
          </tr>
        </thead>
        <tbody>
          {deliveries.map((delivery) => (
            <DeliveryRow key={delivery.event_id} {...{ id, delivery, mayOperate }} />
          ))}
        </tbody>
      </table>
    </TableScroll>
  );
}

function DeliveryRow({
  id,
  delivery,
  mayOperate,
}: {
  id: string;
  delivery: Delivery;
  mayOperate: boolean;
}) {
  const { event_id: eventId, last_attempt_at: lastAttemptAt, last_status: lastStatus } = delivery;
  return (
    <tr>
      <td>
        {delivery.type}
        <small class="below identifier">
          <Text of={eventId} />
        </small>
      </td>
      <td>
        <Moment at={delivery.timestamp} />
      </td>
      <td>
        <StateBadge state={stateOf(delivery)} />
        <small class="below">
          {delivery.attempts === 1 ? '1 attempt' : `${formatCount(delivery.attempts)} attempts`}
        </small>
      </td>
      <td class="wide">
        {lastAttemptAt === null ? (
          unknown
        ) : (
          <>
            {lastStatus === null ? 'no answer' : `status ${lastStatus}`},{' '}
            <Moment at={lastAttemptAt} />
          </>
        )}
        {delivery.last_error !== null && (
          <small class="below">
            <Text of={delivery.last_error} />
          </small>
        )}
      </td>
      <td>
        <Moment at={delivery.next_attempt_at} />
      </td>
      <td>
        <SendAgain {...{ id, eventId, mayOperate }} />
      </td>
    </tr>
  );
}

/** Sends one event again. What the service says stands in its row. */
function SendAgain({
  id,
  eventId,
  mayOperate,
}: {
  id: string;
  eventId: string;
  mayOperate: boolean;
}) {
  const write = useWrite<RedeliveredEvents>();
  const { state } = write;
  return (
    <>
      <button
        type="button"
        disabled={!mayOperate || state.step === 'sending' || state.step === 'unknown'}
        aria-label={`Send ${eventId} again`}
        onClick={() =>
          write.start({ send: () => service.redeliverEvents({ id, event_id: eventId }) })
        }
      >
        Send again
      </button>
      <output class="below">
        {state.step === 'done' && (state.value.events > 0 ? 'It is due now' : 'It was not sent')}
      </output>
      <RefusalNote refusal={state.step === 'refused' ? state.refusal : undefined} />
      <DoubtNote write={write} doubt="The event may be due again or not." />
    </>
  );
}
