// SPDX-License-Identifier: GPL-3.0-or-later
import { useState } from 'preact/hooks';
import type { HandledDeadLetters, ReadResult } from '../../../client.ts';
import { isTypedName } from '../../actions/typed-name.ts';
import { useWrite } from '../../actions/use-write.ts';
import { WriteDialog } from '../../actions/write-dialog.tsx';
import { service } from '../../service.ts';
import { Field } from '../../ui/field.tsx';
import { formatCount, formatCountOf } from '../../ui/format.ts';
import { RefusalNote } from '../../ui/refusal-note.tsx';
import { Text } from '../../ui/text.tsx';
import { useRead } from '../../ui/use-read.ts';
import { handleLetters, type LetterSelection, type SelectionArguments } from './handle-letters.ts';

/** What an operator can do with dead letters. */
export type LetterAction = 'redrive' | 'discard';

// A call changes up to 1,000 letters, 200 a second.
const callMs = 60_000;

const words = {
  redrive: {
    title: 'Redrive dead letters',
    verb: 'Redrive',
    past: 'redriven',
    effect:
      'Their claims are put into the queue again and decided like new ones. A ticket that has a final state keeps it, and ' +
      'one past its time expires: no claim wins twice.',
  },
  discard: {
    title: 'Discard dead letters',
    verb: 'Discard',
    past: 'discarded',
    effect:
      'They are removed for good. A ticket without a final state becomes failed. The operator log keeps an entry of each.',
  },
} as const;

/** Counts first what would be done, and then does it. `onClose` says whether some letters may have been changed. */
export function ChangeLettersDialog({
  action,
  selection,
  onDone,
  onClose,
}: {
  action: LetterAction;
  selection: LetterSelection;
  onDone: (message: string) => void;
  onClose: (hasChanged: boolean) => void;
}) {
  const { title, verb, past, effect } = words[action];
  const [typed, setTyped] = useState('');
  const [doneSoFar, setDoneSoFar] = useState(0);
  const dryRun = useRead((signal) => tryOut(action, selection, signal), { key: 'dry run' });
  const write = useWrite<HandledDeadLetters>(({ value }) => onDone(summaryOf(value, past)));
  const count = dryRun.value?.done;
  const isConfirmed =
    action === 'redrive' ||
    (count !== undefined &&
      [String(count), formatCount(count)].some((text) => isTypedName(typed, text)));
  return (
    <WriteDialog
      title={title}
      submitLabel={`${verb} ${formatCountOf(count, ['letter', 'letters'])}`}
      isDanger={action === 'discard'}
      isIncomplete={count === undefined || count === 0 || !isConfirmed}
      doubt={`Some of the letters may be ${past}. To ask again is safe: it goes on with those that are still there.`}
      onSubmit={() => write.start({ send: () => change(action, selection, setDoneSoFar) })}
      onClose={() => onClose(doneSoFar > 0 || write.state.step === 'unknown')}
      write={write}
    >
      <p>{effect}</p>
      <div role="status">
        {dryRun.isReading && <p>Counting …</p>}
        {dryRun.value !== undefined && <DryRun handled={dryRun.value} past={past} />}
        {doneSoFar > 0 && <p>{`${formatCount(doneSoFar)} ${past} so far.`}</p>}
      </div>
      <RefusalNote refusal={dryRun.refusal} />
      {action === 'discard' && count !== undefined && count > 0 && (
        <Field label="Type the number of letters" hint={formatCount(count)}>
          {(attributes) => (
            <input
              {...attributes}
              {...{ inputMode: 'numeric', autocomplete: 'off', value: typed }}
              onInput={({ currentTarget }) => setTyped(currentTarget.value)}
            />
          )}
        </Field>
      )}
    </WriteDialog>
  );
}

function DryRun({ handled, past }: { handled: HandledDeadLetters; past: string }) {
  const { done, refused_count: refusedCount, refused, not_found: notFound, left } = handled;
  return (
    <>
      <p>
        <strong>
          {formatCount(done)} would be {past}
        </strong>
        {left > 0 && `, and ${formatCount(left)} more that one count does not reach`}.
      </p>
      {refusedCount > 0 && (
        <details>
          <summary>{formatCount(refusedCount)} cannot: they hold no claim to be decided</summary>
          <ul>
            {refused.map(({ dead_letter_id: id, reason }) => (
              <li key={id}>
                <span class="identifier">{id}</span>: <Text of={reason} />
              </li>
            ))}
          </ul>
        </details>
      )}
      {notFound.length > 0 && <p>{formatCount(notFound.length)} are not there any more.</p>}
    </>
  );
}

function callOf(action: LetterAction) {
  return (args: SelectionArguments, options: { signal?: AbortSignal; isDryRun: boolean }) => {
    const { signal, isDryRun } = options;
    const body = isDryRun ? { ...args, dry_run: true } : args;
    const limits = { timeoutMs: callMs, ...(signal && { signal }) };
    return action === 'redrive'
      ? service.redriveDeadLetters(body, limits)
      : service.discardDeadLetters(body, limits);
  };
}

function change(
  action: LetterAction,
  selection: LetterSelection,
  onProgress: (done: number) => void,
) {
  const call = callOf(action);
  return handleLetters(selection, (args) => call(args, { isDryRun: false }), onProgress);
}

/** A dry run changes nothing, so a lost answer is no doubt. */
async function tryOut(
  action: LetterAction,
  selection: LetterSelection,
  signal: AbortSignal,
): Promise<ReadResult<HandledDeadLetters>> {
  const call = callOf(action);
  const result = await handleLetters(selection, (args) => call(args, { signal, isDryRun: true }));
  if (result.outcome !== 'unknown') return result;
  const title = 'No answer arrived';
  return {
    ...{ outcome: 'unavailable', status: 503 },
    problem: {
      ...{ type: 'about:blank', title, status: 503, detail: 'Close the dialog and open it again.' },
      ...{ instance: '', code: 'unavailable', error: title.toLowerCase(), effect: 'none' },
    },
  };
}

function summaryOf(
  { done, refused_count: refused, left, stopped_by: stop }: HandledDeadLetters,
  past: string,
): string {
  const parts = [`${formatCountOf(done, ['dead letter', 'dead letters'])} ${past}.`];
  if (refused > 0) parts.push(`${formatCount(refused)} hold no claim and stay.`);
  if (left > 0) parts.push(`${formatCount(left)} are left.`);
  if (stop !== null) parts.push(`It has stopped: ${stop}.`);
  return parts.join(' ');
}
