// SPDX-License-Identifier: GPL-3.0-or-later
import type { OperatorLogEntry } from '../../../client.ts';
import { SaleLink } from '../../search/claim-links.tsx';
import { service } from '../../service.ts';
import { unknown } from '../../ui/format.ts';
import { MoreButton } from '../../ui/more-button.tsx';
import { TableScroll } from '../../ui/table-scroll.tsx';
import { Moment, Text } from '../../ui/text.tsx';
import { usePages } from '../../ui/use-pages.ts';
import { changesOf, type LogChange } from './log-changes.ts';

/** Who created and changed what, the newest first. */
export function OperatorLog() {
  const pages = usePages(
    async (cursor, signal) => {
      const result = await service.listOperatorLog({ ...(cursor && { cursor }) }, { signal });
      if (result.outcome !== 'ok') return result;
      const { entries: items, next_cursor } = result.value;
      return { ...result, value: { items, next_cursor } };
    },
    { key: '' },
  );
  const { items, isReading, refusal, reload } = pages;
  return (
    <div class="stack">
      <div class="row">
        <h1>Operator log</h1>
        <button type="button" disabled={isReading} onClick={reload}>
          Read again
        </button>
      </div>
      <p>
        An entry is written together with its change, and is never altered. Refused and repeated
        calls have none.
      </p>
      {items.length > 0 && (
        <div class="panel">
          <TableScroll label="Entries of the operator log">
            <table>
              <thead>
                <tr>
                  <th>When</th>
                  <th>Who</th>
                  <th>Action</th>
                  <th>Sale</th>
                  <th>Change</th>
                  <th>Reason</th>
                </tr>
              </thead>
              <tbody>
                {items.map((entry) => (
                  <Entry key={entry.id} entry={entry} />
                ))}
              </tbody>
            </table>
          </TableScroll>
        </div>
      )}
      {items.length === 0 && !isReading && refusal === undefined ? (
        <p>No operator has changed anything yet.</p>
      ) : (
        <MoreButton pages={pages} of="entries" />
      )}
    </div>
  );
}

function Entry({ entry }: { entry: OperatorLogEntry }) {
  const { at, actor, action, coupon_name: couponName, reason, request_id: requestId } = entry;
  return (
    <tr>
      <td>
        <Moment at={at} />
      </td>
      <td>{actor}</td>
      <td>
        {action.replaceAll('_', ' ')}
        {requestId !== null && (
          <small class="below identifier">
            <Text of={requestId} />
          </small>
        )}
      </td>
      <td class="wide">{couponName === null ? unknown : <SaleLink name={couponName} />}</td>
      <td class="wide">
        <Changes of={changesOf(entry)} />
      </td>
      <td class="wide">{reason !== null && <Text of={reason} />}</td>
    </tr>
  );
}

const shownMax = 4;

function Changes({ of: changes }: { of: LogChange[] }) {
  const list = (some: LogChange[]) => (
    <ul class="log-changes">
      {some.map((change) => (
        <li key={change.member}>
          <span class="soft">{change.member}</span> <Value of={change.before} /> →{' '}
          <Value of={change.after} />
        </li>
      ))}
    </ul>
  );
  if (changes.length <= shownMax) return list(changes);
  return (
    <details>
      <summary>{changes.length} members</summary>
      {list(changes)}
    </details>
  );
}

function Value({ of: value }: { of: string | undefined }) {
  return value === undefined ? <span>{unknown}</span> : <Text of={value} />;
}
