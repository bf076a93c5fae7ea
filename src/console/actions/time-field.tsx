// SPDX-License-Identifier: GPL-3.0-or-later
import { Field } from '../ui/field.tsx';
import { formatDistance } from '../ui/format.ts';
import { Moment } from '../ui/text.tsx';
import { useServerNow } from '../ui/use-now.ts';
import { browserZone, momentsOf, zoneTimeName } from './local-time.ts';
import { type EnteredTime, enteredTime, entryError, type TimeEntry } from './time-entry.ts';

/** A time in the zone of the browser, with what it is in UTC and how far away it is by the clock of the service. */
export function TimeField({
  label,
  emptyHint,
  entry,
  error,
  onChange,
}: {
  label: string;
  /** What no time means. */
  emptyHint: string;
  entry: TimeEntry;
  /** What the service says is wrong. */
  error?: string | undefined;
  onChange: (entry: TimeEntry) => void;
}) {
  const zone = browserZone();
  const entered = enteredTime(entry, zone);
  const moments = momentsOf(entry.text, zone);
  // While parts are missing the value stays empty, so there is no event of a change.
  const observe = ({ currentTarget: { value, validity } }: { currentTarget: HTMLInputElement }) => {
    if (validity.badInput === (entry.isIncomplete ?? false)) return;
    onChange({ text: value, isIncomplete: validity.badInput });
  };
  return (
    <>
      <Field
        label={`${label} (${zone})`}
        error={entryError(entered) ?? error}
        hint={<Meaning entered={entered} emptyHint={emptyHint} />}
      >
        {(attributes) => (
          <div class="row">
            <input
              {...attributes}
              {...{ type: 'datetime-local', step: 1, max: '9999-12-31T23:59:59' }}
              value={entry.text}
              onInput={({ currentTarget: { value, validity } }) =>
                onChange({ text: value, isIncomplete: validity.badInput })
              }
              onKeyUp={observe}
              onBlur={observe}
            />
            {(entry.text !== '' || entry.isIncomplete) && (
              <button
                type="button"
                class="quiet"
                aria-label={`Clear: ${label}`}
                onClick={({ currentTarget }) => {
                  const input = currentTarget.parentElement?.querySelector('input');
                  if (input != null) {
                    // The value of an incomplete time is empty already.
                    input.value = '';
                    input.focus();
                  }
                  onChange({ text: '' });
                }}
              >
                Clear
              </button>
            )}
          </div>
        )}
      </Field>
      {moments.length > 1 && (
        <fieldset class="choice">
          <legend>Clocks are set back, so this time comes twice. Which one?</legend>
          {moments.map((momentMs) => (
            <label key={momentMs}>
              <input
                type="radio"
                name={label}
                checked={entered === momentMs}
                onChange={() => onChange({ text: entry.text, chosenMs: momentMs })}
              />{' '}
              {zoneTimeName(momentMs, zone)}
            </label>
          ))}
        </fieldset>
      )}
    </>
  );
}

function Meaning({ entered, emptyHint }: { entered: EnteredTime; emptyHint: string }) {
  const nowMs = useServerNow();
  if (entered === null) return <>{emptyHint}</>;
  if (typeof entered === 'string') return null;
  return (
    <>
      <Moment at={entered} />
      {nowMs !== undefined && ` · ${formatDistance(entered, nowMs)}`}
    </>
  );
}
