// SPDX-License-Identifier: GPL-3.0-or-later
import { useState } from 'preact/hooks';
import type { Coupon, CouponSummary } from '../../client.ts';
import type { Sale } from '../live/sale-data.ts';
import { service } from '../service.ts';
import { Field, fieldError } from '../ui/field.tsx';
import { formatCount } from '../ui/format.ts';
import { AgeNote } from './age-note.tsx';
import { useIdempotencyKey, useWrite } from './use-write.ts';
import { notWhole, readWholeNumber } from './whole-number.ts';
import { WriteDialog } from './write-dialog.tsx';
import { doubtOf } from './write-state.ts';

/** Adds units to a sale. Its key is made when it opens, so whatever it sends, the units are added once. */
export function AddStockDialog({
  sale,
  coupon,
  onDone,
  onClose,
}: {
  sale: Sale;
  coupon: CouponSummary | undefined;
  onDone: (coupon: Coupon, message: string) => void;
  /** With what stays unknown. */
  onClose: (unknown?: string) => void;
}) {
  const { name } = sale;
  const [text, setText] = useState('');
  const idempotencyKey = useIdempotencyKey();
  const [amountBefore, setAmountBefore] = useState<number>();
  const units = readWholeNumber(text);
  const write = useWrite<Coupon>(({ value }) =>
    onDone(value, `${unitsOf(units)} added. The amount is ${formatCount(value.amount)}.`),
  );
  const refusal = write.state.step === 'refused' ? write.state.refusal : undefined;
  const ownError = text.trim() !== '' && units === undefined ? notWhole : undefined;
  return (
    <WriteDialog
      title="Add stock"
      submitLabel={units === undefined ? 'Add units' : `Add ${unitsOf(units)}`}
      isIncomplete={units === undefined}
      placed={['add']}
      doubt="The units may have been added or not."
      onClose={() =>
        onClose(
          doubtOf(write.state) &&
            `It is not known whether ${unitsOf(units)} were added. The amount was ${formatCount(amountBefore)} before.`,
        )
      }
      onSubmit={() => {
        if (units === undefined) return;
        setAmountBefore(coupon?.amount);
        write.start({ send: () => service.addStock({ name, add: units }, { idempotencyKey }) });
      }}
      {...{ write }}
    >
      <Field label="Units to add" error={ownError ?? fieldError(refusal, 'add')}>
        {(attributes) => (
          <input
            {...attributes}
            {...{ inputMode: 'numeric', autocomplete: 'off', class: 'number short' }}
            value={text}
            onInput={({ currentTarget }) => setText(currentTarget.value)}
          />
        )}
      </Field>
      {doubtOf(write.state) !== undefined ? (
        // The units may be in the amount already, so it says nothing of what it will be.
        <dl class="changes">
          <Count label="Amount before" of={amountBefore} />
          <Count label="Amount now" of={coupon?.amount} />
          <Count label="Remaining now" of={coupon?.remaining_amount} />
        </dl>
      ) : (
        <dl class="changes">
          <Count label="Amount" of={coupon?.amount} plus={units} />
          <Count label="Remaining" of={coupon?.remaining_amount} plus={units} />
        </dl>
      )}
      <AgeNote sale={sale} />
      <p>{effectOf(coupon)}</p>
    </WriteDialog>
  );
}

function Count({
  label,
  of: count,
  plus,
}: {
  label: string;
  of: number | undefined;
  plus?: number | undefined;
}) {
  return (
    <div>
      <dt>{label}</dt>
      <dd class="number">
        {formatCount(count)}
        {plus !== undefined && (
          <>
            {' '}
            → <strong>{formatCount(count === undefined ? undefined : count + plus)}</strong>
          </>
        )}
      </dd>
    </div>
  );
}

function effectOf(coupon: CouponSummary | undefined): string {
  if (coupon?.archived) return 'The coupon is archived: the units are not on sale.';
  switch (coupon?.state) {
    case 'closed':
      return 'The sale is closed: the units are not on sale unless it opens again.';
    case 'paused':
      return 'The sale is paused: the units are on sale once it is resumed.';
    case 'scheduled':
      return 'The units are on sale once the sale opens. Units cannot be taken away again.';
    default:
      return 'The units are on sale at once. They cannot be taken away again.';
  }
}

function unitsOf(units: number | undefined): string {
  return units === 1 ? '1 unit' : `${formatCount(units)} units`;
}
