// SPDX-License-Identifier: GPL-3.0-or-later
import { useState } from 'preact/hooks';
import type { TestDelivery, Webhook } from '../../../client.ts';
import { DoubtNote } from '../../actions/doubt-note.tsx';
import { useWrite } from '../../actions/use-write.ts';
import { goTo, hrefOf } from '../../routing/route.ts';
import { service } from '../../service.ts';
import { useMayOperate } from '../../session/session.tsx';
import { RefusalNote } from '../../ui/refusal-note.tsx';
import { StateBadge } from '../../ui/state-badge.tsx';
import { Text } from '../../ui/text.tsx';
import { DeleteWebhookDialog } from './delete-webhook-dialog.tsx';
import { RotateSecretDialog } from './rotate-secret-dialog.tsx';

// A receiver has three seconds to answer.
const testMs = 15_000;

/** What an operator can do with a webhook. */
export function WebhookActions({ webhook, onChange }: { webhook: Webhook; onChange: () => void }) {
  const { id } = webhook;
  const mayOperate = useMayOperate();
  const [open, setOpen] = useState<'rotate' | 'delete'>();
  const test = useWrite<TestDelivery>();
  const enable = useWrite<Webhook>(onChange);
  const isBusy = [test, enable].some(({ state }) => ['sending', 'unknown'].includes(state.step));
  return (
    <div class="stack">
      <div class="row-actions">
        {webhook.disabled_at !== null && (
          <button
            type="button"
            class="primary"
            disabled={!mayOperate || isBusy}
            onClick={() => enable.start(enableCall(id))}
          >
            Enable
          </button>
        )}
        <button
          type="button"
          disabled={!mayOperate || isBusy}
          onClick={() =>
            test.start({ send: () => service.testWebhook({ id }, { timeoutMs: testMs }) })
          }
        >
          {test.state.step === 'sending' ? 'Sending …' : 'Send a sample'}
        </button>
        <button type="button" disabled={!mayOperate || isBusy} onClick={() => setOpen('rotate')}>
          Rotate the secret …
        </button>
        <button
          type="button"
          class="danger"
          disabled={!mayOperate || isBusy}
          onClick={() => setOpen('delete')}
        >
          Delete …
        </button>
      </div>
      {!mayOperate && <small>Changes need the admin key.</small>}
      <div role="status">
        {test.state.step === 'done' && <Tested delivery={test.state.value} />}
        {enable.state.step === 'done' && <p>It gets what happens from now on.</p>}
      </div>
      {[test, enable].map(({ state }, place) => (
        <RefusalNote
          key={place === 0 ? 'test' : 'enable'}
          refusal={state.step === 'refused' ? state.refusal : undefined}
        />
      ))}
      <DoubtNote
        write={test}
        doubt="The sample may have arrived or not. To ask sends another one."
      />
      <DoubtNote write={enable} doubt="The webhook may be enabled or not." />
      {open === 'rotate' && <RotateSecretDialog id={id} onClose={() => setOpen(undefined)} />}
      {open === 'delete' && (
        <DeleteWebhookDialog
          webhook={webhook}
          onDone={() => goTo(hrefOf('operations/webhooks'))}
          onClose={() => setOpen(undefined)}
        />
      )}
    </div>
  );
}

function Tested({ delivery: { delivered, status, error } }: { delivery: TestDelivery }) {
  const answer = status === null ? 'no answer' : `status ${status}`;
  if (delivered) {
    return (
      <p>
        <StateBadge state="delivered" /> The sample was delivered: {answer}.
      </p>
    );
  }
  return (
    <p class="note error">
      The sample was not delivered: {answer}. {error !== null && <Text of={error} />}
    </p>
  );
}

function enableCall(id: string) {
  return {
    send: () => service.enableWebhook({ id }),
    find: async () => {
      const read = await service.readWebhook({ id });
      if (read.outcome !== 'ok') return read;
      const differs = read.value.disabled_at === null ? [] : ['disabled_at'];
      return { ...read, value: { value: read.value, differs } };
    },
  };
}
