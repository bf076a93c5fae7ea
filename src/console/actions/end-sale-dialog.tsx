// SPDX-License-Identifier: GPL-3.0-or-later
import { useState } from 'preact/hooks';
import type { Coupon, CouponSummary } from '../../client.ts';
import { serverNowMs } from '../clock.ts';
import type { Sale } from '../live/sale-data.ts';
import { Field } from '../ui/field.tsx';
import { formatCount } from '../ui/format.ts';
import { Text } from '../ui/text.tsx';
import { AgeNote } from './age-note.tsx';
import { changeCall } from './change-call.ts';
import { endingOf } from './ending.ts';
import { isTypedName } from './typed-name.ts';
import { useWrite } from './use-write.ts';
import { WriteDialog } from './write-dialog.tsx';

/** Ends a sale now, by the clock of the service. The name has to be typed. */
export function EndSaleDialog({
  sale,
  coupon,
  onDone,
  onClose,
}: {
  sale: Sale;
  coupon: CouponSummary;
  onDone: (coupon: Coupon, message: string) => void;
  onClose: () => void;
}) {
  const { name } = sale;
  const [typed, setTyped] = useState('');
  // The clock of the page may be a moment ahead.
  const write = useWrite<Coupon>(({ value }) =>
    onDone(value, value.state === 'closed' ? 'The sale has ended.' : 'The sale ends now.'),
  );
  return (
    <WriteDialog
      title="End the sale"
      submitLabel="End the sale"
      isDanger
      isIncomplete={!isTypedName(typed, name)}
      doubt="The sale may have ended or not."
      onSubmit={() => {
        const nowMs = serverNowMs();
        if (nowMs !== undefined) write.start(changeCall({ name, ...endingOf(coupon, nowMs) }));
      }}
      {...{ write, onClose }}
    >
      <p>
        No claim is accepted from now on: {formatCount(coupon.remaining_amount)} of{' '}
        {formatCount(coupon.amount)} units are not sold.
      </p>
      <HoldsNote coupon={coupon} reserved={sale.overview?.claims?.reserved} />
      <AgeNote sale={sale} />
      <p>A later closing time opens the sale again.</p>
      <Field label="Type the name of the sale" hint={<Text of={name} />}>
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

function HoldsNote({ coupon, reserved }: { coupon: CouponSummary; reserved: number | undefined }) {
  if (coupon.hold_seconds === null) return <p>All claims stay as they are.</p>;
  const held = `${formatCount(reserved)} reserved claims`;
  const end =
    coupon.saga === null
      ? 'can still be confirmed until their hold ends'
      : 'stay with their sagas, which confirm or release them';
  return (
    <p>
      All claims stay as they are. {held} {end}. A unit that comes back is not sold again.
    </p>
  );
}
