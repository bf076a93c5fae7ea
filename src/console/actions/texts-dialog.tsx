// SPDX-License-Identifier: GPL-3.0-or-later
import { useState } from 'preact/hooks';
import type { Coupon, CouponSummary } from '../../client.ts';
import { Field, fieldError } from '../ui/field.tsx';
import { changeCall } from './change-call.ts';
import { useWrite } from './use-write.ts';
import { WriteDialog } from './write-dialog.tsx';

type Member = 'title' | 'description' | 'pause_reason';

const labels: Record<Member, string> = {
  title: 'Title',
  description: 'Description',
  pause_reason: 'Reason',
};

/** Changes texts of a sale. An empty one is removed. */
export function TextsDialog({
  title,
  submitLabel,
  said,
  hint,
  members,
  name,
  coupon,
  onDone,
  onClose,
}: {
  title: string;
  submitLabel: string;
  /** What is said when it is done. */
  said: string;
  hint: string;
  members: readonly Member[];
  name: string;
  coupon: CouponSummary;
  onDone: (coupon: Coupon, message: string) => void;
  onClose: () => void;
}) {
  const [stored] = useState(coupon);
  const [texts, setTexts] = useState<Partial<Record<Member, string>>>({});
  const write = useWrite<Coupon>(({ value }) => onDone(value, said));
  const refusal = write.state.step === 'refused' ? write.state.refusal : undefined;
  const changed = members.filter(
    (member) => texts[member] !== undefined && texts[member] !== (stored[member] ?? ''),
  );
  return (
    <WriteDialog
      placed={members}
      doubt="The texts may be saved or not."
      isIncomplete={changed.length === 0}
      onSubmit={() => {
        const change = changed.map((member) => [member, texts[member] || null]);
        write.start(changeCall({ name, ...Object.fromEntries(change) }));
      }}
      {...{ title, submitLabel, write, onClose }}
    >
      {members.map((member) => (
        <Field key={member} label={labels[member]} error={fieldError(refusal, member)}>
          {(attributes) => {
            const control = {
              ...attributes,
              value: texts[member] ?? stored[member] ?? '',
              onInput: ({ currentTarget }: { currentTarget: { value: string } }) =>
                setTexts({ ...texts, [member]: currentTarget.value }),
            };
            return member === 'description' ? (
              <textarea rows={4} {...control} />
            ) : (
              <input {...control} />
            );
          }}
        </Field>
      ))}
      <small>{hint}</small>
    </WriteDialog>
  );
}
