// SPDX-License-Identifier: GPL-3.0-or-later
import { useId, useState } from 'preact/hooks';
import type { Refusal } from '../../client.ts';
import { service } from '../service.ts';
import { RefusalNote } from '../ui/refusal-note.tsx';

/** The field for the key. The browser sends the key once; from then on a cookie stands for it, which no script can read. */
export function LoginFields({ onLogin }: { onLogin: () => void }) {
  const [key, setKey] = useState('');
  const [isSending, setSending] = useState(false);
  const [refusal, setRefusal] = useState<Refusal>();
  const [isUnknown, setUnknown] = useState(false);
  const id = useId();

  const logIn = async (event: Event) => {
    event.preventDefault();
    setSending(true);
    const result = await service.createConsoleSession({ key: key.trim() });
    setSending(false);
    setUnknown(result.outcome === 'unknown');
    setRefusal(result.outcome === 'ok' || result.outcome === 'unknown' ? undefined : result);
    if (result.outcome === 'ok') {
      setKey('');
      onLogin();
    }
  };

  return (
    <form class="stack" onSubmit={logIn}>
      <label for={id}>Admin key or viewer key</label>
      <input
        {...{ id, type: 'password', autocomplete: 'current-password', required: true }}
        value={key}
        onInput={({ currentTarget }) => setKey(currentTarget.value)}
      />
      <button type="submit" class="primary" disabled={isSending}>
        {isSending ? 'Logging in …' : 'Log in'}
      </button>
      {refusal?.outcome === 'unauthorized' ? (
        <p class="note error" role="alert">
          <strong>This is no key of the service.</strong> Check that all of it was copied.
        </p>
      ) : (
        <RefusalNote refusal={refusal} />
      )}
      {isUnknown && (
        <p class="note error" role="alert">
          No answer arrived. Try again.
        </p>
      )}
    </form>
  );
}
