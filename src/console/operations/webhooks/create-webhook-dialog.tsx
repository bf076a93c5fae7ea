// SPDX-License-Identifier: GPL-3.0-or-later
import { useState } from 'preact/hooks';
import type { EventType, WebhookWithSecret } from '../../../client.ts';
import { useIdempotencyKey, useWrite } from '../../actions/use-write.ts';
import { WriteDialog } from '../../actions/write-dialog.tsx';
import { service } from '../../service.ts';
import '../../ui/ui.css';
import { Field, fieldError } from '../../ui/field.tsx';
import { eventMeanings, eventTypes } from './delivery-words.ts';
import { SecretDialog } from './secret-dialog.tsx';

/** Creates a webhook, and shows its secret once. */
export function CreateWebhookDialog({ onClose }: { onClose: () => void }) {
  const [url, setUrl] = useState('');
  const [couponName, setCouponName] = useState('');
  const [events, setEvents] = useState<ReadonlySet<EventType>>(new Set());
  const idempotencyKey = useIdempotencyKey();
  const write = useWrite<WebhookWithSecret>();
  const { state } = write;
  if (state.step === 'done') {
    return (
      <SecretDialog title="The webhook is created" secret={state.value.secret} onClose={onClose}>
        Give this secret to the receiver. It signs every request.
      </SecretDialog>
    );
  }
  const refusal = state.step === 'refused' ? state.refusal : undefined;
  const toggle = (event: EventType) => {
    const next = new Set(events);
    if (!next.delete(event)) next.add(event);
    setEvents(next);
  };
  const create = () => {
    const chosen = eventTypes.filter((event) => events.has(event));
    const coupon = couponName === '' ? {} : { coupon_name: couponName };
    const args = { url, events: chosen, ...coupon };
    write.start({ send: () => service.createWebhook(args, { idempotencyKey }) });
  };
  return (
    <WriteDialog
      title="Create a webhook"
      submitLabel="Create the webhook"
      isIncomplete={url === '' || events.size === 0}
      placed={['url', 'coupon_name']}
      doubt="The webhook may exist or not."
      onSubmit={create}
      {...{ write, onClose }}
    >
      <Field
        label="Receiver"
        hint="HTTPS, at a public address, unless the settings of the service allow others. It cannot be changed later."
        error={fieldError(refusal, 'url')}
      >
        {(attributes) => (
          <input
            {...attributes}
            {...{ type: 'url', required: true, maxLength: 2_048, spellcheck: false, value: url }}
            placeholder="https://shop.example/events"
            onInput={({ currentTarget }) => setUrl(currentTarget.value)}
          />
        )}
      </Field>
      <fieldset class="choices events">
        <legend>Events</legend>
        {eventTypes.map((event) => (
          <label key={event}>
            <input
              {...{ type: 'checkbox', checked: events.has(event) }}
              onChange={() => toggle(event)}
            />
            {event} <small>{eventMeanings[event]}</small>
          </label>
        ))}
      </fieldset>
      <Field
        label="Only of one sale"
        hint="Its exact name. Empty: the events of all sales."
        error={fieldError(refusal, 'coupon_name')}
      >
        {(attributes) => (
          <input
            {...attributes}
            {...{ autocomplete: 'off', autocapitalize: 'off', spellcheck: false }}
            value={couponName}
            onInput={({ currentTarget }) => setCouponName(currentTarget.value)}
          />
        )}
      </Field>
    </WriteDialog>
  );
}
