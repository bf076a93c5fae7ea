// SPDX-License-Identifier: GPL-3.0-or-later
import type { TimelineEntry } from '../../client.ts';
import { Link } from '../routing/link.tsx';
import { StateBadge } from '../ui/state-badge.tsx';
import { Moment, Text } from '../ui/text.tsx';
import { attemptsOf, headlineOf, kindLabels } from './timeline-words.ts';

/** What happened to a claim, in order of time. What has not happened yet is at the end. */
export function TimelineList({ entries }: { entries: readonly TimelineEntry[] }) {
  return (
    <ol class="timeline">
      {entries.map((entry, place) => (
        <li key={place} class={entry.kind}>
          <TimelineItem entry={entry} />
        </li>
      ))}
    </ol>
  );
}

function TimelineItem({ entry }: { entry: TimelineEntry }) {
  const { at, kind, state, reason, actor, participant, last_error: lastError } = entry;
  const attempts = attemptsOf(entry);
  return (
    <>
      <p class="row">
        <span class="kind">{kindLabels[kind]}</span>
        <strong>
          <Text of={headlineOf(entry)} />
        </strong>
        {state !== undefined && <StateBadge state={state} />}
      </p>
      <p>{at === null ? 'Not called yet' : <Moment at={at} />}</p>
      {actor !== undefined && (
        <p>
          By <Text of={actor} />
        </p>
      )}
      {reason !== undefined && (
        <p>
          Reason: <Text of={reason} />
        </p>
      )}
      {attempts !== undefined && (
        <p>
          {participant !== undefined && (
            <>
              Participant <Text of={participant} />:{' '}
            </>
          )}
          {attempts}
        </p>
      )}
      {lastError != null && (
        <p>
          Last error: <Text of={lastError} />
        </p>
      )}
      {entry.webhook_id !== undefined && (
        <p>
          <Link view="operations/webhooks" query={{ id: entry.webhook_id }}>
            Its webhook
          </Link>{' '}
          <span class="identifier soft">
            <Text of={entry.event_id ?? ''} />
          </span>
        </p>
      )}
    </>
  );
}
