// SPDX-License-Identifier: GPL-3.0-or-later
import { useState } from 'preact/hooks';
import type { RedeliveredEvents } from '../../../client.ts';
import { browserZone } from '../../actions/local-time.ts';
import { enteredTime, type TimeEntry } from '../../actions/time-entry.ts';
import { TimeField } from '../../actions/time-field.tsx';
import { useWrite } from '../../actions/use-write.ts';
import { WriteDialog } from '../../actions/write-dialog.tsx';
import { service } from '../../service.ts';
import { formatCount, formatCountOf } from '../../ui/format.ts';
import { RefusalNote } from '../../ui/refusal-note.tsx';
import { useRead } from '../../ui/use-read.ts';
import { deliveriesOf } from './delivery-pages.ts';
import { failedEventsOf, resendEach, type Stretch } from './resend-events.ts';

const pageLimit = 1_000;

/** Sends the events of a stretch of time again: those that failed, or all. */
export function ResendDialog({
  id,
  onDone,
  onClose,
}: {
  id: string;
  onDone: (message: string) => void;
  onClose: () => void;
}) {
  const [since, setSince] = useState<TimeEntry>({ text: '' });
  const [until, setUntil] = useState<TimeEntry>({ text: '' });
  const [isFailedOnly, setFailedOnly] = useState(true);
  const [sent, setSent] = useState(0);
  const stretch = stretchOf(since, until);
  const failed = useRead<string[] | undefined>(
    async (signal) =>
      stretch === undefined || !isFailedOnly
        ? { outcome: 'ok', status: 200, value: undefined, replayed: false }
        : await failedEventsOf(stretch, deliveriesOf(id, pageLimit), signal),
    { key: `${isFailedOnly} ${stretch?.sinceMs} ${stretch?.untilMs}` },
  );
  const write = useWrite<RedeliveredEvents>(({ value }) =>
    onDone(`Sent again: ${formatCountOf(value.events, ['event', 'events'])}, due now.`),
  );
  const events = failed.value;
  return (
    <WriteDialog
      title="Send events again"
      submitLabel={
        isFailedOnly
          ? `Send ${formatCountOf(events?.length, ['failed event', 'failed events'])}`
          : 'Send all events'
      }
      isIncomplete={
        stretch === undefined || (isFailedOnly && (events === undefined || events.length === 0))
      }
      doubt="Some of the events may be due again. To send them twice is safe: a receiver compares their ids."
      onSubmit={() => {
        if (stretch === undefined) return;
        write.start({
          send: () =>
            isFailedOnly
              ? resendEach(
                  events ?? [],
                  (eventId) => service.redeliverEvents({ id, event_id: eventId }),
                  setSent,
                )
              : service.redeliverEvents({ id, ...timesOf(stretch) }),
        });
      }}
      {...{ write, onClose }}
    >
      <p>
        They are due at once and are tried for 24 hours. Only events of the last 30 days that the
        webhook was to get can be sent.
      </p>
      <TimeField label="From" emptyHint="Needed" entry={since} onChange={setSince} />
      <TimeField label="Until, without it" emptyHint="Needed" entry={until} onChange={setUntil} />
      {typeof stretch === 'undefined' && since.text !== '' && until.text !== '' && (
        <p class="note">The end must be later than the beginning.</p>
      )}
      <fieldset class="choice">
        <legend>Which events</legend>
        <label>
          <input
            {...{ type: 'radio', name: 'which', checked: isFailedOnly }}
            onChange={() => setFailedOnly(true)}
          />{' '}
          Those that failed
        </label>
        <label>
          <input
            {...{ type: 'radio', name: 'which', checked: !isFailedOnly }}
            onChange={() => setFailedOnly(false)}
          />{' '}
          All, also those that were delivered
        </label>
      </fieldset>
      <div role="status">
        {isFailedOnly && stretch !== undefined && (
          <p>
            {failed.isReading
              ? 'Counting …'
              : `Failed in this time: ${formatCountOf(events?.length, ['event', 'events'])}.`}
          </p>
        )}
        {sent > 0 && <p>{formatCount(sent)} sent so far.</p>}
      </div>
      <RefusalNote refusal={failed.refusal} />
    </WriteDialog>
  );
}

function stretchOf(since: TimeEntry, until: TimeEntry): Stretch | undefined {
  const [sinceMs, untilMs] = [since, until].map((entry) => enteredTime(entry, browserZone()));
  if (typeof sinceMs !== 'number' || typeof untilMs !== 'number') return undefined;
  return untilMs > sinceMs ? { sinceMs, untilMs } : undefined;
}

function timesOf({ sinceMs, untilMs }: Stretch): { since: string; until: string } {
  return { since: new Date(sinceMs).toISOString(), until: new Date(untilMs).toISOString() };
}
