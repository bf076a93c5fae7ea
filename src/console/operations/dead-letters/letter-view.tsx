// SPDX-License-Identifier: GPL-3.0-or-later
import type { DeadLetter } from '../../../client.ts';
import { Link } from '../../routing/link.tsx';
import { SaleLink, TimelineLink, UserLink } from '../../search/claim-links.tsx';
import { service } from '../../service.ts';
import { Facts } from '../../ui/facts.tsx';
import { formatCount, unknown } from '../../ui/format.ts';
import { Identifier } from '../../ui/identifier.tsx';
import { Payload } from '../../ui/payload.tsx';
import { RefusalNote } from '../../ui/refusal-note.tsx';
import { Moment, Text } from '../../ui/text.tsx';
import { useRead } from '../../ui/use-read.ts';
import { attemptsOf, payloadOf } from './letter-attempts.ts';

// The service reads the queue from its beginning for it.
const readMs = 30_000;

/** One dead letter with its message. */
export function LetterView({ id }: { id: string }) {
  const { value, refusal, isReading } = useRead(
    (signal) => service.readDeadLetter({ id }, { signal, timeoutMs: readMs }),
    { key: id },
  );
  return (
    <div class="stack">
      <p>
        <Link view="operations/dead-letters">All dead letters</Link>
      </p>
      <h1>Dead letter</h1>
      {isReading && <p role="status">Reading …</p>}
      <RefusalNote refusal={refusal} />
      {value !== undefined && (
        <>
          <section class="panel stack" aria-labelledby="letter-cause">
            <h2 id="letter-cause">Cause</h2>
            <p class="note">
              <Text of={value.reason} />
            </p>
            {value.unreadable !== null && (
              <p class="note error">
                It holds no claim that can be decided: <Text of={value.unreadable} />. It can only
                be discarded.
              </p>
            )}
            <LetterFacts letter={value} />
          </section>
          <section class="panel stack" aria-labelledby="letter-payload">
            <h2 id="letter-payload">Message</h2>
            <Message letter={value} />
          </section>
        </>
      )}
    </div>
  );
}

function LetterFacts({ letter }: { letter: DeadLetter }) {
  const { coupon_name: couponName, user_id: userId, claim_id: claimId } = letter;
  return (
    <Facts
      of={[
        ['Attempts', attemptsOf(letter) === undefined ? unknown : formatCount(attemptsOf(letter))],
        ['Became a dead letter', <Moment key="died" at={letter.died_at} />],
        ['Accepted', <Moment key="accepted" at={letter.accepted_at} />],
        ['Sale', couponName === null ? unknown : <SaleLink name={couponName} />],
        ['User', userId === null ? unknown : <UserLink userId={userId} />],
        [
          'Claim id',
          claimId === null || couponName === null ? (
            unknown
          ) : (
            <>
              <Identifier of={claimId} />{' '}
              <TimelineLink {...{ couponName, claimId, label: 'is it stored?' }} />
            </>
          ),
        ],
        ['Size', `${formatCount(letter.size_bytes)} bytes`],
        ['Id', <Identifier key="id" of={letter.dead_letter_id} />],
      ]}
    />
  );
}

function Message({ letter }: { letter: DeadLetter }) {
  const payload = payloadOf(letter);
  if (payload === undefined) return <p>It is too large to be shown.</p>;
  return (
    <>
      {letter.body?.encoding === 'base64' && <p>It is no text. This is its content as base64:</p>}
      <Payload of={payload} label="The message" />
    </>
  );
}
