// SPDX-License-Identifier: GPL-3.0-or-later
import { useState } from 'preact/hooks';
import type { Saga } from '../../../client.ts';
import { DoubtNote } from '../../actions/doubt-note.tsx';
import { useWrite } from '../../actions/use-write.ts';
import { service } from '../../service.ts';
import { useMayOperate } from '../../session/session.tsx';
import { RefusalNote } from '../../ui/refusal-note.tsx';
import { ResolveSagaDialog } from './resolve-saga-dialog.tsx';
import { sagaCall } from './saga-call.ts';

/** What an operator can do with a saga that needs attention. */
export function SagaActions({ saga, onChange }: { saga: Saga; onChange: () => void }) {
  const { saga_id: id, state } = saga;
  const mayOperate = useMayOperate();
  const [isResolving, setResolving] = useState(false);
  const [message, setMessage] = useState('');
  const retry = useWrite<Saga>(() => {
    setMessage('The saga goes on with all its attempts anew.');
    onChange();
  });
  const { step } = retry.state;
  const isBusy = step === 'sending' || step === 'unknown';
  return (
    <div class="stack">
      {(state === 'needs_attention' || isBusy) && (
        <>
          <div class="row-actions">
            <button
              type="button"
              class="primary"
              disabled={!mayOperate}
              aria-disabled={isBusy}
              onClick={() => retry.start(sagaCall(id, () => service.retrySaga({ id })))}
            >
              {step === 'sending' ? 'Sending …' : 'Retry'}
            </button>
            <button
              type="button"
              disabled={!mayOperate || isBusy}
              onClick={() => setResolving(true)}
            >
              Resolve …
            </button>
          </div>
          <small>
            {mayOperate
              ? 'Retry when the participant works again. Resolve when no call can help.'
              : 'Changes need the admin key.'}
          </small>
        </>
      )}
      <p role="status">{message}</p>
      <RefusalNote refusal={retry.state.step === 'refused' ? retry.state.refusal : undefined} />
      <DoubtNote write={retry} doubt="The saga may go on or not." />
      {isResolving && (
        <ResolveSagaDialog
          saga={saga}
          onDone={() => {
            setResolving(false);
            setMessage('The saga is resolved. It ends in a moment.');
            onChange();
          }}
          onClose={() => setResolving(false)}
        />
      )}
    </div>
  );
}
