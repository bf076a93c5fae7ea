// SPDX-License-Identifier: GPL-3.0-or-later
import { useState } from 'preact/hooks';
import type { Claim } from '../../client.ts';
import { service } from '../service.ts';
import { useMayOperate } from '../session/session.tsx';
import { Dialog } from '../ui/dialog.tsx';
import { Facts } from '../ui/facts.tsx';
import { Field, fieldError } from '../ui/field.tsx';
import { formatCount } from '../ui/format.ts';
import { Moment, Text } from '../ui/text.tsx';
import './actions.css';
import { undoEffect } from './undo-effect.ts';
import { useWrite } from './use-write.ts';
import { WriteDialog } from './write-dialog.tsx';

/**
 * A dialog that releases a claim, so that its unit is on sale again. `onDone` is called when it closes: with the claim as the
 * service returned it, or with undefined where nothing was changed.
 */
export function UndoClaim({
  couponName,
  claim,
  onDone,
}: {
  couponName: string;
  claim: Claim;
  onDone: (released?: Claim) => void;
}) {
  const mayOperate = useMayOperate();
  const [reason, setReason] = useState('');
  const [isFinal, setFinal] = useState(false);
  const write = useWrite<Claim>();
  const { state } = write;
  if (state.step === 'done') {
    return <Undone claim={state.value} isStarted={state.status === 202} onDone={onDone} />;
  }
  const refusal = state.step === 'refused' ? state.refusal : undefined;
  const { user_id, claim_id } = claim;
  return (
    <WriteDialog
      title="Undo a claim"
      submitLabel="Release the claim"
      isDanger
      isIncomplete={reason.trim() === '' || !mayOperate}
      placed={['reason']}
      doubt="The claim may be released or not. Asking again is safe: it names the claim."
      onSubmit={() => {
        const args = { coupon_name: couponName, user_id, claim_id, reason: reason.trim() };
        write.start({
          send: () => service.releaseClaim({ ...args, ...(isFinal && { final: true }) }),
        });
      }}
      onClose={() => onDone()}
      {...{ write }}
    >
      <Facts of={factsOf(claim)} />
      <p>{undoEffect(claim)}</p>
      {!mayOperate && <p class="note">You are logged in as a viewer. This needs the admin key.</p>}
      <Field
        label="Reason"
        hint="Kept with the claim and in the operator log. 1 to 255 characters."
        error={fieldError(refusal, 'reason')}
      >
        {(attributes) => (
          <input
            {...attributes}
            {...{ autocomplete: 'off', maxLength: 255 }}
            value={reason}
            onInput={({ currentTarget }) => setReason(currentTarget.value)}
          />
        )}
      </Field>
      <label class="check">
        <input
          type="checkbox"
          checked={isFinal}
          onChange={({ currentTarget }) => setFinal(currentTarget.checked)}
        />
        This user may not claim this coupon again
      </label>
    </WriteDialog>
  );
}

function factsOf(claim: Claim): Parameters<typeof Facts>[0]['of'] {
  const { user_id, position, state, saga_state, claimed_at } = claim;
  return [
    ['User', <Text of={user_id} />],
    ['Position', formatCount(position)],
    ['State', saga_state === undefined ? state : `${state}, its saga is ${saga_state}`],
    ['Claimed at', <Moment at={claimed_at} />],
  ];
}

function Undone({
  claim,
  isStarted,
  onDone,
}: {
  claim: Claim;
  /** Its saga has only begun to undo. */
  isStarted: boolean;
  onDone: (released: Claim) => void;
}) {
  return (
    <Dialog
      title={isStarted ? 'The saga undoes the claim' : 'The claim is released'}
      onClose={() => onDone(claim)}
    >
      <div class="stack" role="status">
        <Facts of={factsOf(claim)} />
        <p>
          {isStarted
            ? 'The saga was asked to undo its steps. The claim is released when they are undone.'
            : 'Its unit is on sale again.'}
        </p>
        <div class="row">
          <button type="button" class="primary" onClick={() => onDone(claim)}>
            Close
          </button>
        </div>
      </div>
    </Dialog>
  );
}
