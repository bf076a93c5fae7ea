// SPDX-License-Identifier: GPL-3.0-or-later
import { useState } from 'preact/hooks';
import type { DeadLetter } from '../../../client.ts';
import { Link } from '../../routing/link.tsx';
import { SaleLink, UserLink } from '../../search/claim-links.tsx';
import { service } from '../../service.ts';
import { useMayOperate } from '../../session/session.tsx';
import { formatCount, unknown } from '../../ui/format.ts';
import { MoreButton } from '../../ui/more-button.tsx';
import { TableScroll } from '../../ui/table-scroll.tsx';
import { Moment, Text } from '../../ui/text.tsx';
import { usePages } from '../../ui/use-pages.ts';
import { attemptsOf } from './letter-attempts.ts';
import { LetterChanges } from './letter-changes.tsx';
import { LetterView } from './letter-view.tsx';

// The service reads the queue from its beginning for each page.
const readMs = 30_000;

/** Claims of the queue that could not be decided; or one of them. */
export function DeadLetters({ query }: { query: URLSearchParams }) {
  const id = query.get('id');
  return id === null ? <LetterList /> : <LetterView key={id} id={id} />;
}

function LetterList() {
  const [chosen, setChosen] = useState<ReadonlySet<string>>(new Set());
  const [total, setTotal] = useState<number>();
  const mayOperate = useMayOperate();
  const pages = usePages(
    async (cursor, signal) => {
      const args = cursor === undefined ? {} : { cursor };
      const result = await service.listDeadLetters(args, { signal, timeoutMs: readMs });
      if (result.outcome !== 'ok') return result;
      const { dead_letters: items, next_cursor } = result.value;
      setTotal(result.value.total);
      return { ...result, value: { items, next_cursor } };
    },
    { key: '' },
  );
  const { items, isReading, refusal, reload } = pages;
  const reset = () => {
    setChosen(new Set());
    reload();
  };
  if (refusal?.outcome === 'route_not_found') return <NoQueue />;
  const toggle = (id: string) => {
    const next = new Set(chosen);
    if (!next.delete(id)) next.add(id);
    setChosen(next);
  };
  return (
    <div class="stack">
      <div class="row">
        <h1>Dead letters</h1>
        <button type="button" disabled={isReading} onClick={reload}>
          Read again
        </button>
      </div>
      <p>Queued claims whose decision has failed too often. They stay until an operator decides.</p>
      {total !== undefined && total > 0 && (
        <LetterChanges {...{ chosen, total, mayOperate }} onDone={reset} />
      )}
      {items.length > 0 && <LetterTable {...{ letters: items, chosen, toggle, setChosen }} />}
      {items.length === 0 && !isReading && refusal === undefined ? (
        <p role="status">There are no dead letters.</p>
      ) : (
        <MoreButton pages={pages} of={`of ${formatCount(total)} dead letters`} />
      )}
    </div>
  );
}

function NoQueue() {
  return (
    <div class="stack">
      <h1>Dead letters</h1>
      <p>
        No queue is configured: this node has no <code>AMQP_URL</code>, so no claim is queued, and
        there are no dead letters.
      </p>
    </div>
  );
}

function LetterTable({
  letters,
  chosen,
  toggle,
  setChosen,
}: {
  letters: readonly DeadLetter[];
  chosen: ReadonlySet<string>;
  toggle: (id: string) => void;
  setChosen: (ids: ReadonlySet<string>) => void;
}) {
  const all = letters.map(({ dead_letter_id: id }) => id);
  const isEach = all.every((id) => chosen.has(id));
  return (
    <div class="panel">
      <TableScroll label="Dead letters">
        <table>
          <thead>
            <tr>
              <th>
                <input
                  {...{ type: 'checkbox', class: 'pick', checked: isEach }}
                  aria-label="Select all that are shown"
                  onChange={() => setChosen(new Set(isEach ? [] : all))}
                />
              </th>
              <th>Cause</th>
              <th class="number">Attempts</th>
              <th>Sale</th>
              <th>User</th>
              <th>Since</th>
            </tr>
          </thead>
          <tbody>
            {letters.map((letter) => (
              <LetterRow key={letter.dead_letter_id} {...{ letter, chosen, toggle }} />
            ))}
          </tbody>
        </table>
      </TableScroll>
    </div>
  );
}

function LetterRow({
  letter,
  chosen,
  toggle,
}: {
  letter: DeadLetter;
  chosen: ReadonlySet<string>;
  toggle: (id: string) => void;
}) {
  const { dead_letter_id: id, coupon_name: couponName, user_id: userId, unreadable } = letter;
  return (
    <tr>
      <td>
        <input
          {...{ type: 'checkbox', class: 'pick', checked: chosen.has(id) }}
          aria-label={`Select the dead letter ${id}`}
          onChange={() => toggle(id)}
        />
      </td>
      <td class="wide">
        <Link view="operations/dead-letters" query={{ id }}>
          <Text of={letter.reason} />
        </Link>
        {unreadable !== null && (
          <small class="below">
            holds no claim: <Text of={unreadable} />
          </small>
        )}
      </td>
      <td class="number">{formatCount(attemptsOf(letter))}</td>
      <td class="wide">{couponName === null ? unknown : <SaleLink name={couponName} />}</td>
      <td class="wide">{userId === null ? unknown : <UserLink userId={userId} />}</td>
      <td>
        <Moment at={letter.died_at ?? letter.accepted_at} />
      </td>
    </tr>
  );
}
