// SPDX-License-Identifier: GPL-3.0-or-later
import { useState } from 'preact/hooks';
import type { Saga } from '../../../client.ts';
import { useWrite } from '../../actions/use-write.ts';
import { WriteDialog } from '../../actions/write-dialog.tsx';
import { service } from '../../service.ts';
import '../../ui/ui.css';
import { Field, fieldError } from '../../ui/field.tsx';
import { sagaCall } from './saga-call.ts';
import { resolutions } from './saga-words.ts';

type Resolution = keyof typeof resolutions;

/** Ends a saga by what is true outside of the service. No participant is called any more. */
export function ResolveSagaDialog({
  saga: { saga_id: id },
  onDone,
  onClose,
}: {
  saga: Saga;
  onDone: () => void;
  onClose: () => void;
}) {
  const [as, setAs] = useState<Resolution>();
  const [note, setNote] = useState('');
  const write = useWrite<Saga>(onDone);
  const refusal = write.state.step === 'refused' ? write.state.refusal : undefined;
  const resolve = () => {
    if (as === undefined) return;
    write.start(sagaCall(id, () => service.resolveSaga({ id, as, note: note.trim() })));
  };
  return (
    <WriteDialog
      title="Resolve the saga"
      submitLabel={as === undefined ? 'Resolve' : `Resolve as ${as}: it ${resolutions[as].effect}`}
      isDanger
      isIncomplete={as === undefined || note.trim() === ''}
      placed={['note']}
      doubt="The saga may be resolved or not."
      onSubmit={resolve}
      {...{ write, onClose }}
    >
      <p>
        First make all participants agree by hand. From then on none of them is called any more.
      </p>
      <fieldset class="choices tall">
        <legend>What is true by now</legend>
        {Object.entries(resolutions).map(([value, { label, effect, meaning }]) => (
          <label key={value}>
            <input
              {...{ type: 'radio', name: 'as', value, checked: as === value }}
              onChange={() => setAs(value as Resolution)}
            />
            <span>
              <strong>{label}</strong>: it {effect}. <small>{meaning}</small>
            </span>
          </label>
        ))}
      </fieldset>
      <Field
        label="How you know"
        hint="The operator log keeps it. Such as a number of a receipt."
        error={fieldError(refusal, 'note')}
      >
        {(attributes) => (
          <textarea
            {...attributes}
            {...{ rows: 2, maxLength: 1_000, value: note }}
            onInput={({ currentTarget }) => setNote(currentTarget.value)}
          />
        )}
      </Field>
    </WriteDialog>
  );
}
