// SPDX-License-Identifier: GPL-3.0-or-later
import { useEffect, useRef, useState } from 'preact/hooks';
import type { Coupon, CreateCouponArguments } from '../../client.ts';
import { Link } from '../routing/link.tsx';
import { goTo, hrefOf } from '../routing/route.ts';
import { service } from '../service.ts';
import { useMayOperate } from '../session/session.tsx';
import { Field, fieldError } from '../ui/field.tsx';
import { showInvisible } from '../ui/format.ts';
import { RefusalNote } from '../ui/refusal-note.tsx';
import { Text } from '../ui/text.tsx';
import './actions.css';
import { differences } from './differences.ts';
import { DoubtNote } from './doubt-note.tsx';
import { browserZone } from './local-time.ts';
import { type NewSale, readNewSale } from './new-sale.ts';
import { ScheduleEffect } from './schedule-effect-note.tsx';
import { enteredTime } from './time-entry.ts';
import { TimeField } from './time-field.tsx';
import { focusWrongField, useFocusAfter } from './use-focus-after.ts';
import { useWrite, type WriteCall } from './use-write.ts';
import { doubtOf } from './write-state.ts';

type TextField = Exclude<keyof NewSale, 'opens_at' | 'closes_at'>;

const empty: Record<TextField, string> = {
  ...{ name: '', title: '', description: '', saga: '' },
  ...{ amount: '', hold_seconds: '', claims_per_user_max: '', stock_low_at: '' },
};

const placed = [...Object.keys(empty), 'opens_at', 'closes_at'];

/** Creates a sale, with the time when it opens, and goes to it. */
export function CreateSale() {
  const mayOperate = useMayOperate();
  const zone = browserZone();
  const [texts, setTexts] = useState(empty);
  const [opens, setOpens] = useState({ text: '' });
  const [closes, setCloses] = useState({ text: '' });
  const [errors, setErrors] = useState<Record<string, string>>({});
  // An error is about what was sent, not about what has been typed since.
  const [edited, setEdited] = useState<readonly string[]>([]);
  const form = useRef<HTMLFormElement>(null);
  const write = useWrite<Coupon>(({ value }) => goTo(hrefOf('sale', { name: value.name })));
  const { state } = write;
  const isLocked = state.step === 'sending' || state.step === 'unknown' || state.step === 'done';
  const refusal = state.step === 'refused' ? state.refusal : undefined;
  const times = { opens_at: enteredTime(opens, zone), closes_at: enteredTime(closes, zone) };
  const errorOf = (field: string) =>
    edited.includes(field) ? undefined : (errors[field] ?? fieldError(refusal, field));
  const edit = (field: TextField, value: string) => {
    setTexts({ ...texts, [field]: value });
    setEdited([...edited, field]);
  };

  useFocusAfter(state.step, form);
  useEffect(() => {
    if (Object.keys(errors).length > 0) focusWrongField(form.current);
  }, [errors]);

  const submit = (event: Event) => {
    event.preventDefault();
    if (isLocked || !mayOperate) return;
    setEdited([]);
    const read = readNewSale({ ...texts, ...times });
    setErrors('errors' in read ? read.errors : {});
    if ('args' in read) write.start(creation(read.args));
  };
  const text = (field: TextField, label: string, hint?: string, isNumber = false) => (
    <Field label={label} hint={hint} error={errorOf(field)}>
      {(attributes) => (
        <input
          {...attributes}
          {...{ autocomplete: 'off', class: isNumber ? 'number short' : '' }}
          {...(isNumber && { inputMode: 'numeric' as const })}
          value={texts[field]}
          onInput={({ currentTarget }) => edit(field, currentTarget.value)}
        />
      )}
    </Field>
  );
  return (
    <div class="create-sale stack">
      <h1>Create a sale</h1>
      {!mayOperate && (
        <p class="note">You are logged in as a viewer. Creating a sale needs the admin key.</p>
      )}
      <form ref={form} class="panel stack" onSubmit={submit}>
        <fieldset class="plain stack" disabled={isLocked || !mayOperate}>
          {text('name', 'Name', 'Unique, and fixed. 1 to 255 characters.')}
          <NameNote name={texts.name} />
          {text(
            'amount',
            'Amount',
            'Units offered. Units can be added later, not taken away.',
            true,
          )}
          {text('title', 'Title', 'Shown to shoppers. It can be changed later.')}
          <TimeField
            label="Opens"
            emptyHint="No opening time: the sale is open as soon as it is created."
            entry={opens}
            error={errorOf('opens_at')}
            onChange={(entry) => {
              setOpens(entry);
              setEdited([...edited, 'opens_at']);
            }}
          />
          <TimeField
            label="Closes"
            emptyHint="No closing time: the sale stays open until it is ended."
            entry={closes}
            error={errorOf('closes_at')}
            onChange={(entry) => {
              setCloses(entry);
              setEdited([...edited, 'closes_at']);
            }}
          />
          <ScheduleEffect
            opensAt={times.opens_at}
            closesAt={times.closes_at}
            isPaused={false}
            before={undefined}
          />
          <details>
            <summary>Holds, limits, saga and description</summary>
            <div class="stack">
              {text(
                'hold_seconds',
                'Hold, in seconds',
                'A claim is reserved this long and must be confirmed. Empty: claims are confirmed at once. Fixed.',
                true,
              )}
              {text(
                'claims_per_user_max',
                'Claims per user, at most',
                'Released claims count too. Empty: 3. Fixed.',
                true,
              )}
              {text(
                'stock_low_at',
                'Stock is low at',
                'Remaining units at which the event coupon.stock_low is sent. Empty: never. Fixed.',
                true,
              )}
              {text(
                'saga',
                'Saga',
                'A name in the file of sagas. It needs a hold. Empty: none. Fixed.',
              )}
              <Field label="Description" error={errorOf('description')}>
                {(attributes) => (
                  <textarea
                    {...attributes}
                    rows={3}
                    value={texts.description}
                    onInput={({ currentTarget }) => edit('description', currentTarget.value)}
                  />
                )}
              </Field>
            </div>
          </details>
        </fieldset>
        <div class="stack">
          <RefusalNote refusal={refusal} placed={placed} />
          <DoubtNote write={write} doubt="The sale may have been created or not." />
          <ExistingNote state={state} name={texts.name} />
          {doubtOf(state) === undefined && (
            <div class="row">
              <button type="submit" class="primary" disabled={isLocked || !mayOperate}>
                {state.step === 'sending' ? 'Sending …' : 'Create the sale'}
              </button>
              <Link view="">Cancel</Link>
            </div>
          )}
        </div>
      </form>
    </div>
  );
}

/** A creation has no key. After a lost answer the coupon of this name shows whether it took effect. */
function creation(args: CreateCouponArguments): WriteCall<Coupon> {
  return {
    send: () => service.createCoupon(args),
    find: async () => {
      const read = await service.readCoupon({ name: args.name });
      if (read.outcome === 'coupon_not_found') {
        const { status } = read;
        const value = { value: undefined, differs: [] };
        return { outcome: 'ok', status, replayed: false, value };
      }
      if (read.outcome !== 'ok') return read;
      return { ...read, value: { value: read.value, differs: differences(args, read.value) } };
    },
  };
}

/** Shows what cannot be seen in a name, since it stays as it is. */
function NameNote({ name }: { name: string }) {
  const hasSpaces = name !== name.trim();
  if (showInvisible(name) === name && !hasSpaces) return null;
  return (
    <p class="note" role="status">
      {showInvisible(name) !== name && (
        <>
          The name has invisible characters: <Text of={name} />.{' '}
        </>
      )}
      {hasSpaces && 'The name begins or ends with a space.'}
    </p>
  );
}

function ExistingNote({
  state,
  name,
}: {
  state: ReturnType<typeof useWrite<Coupon>>['state'];
  name: string;
}) {
  const exists =
    (state.step === 'refused' && state.refusal.outcome === 'coupon_exists') ||
    (state.step === 'unknown' && state.doubt.found?.value !== undefined);
  if (!exists) return null;
  return (
    <p>
      <Link view="sale" query={{ name }}>
        Open the sale of this name
      </Link>
    </p>
  );
}
