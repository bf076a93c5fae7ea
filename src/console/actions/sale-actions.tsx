// SPDX-License-Identifier: GPL-3.0-or-later
import { useId, useState } from 'preact/hooks';
import type { Coupon } from '../../client.ts';
import { serverNowMs } from '../clock.ts';
import type { Sale } from '../live/sale-data.ts';
import { useMayOperate } from '../session/session.tsx';
import { Text } from '../ui/text.tsx';
import './actions.css';
import { AddStockDialog } from './add-stock-dialog.tsx';
import { ArchiveDialog } from './archive-dialog.tsx';
import { EndSaleDialog } from './end-sale-dialog.tsx';
import { whyNotEnded } from './ending.ts';
import { useKnownCoupon } from './known-coupon.ts';
import { PauseControl } from './pause-control.tsx';
import { ScheduleDialog } from './schedule-dialog.tsx';
import { TextsDialog } from './texts-dialog.tsx';

type DialogName = 'schedule' | 'stock' | 'texts' | 'reason' | 'end' | 'archive';

/** What an operator can do to a sale. A viewer sees the same, disabled. */
export function SaleActions({ sale }: { sale: Sale }) {
  const mayOperate = useMayOperate();
  const { coupon, remember } = useKnownCoupon(sale);
  const [open, setOpen] = useState<DialogName>();
  const [message, setMessage] = useState('');
  const reasonId = useId();
  const { name } = sale;
  if (sale.refusal?.outcome === 'coupon_not_found') return null;

  const close = (said = '') => {
    setOpen(undefined);
    setMessage(said);
  };
  const onDone = (changed: Coupon, said: string) => {
    remember(changed);
    close(said);
  };
  const nowMs = serverNowMs();
  const whyNotEnd = coupon && nowMs !== undefined ? whyNotEnded(coupon, nowMs) : undefined;
  const button = (dialog: DialogName, label: string, isDisabled: boolean, kind = '') => (
    <button
      type="button"
      class={kind}
      disabled={!mayOperate || isDisabled}
      aria-describedby={mayOperate ? undefined : reasonId}
      onClick={() => {
        setMessage('');
        setOpen(dialog);
      }}
    >
      {label}
    </button>
  );
  const isUnknown = coupon === undefined;
  const dialogProps = { name, onDone, onClose: () => close() };
  return (
    <section class="panel stack actions" aria-labelledby={`${reasonId}-title`}>
      <h2 id={`${reasonId}-title`}>Actions</h2>
      {!mayOperate && (
        <p id={reasonId}>You are logged in as a viewer. Actions need the admin key.</p>
      )}
      {coupon?.archived !== true && (
        <PauseControl
          {...{ name, coupon }}
          whyDisabledId={mayOperate ? undefined : reasonId}
          onPress={() => setMessage('')}
          onChange={onDone}
        />
      )}
      {coupon?.paused && (
        <div class="row">
          <span>
            Reason of the pause:{' '}
            {coupon.pause_reason === null ? 'none given' : <Text of={coupon.pause_reason} />}
          </span>
          {button(
            'reason',
            coupon.pause_reason === null ? 'Give a reason' : 'Edit the reason',
            false,
            'quiet',
          )}
        </div>
      )}
      <div class="row">
        {button('schedule', 'Schedule', isUnknown)}
        {button('stock', 'Add stock', false)}
        {button('texts', 'Edit texts', isUnknown)}
        {button('archive', coupon?.archived ? 'Undo the archiving' : 'Archive', isUnknown)}
        {button('end', 'End the sale', isUnknown || whyNotEnd !== undefined, 'danger')}
      </div>
      {whyNotEnd !== undefined && <small>{whyNotEnd}</small>}
      {isUnknown && sale.refusal !== undefined && (
        <p>No numbers have arrived. The sale can be paused all the same, and stock can be added.</p>
      )}
      <p role="status" class="status">
        {message}
      </p>
      {open === 'stock' && <AddStockDialog {...{ sale, coupon, onDone }} onClose={close} />}
      {coupon !== undefined && (
        <>
          {open === 'schedule' && <ScheduleDialog {...{ coupon }} {...dialogProps} />}
          {open === 'archive' && <ArchiveDialog {...{ coupon }} {...dialogProps} />}
          {open === 'end' && <EndSaleDialog {...{ sale, coupon }} {...dialogProps} />}
          {open === 'texts' && (
            <TextsDialog
              title="Title and description"
              submitLabel="Save the texts"
              said="The texts are saved."
              hint="Shown to shoppers. An empty text is removed."
              members={['title', 'description']}
              {...{ coupon }}
              {...dialogProps}
            />
          )}
          {open === 'reason' && (
            <TextsDialog
              title="Reason of the pause"
              submitLabel="Save the reason"
              said="The reason is saved."
              hint="Shown to shoppers while the sale is paused. It is removed when the sale is resumed."
              members={['pause_reason']}
              {...{ coupon }}
              {...dialogProps}
            />
          )}
        </>
      )}
    </section>
  );
}
