// SPDX-License-Identifier: GPL-3.0-or-later
import type { Refusal } from '../../client.ts';
import { Text } from './text.tsx';

/** Says why the service refused a call, beside what it was for. Shows nothing without a refusal. */
export function RefusalNote({ refusal }: { refusal: Refusal | undefined }) {
  if (refusal === undefined) return null;
  const { title, detail, errors } = refusal.problem;
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
      {errors !== undefined && (
        <ul>
          {errors.map(({ field, message }) => (
            <li key={field}>
              <code>{field}</code> <Text of={message} />
            </li>
          ))}
        </ul>
      )}
    </div>
  );
}
