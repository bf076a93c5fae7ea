// SPDX-License-Identifier: GPL-3.0-or-later
import type { Coupon, CouponSummary } from '../../client.ts';
import { serverNowMs } from '../clock.ts';
import { formatCount } from '../ui/format.ts';
import { changeCall } from './change-call.ts';
import { stateAt } from './schedule-effect.ts';
import { useWrite } from './use-write.ts';
import { WriteDialog } from './write-dialog.tsx';

/** Archives a sale, or takes it back. */
export function ArchiveDialog({
  name,
  coupon,
  onDone,
  onClose,
}: {
  name: string;
  coupon: CouponSummary;
  onDone: (coupon: Coupon, message: string) => void;
  onClose: () => void;
}) {
  const { archived: isArchived } = coupon;
  const write = useWrite<Coupon>(({ value }) =>
    onDone(value, value.archived ? 'The sale is archived.' : 'The sale is no longer archived.'),
  );
  return (
    <WriteDialog
      title={isArchived ? 'Undo the archiving' : 'Archive the sale'}
      submitLabel={isArchived ? 'Undo the archiving' : 'Archive the sale'}
      isDanger={!isArchived && coupon.state === 'open'}
      doubt="The sale may be archived or not."
      onSubmit={() => write.start(changeCall({ name, archived: !isArchived }))}
      {...{ write, onClose }}
    >
      {isArchived ? <TakenBack coupon={coupon} /> : <Archived coupon={coupon} />}
    </WriteDialog>
  );
}

function Archived({ coupon: { state, remaining_amount, amount } }: { coupon: CouponSummary }) {
  return (
    <>
      {state === 'open' && (
        <p class="note">
          The sale is open, with {formatCount(remaining_amount)} of {formatCount(amount)} units
          left. It closes at once.
        </p>
      )}
      <p>
        The sale leaves the list and accepts no claims. Its claims stay, and can be confirmed,
        released and redeemed. This can be undone.
      </p>
    </>
  );
}

function TakenBack({ coupon }: { coupon: CouponSummary }) {
  const nowMs = serverNowMs();
  const moment = (time: string | null) => (time === null ? null : Date.parse(time));
  const state =
    nowMs === undefined
      ? undefined
      : stateAt(
          {
            opensMs: moment(coupon.opens_at),
            closesMs: moment(coupon.closes_at),
            isPaused: coupon.paused,
          },
          nowMs,
        );
  return (
    <p>
      The sale returns to the list, with the window and the pause that it had.
      {state !== undefined && ` Its state is then: ${state}.`}
    </p>
  );
}
