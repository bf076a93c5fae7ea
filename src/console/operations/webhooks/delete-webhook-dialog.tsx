// SPDX-License-Identifier: GPL-3.0-or-later
import { useState } from 'preact/hooks';
import type { ReadResult, Webhook, WriteResult } from '../../../client.ts';
import { isTypedName } from '../../actions/typed-name.ts';
import { useWrite } from '../../actions/use-write.ts';
import { WriteDialog } from '../../actions/write-dialog.tsx';
import { service } from '../../service.ts';
import { Field } from '../../ui/field.tsx';
import { Identifier } from '../../ui/identifier.tsx';

type Deleted = { isDeleted: boolean };

/** Deletes a webhook. The host of its receiver has to be typed. */
export function DeleteWebhookDialog({
  webhook: { id, url },
  onDone,
  onClose,
}: {
  webhook: Webhook;
  onDone: () => void;
  onClose: () => void;
}) {
  const [typed, setTyped] = useState('');
  const write = useWrite<Deleted>(onDone);
  const host = hostOf(url);
  return (
    <WriteDialog
      title="Delete the webhook"
      submitLabel="Delete the webhook"
      isDanger
      isIncomplete={!isTypedName(typed, host)}
      doubt="The webhook may be deleted or not."
      onSubmit={() => write.start({ send: () => remove(id), find: () => find(id) })}
      {...{ write, onClose }}
    >
      <p>
        <Identifier of={url} /> gets no further event. Its deliveries go with it, also those that
        are pending.
      </p>
      <Field label="Type the host of the receiver" hint={<Identifier of={host} />}>
        {(attributes) => (
          <input
            {...attributes}
            {...{ autocomplete: 'off', autocapitalize: 'off', spellcheck: false }}
            value={typed}
            onInput={({ currentTarget }) => setTyped(currentTarget.value)}
          />
        )}
      </Field>
    </WriteDialog>
  );
}

function hostOf(url: string): string {
  return URL.canParse(url) ? new URL(url).host : url;
}

async function remove(id: string): Promise<WriteResult<Deleted>> {
  const result = await service.deleteWebhook({ id });
  return result.outcome === 'ok' ? { ...result, value: { isDeleted: true } } : result;
}

/** What is not found is deleted. */
async function find(
  id: string,
): Promise<ReadResult<{ value: Deleted; differs: readonly string[] }>> {
  const read = await service.readWebhook({ id });
  if (read.outcome === 'webhook_not_found') {
    const value = { value: { isDeleted: true }, differs: [] };
    return { outcome: 'ok', status: 200, value, replayed: false };
  }
  if (read.outcome !== 'ok') return read;
  return { ...read, value: { value: { isDeleted: false }, differs: ['deleted'] } };
}
