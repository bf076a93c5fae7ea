// SPDX-License-Identifier: GPL-3.0-or-later
import { useState } from 'preact/hooks';
import type { Coupon, CouponSummary } from '../../client.ts';
import { fieldError } from '../ui/field.tsx';
import { changeCall } from './change-call.ts';
import { browserZone } from './local-time.ts';
import { ScheduleEffect } from './schedule-effect-note.tsx';
import { changedTime, enteredTime, entryError, entryOf } from './time-entry.ts';
import { TimeField } from './time-field.tsx';
import { useWrite } from './use-write.ts';
import { WriteDialog } from './write-dialog.tsx';

/** Changes when a sale opens and closes. */
export function ScheduleDialog({
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
  const zone = browserZone();
  // What was stored when the dialog opened. Only what differs from it is sent.
  const [stored] = useState(coupon);
  const [opens, setOpens] = useState(() => entryOf(stored.opens_at, zone));
  const [closes, setCloses] = useState(() => entryOf(stored.closes_at, zone));
  const write = useWrite<Coupon>(({ value }) => onDone(value, 'The schedule is saved.'));
  const refusal = write.state.step === 'refused' ? write.state.refusal : undefined;
  const [opensAt, closesAt] = [enteredTime(opens, zone), enteredTime(closes, zone)];
  const change = {
    opens_at: changedTime(opensAt, stored.opens_at),
    closes_at: changedTime(closesAt, stored.closes_at),
  };
  const isWrong = [opensAt, closesAt].some((entered) => entryError(entered) !== undefined);
  const isUnchanged = change.opens_at === undefined && change.closes_at === undefined;
  return (
    <WriteDialog
      title="Schedule the sale"
      submitLabel="Save the schedule"
      isIncomplete={isWrong || isUnchanged}
      placed={['opens_at', 'closes_at']}
      doubt="The schedule may be saved or not."
      onSubmit={() => write.start(changeCall({ name, ...sent(change) }))}
      {...{ write, onClose }}
    >
      <TimeField
        label="Opens"
        emptyHint="No opening time."
        entry={opens}
        error={fieldError(refusal, 'opens_at')}
        onChange={setOpens}
      />
      <TimeField
        label="Closes"
        emptyHint="No closing time."
        entry={closes}
        error={fieldError(refusal, 'closes_at')}
        onChange={setCloses}
      />
      <ScheduleEffect
        opensAt={opensAt}
        closesAt={closesAt}
        isPaused={coupon.paused}
        before={coupon.archived ? undefined : coupon.state}
      />
      {coupon.archived && (
        <p class="note">The sale is archived: it stays closed until that is undone.</p>
      )}
    </WriteDialog>
  );
}

/** Without the members that stay as they are: null removes a limit, so they must not be sent at all. */
function sent(change: {
  opens_at: string | null | undefined;
  closes_at: string | null | undefined;
}) {
  const { opens_at, closes_at } = change;
  return {
    ...(opens_at !== undefined && { opens_at }),
    ...(closes_at !== undefined && { closes_at }),
  };
}
