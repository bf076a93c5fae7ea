// SPDX-License-Identifier: GPL-3.0-or-later
import type { Problem, Refusal } from '../../client.ts';
import { Text } from './text.tsx';

// What the service says is for programs, which send a key with each call.
const sessionEnded: Pick<Problem, 'title' | 'detail' | 'errors'> = {
  title: 'The session had ended.',
  detail: 'Nothing was changed. Log in, and try again.',
};

/**
 * Says why the service refused a call, beside what it was for. Shows nothing without a refusal, nor where all of its errors
 * stand beside their fields already: those in `placed`.
 */
export function RefusalNote({
  refusal,
  placed = [],
}: {
  refusal: Refusal | undefined;
  placed?: readonly string[];
}) {
  if (refusal === undefined) return null;
  const { title, detail, errors } =
    refusal.outcome === 'unauthorized' ? sessionEnded : refusal.problem;
  const others = errors?.filter(({ field }) => !placed.includes(field));
  if (errors !== undefined && errors.length > 0 && others?.length === 0) return null;
  return (
    <div class="note error" role="alert">
      <strong>
        <Text of={title} />
      </strong>
      {detail !== undefined && (
        <>
          {' '}
          <Text of={detail} />
        </>
      )}
      {others !== undefined && others.length > 0 && (
        <ul>
          {others.map(({ field, message }) => (
            <li key={field}>
              <code>{field}</code> <Text of={message} />
            </li>
          ))}
        </ul>
      )}
    </div>
  );
}
