// SPDX-License-Identifier: GPL-3.0-or-later
import type { SagaState, SagaSummary } from '../../../client.ts';
import { Link } from '../../routing/link.tsx';
import { SaleLink, UserLink } from '../../search/claim-links.tsx';
import { service } from '../../service.ts';
import { FilterLinks } from '../../ui/filter-links.tsx';
import { MoreButton } from '../../ui/more-button.tsx';
import { StateBadge } from '../../ui/state-badge.tsx';
import { TableScroll } from '../../ui/table-scroll.tsx';
import { Moment, Text } from '../../ui/text.tsx';
import { usePages } from '../../ui/use-pages.ts';
import { SagaView } from './saga-view.tsx';
import { sagaFilters, sagaListsOf, sagaMeanings } from './saga-words.ts';

/** Sagas, those that need attention first; or one of them. */
export function Sagas({ query }: { query: URLSearchParams }) {
  const id = query.get('id');
  if (id !== null) return <SagaView key={id} id={id} />;
  const state = query.get('state');
  return (
    <div class="stack">
      <h1>Sagas</h1>
      <FilterLinks
        {...{ label: 'State of the sagas', view: 'operations/sagas', name: 'state' }}
        {...{ chosen: state, options: sagaFilters }}
      />
      {sagaListsOf(state).map((states) => (
        <SagaList key={states.join()} states={states} />
      ))}
    </div>
  );
}

function SagaList({ states }: { states: SagaState[] }) {
  const title = states.map((state) => state.replaceAll('_', ' ')).join(' and ');
  const id = `sagas-${states[0]}`;
  const pages = usePages(
    async (cursor, signal) => {
      const args = { state: states, ...(cursor && { cursor }) };
      const result = await service.listSagas(args, { signal });
      if (result.outcome !== 'ok') return result;
      const { sagas: items, next_cursor } = result.value;
      return { ...result, value: { items, next_cursor } };
    },
    { key: states.join() },
  );
  const { items, isReading, refusal, reload } = pages;
  return (
    <section class="panel stack" aria-labelledby={id}>
      <div class="row">
        <h2 id={id}>{title[0]?.toUpperCase() + title.slice(1)}</h2>
        <button type="button" onClick={reload}>
          Read again
        </button>
      </div>
      {states.map((state) => (
        <small key={state}>{sagaMeanings[state]}</small>
      ))}
      {items.length > 0 && <SagaTable sagas={items} />}
      {items.length === 0 && !isReading && refusal === undefined ? (
        <p>No saga is in this state.</p>
      ) : (
        <MoreButton pages={pages} of={['saga', 'sagas']} />
      )}
    </section>
  );
}

function SagaTable({ sagas }: { sagas: readonly SagaSummary[] }) {
  return (
    <TableScroll label="Sagas">
      <table>
        <thead>
          <tr>
            <th>Saga</th>
            <th>State</th>
            <th>Cause</th>
            <th>Sale</th>
            <th>User</th>
            <th>Began</th>
            <th>Next call</th>
          </tr>
        </thead>
        <tbody>
          {sagas.map((saga) => (
            <tr key={saga.saga_id}>
              <td>
                <Link view="operations/sagas" query={{ id: saga.saga_id }}>
                  <Text of={saga.saga} /> of position {saga.position}
                </Link>
              </td>
              <td>
                <StateBadge state={saga.state} />
              </td>
              <td class="wide">{saga.cause !== null && <Text of={saga.cause} />}</td>
              <td class="wide">
                <SaleLink name={saga.coupon_name} />
              </td>
              <td class="wide">
                <UserLink userId={saga.user_id} />
              </td>
              <td>
                <Moment at={saga.started_at} />
              </td>
              <td>
                <Moment at={saga.next_attempt_at} />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </TableScroll>
  );
}
