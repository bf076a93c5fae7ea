// SPDX-License-Identifier: GPL-3.0-or-later
import { useEffect } from 'preact/hooks';
import type { Coupon, CouponSummary } from '../../client.ts';
import { RefusalNote } from '../ui/refusal-note.tsx';
import { changeCall } from './change-call.ts';
import { DoubtNote } from './doubt-note.tsx';
import { useWrite } from './use-write.ts';
import { withoutRepeats } from './without-repeats.ts';

/** Pauses the sale by one press, and resumes it by another one in its place. */
export function PauseControl({
  name,
  coupon,
  whyDisabledId,
  onPress,
  onChange,
}: {
  name: string;
  /** Undefined while nothing is known of it. It can be paused all the same. */
  coupon: CouponSummary | undefined;
  /** The id of the text that says why it is disabled. Undefined: it is not. */
  whyDisabledId: string | undefined;
  onPress: () => void;
  onChange: (coupon: Coupon, message: string) => void;
}) {
  const isPaused = coupon?.paused ?? false;
  const write = useWrite<Coupon>(({ value }) => {
    onChange(value, value.paused ? 'The sale is paused.' : 'The sale is resumed.');
    write.reset();
  });
  const { step } = write.state;

  // The live view answers the question, too: the pause is there, or it is over.
  useEffect(() => write.reset(), [isPaused]);

  const press = () => {
    onPress();
    // A reason belongs to its pause. Shoppers would read it in the next one.
    const reason = coupon?.pause_reason == null ? {} : { pause_reason: null };
    write.start(changeCall({ name, paused: !isPaused, ...(isPaused && reason) }));
  };
  return (
    <div class="stack">
      <button
        type="button"
        class={isPaused ? 'primary pause' : 'pause'}
        disabled={whyDisabledId !== undefined}
        // Not disabled, which would take the focus away. A second press does nothing.
        aria-disabled={step === 'sending' || step === 'unknown'}
        aria-describedby={whyDisabledId}
        onClick={({ detail: clicks }) => {
          // The second click of a double click would take the first one back.
          if (clicks <= 1) press();
        }}
        onKeyDown={withoutRepeats}
      >
        {isPaused ? 'Resume the sale' : 'Pause the sale'}
      </button>
      <RefusalNote refusal={write.state.step === 'refused' ? write.state.refusal : undefined} />
      <DoubtNote write={write} doubt="The sale may be paused or not." />
    </div>
  );
}
