// SPDX-License-Identifier: GPL-3.0-or-later
import type { Saga, SagaStep } from '../../../client.ts';
import { Link } from '../../routing/link.tsx';
import { SaleLink, TimelineLink, UserLink } from '../../search/claim-links.tsx';
import { service } from '../../service.ts';
import { Facts } from '../../ui/facts.tsx';
import { formatCount } from '../../ui/format.ts';
import { Identifier } from '../../ui/identifier.tsx';
import { RefusalNote } from '../../ui/refusal-note.tsx';
import { StateBadge } from '../../ui/state-badge.tsx';
import { TableScroll } from '../../ui/table-scroll.tsx';
import { Moment, Text } from '../../ui/text.tsx';
import { useRead } from '../../ui/use-read.ts';
import { SagaActions } from './saga-actions.tsx';
import { sagaMeanings } from './saga-words.ts';

const everyMs = 3_000;

/** One saga with its steps, and what an operator can do about it. */
export function SagaView({ id }: { id: string }) {
  const { value, refusal, isReading, reload } = useRead(
    (signal) => service.readSaga({ id }, { signal }),
    { key: id, everyMs },
  );
  return (
    <div class="stack">
      <p>
        <Link view="operations/sagas">All sagas</Link>
      </p>
      <h1>Saga {value !== undefined && <Text of={value.saga} />}</h1>
      {value === undefined && isReading && <p role="status">Reading …</p>}
      <RefusalNote refusal={refusal} />
      {value !== undefined && (
        <>
          <section class="panel stack" aria-labelledby="saga-state">
            <h2 id="saga-state">State</h2>
            {value.cause !== null && (
              <p class={value.state === 'needs_attention' ? 'note error' : 'note'}>
                <Text of={value.cause} />
              </p>
            )}
            <SagaFacts saga={value} />
            <SagaActions saga={value} onChange={reload} />
          </section>
          <section class="panel stack" aria-labelledby="saga-steps">
            <h2 id="saga-steps">Steps</h2>
            <Steps steps={value.steps} />
          </section>
        </>
      )}
    </div>
  );
}

function SagaFacts({ saga }: { saga: Saga }) {
  const { coupon_name: couponName, claim_id: claimId, ended_at: endedAt } = saga;
  return (
    <Facts
      of={[
        [
          'State',
          <>
            <StateBadge state={saga.state} /> <small>{sagaMeanings[saga.state]}</small>
          </>,
        ],
        ['Sale', <SaleLink key="sale" name={couponName} />],
        ['User', <UserLink key="user" userId={saga.user_id} />],
        [
          'Claim',
          <>
            Position {formatCount(saga.position)},{' '}
            <TimelineLink {...{ couponName, claimId, label: 'timeline' }} />
          </>,
        ],
        ['Began', <Moment key="began" at={saga.started_at} />],
        ['Deadline', <Moment key="deadline" at={saga.deadline_at} />],
        ['Next call', <Moment key="next" at={saga.next_attempt_at} />],
        ['Ended', endedAt === null ? undefined : <Moment at={endedAt} />],
        ['Saga id', <Identifier key="id" of={saga.saga_id} />],
        [
          'Version of its steps',
          saga.version === null ? undefined : <Identifier of={saga.version} />,
        ],
      ]}
    />
  );
}

function Steps({ steps }: { steps: SagaStep[] }) {
  if (steps.length === 0) return <p>No step has been called yet.</p>;
  return (
    <TableScroll label="Steps of the saga">
      <table>
        <thead>
          <tr>
            <th>Step</th>
            <th>Participant</th>
            <th>State</th>
            <th class="number">Attempts</th>
            <th>Last answer</th>
            <th>Changed</th>
          </tr>
        </thead>
        <tbody>
          {steps.map((step) => (
            <tr key={step.name}>
              <td>
                <Text of={step.name} />
              </td>
              <td>
                <Text of={step.participant} />
              </td>
              <td>
                <StateBadge state={step.state} />
              </td>
              <td class="number">{formatCount(step.attempts)}</td>
              <td class="wide">
                {step.last_status ?? (step.attempts > 0 ? 'no answer' : '')}
                {step.last_error !== null && (
                  <small class="below">
                    <Text of={step.last_error} />
                  </small>
                )}
              </td>
              <td>
                <Moment at={step.changed_at} />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </TableScroll>
  );
}
