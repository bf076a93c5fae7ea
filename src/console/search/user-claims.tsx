// SPDX-License-Identifier: GPL-3.0-or-later
import { useId, useState } from 'preact/hooks';
import { goTo, hrefOf } from '../routing/route.ts';
import { service } from '../service.ts';
import { FilterLinks } from '../ui/filter-links.tsx';
import { MoreButton } from '../ui/more-button.tsx';
import { Text } from '../ui/text.tsx';
import { usePages } from '../ui/use-pages.ts';
import { claimStates, statesOf } from './claim-states.ts';
import { ClaimTable } from './claim-table.tsx';
import './search.css';

const filters = [
  ['', 'All states'] as const,
  ...claimStates.map((state) => [state, state[0]?.toUpperCase() + state.slice(1)] as const),
];

/** The claims of a user over all coupons. */
export function UserClaims({ query }: { query: URLSearchParams }) {
  const user = query.get('user') ?? '';
  const state = query.get('state');
  return (
    <div class="stack">
      <h1>Claims of a user</h1>
      <UserForm key={user} {...{ user, state }} />
      {user !== '' && (
        <section class="panel stack" aria-labelledby="claims-of-user">
          <h2 id="claims-of-user">
            <Text of={user} />
          </h2>
          <FilterLinks
            {...{ label: 'State of the claims', view: 'claims', query: { user }, name: 'state' }}
            {...{ chosen: state, options: filters }}
          />
          <FoundClaims {...{ user, state }} />
        </section>
      )}
    </div>
  );
}

function UserForm({ user, state }: { user: string; state: string | null }) {
  const [text, setText] = useState(user);
  const id = useId();
  return (
    <form
      class="search"
      onSubmit={(event) => {
        event.preventDefault();
        goTo(hrefOf('claims', { user: text, state: state ?? undefined }));
      }}
    >
      <label for={id}>User id, exactly as the shop sends it</label>
      <div class="search-row">
        <input
          {...{ id, type: 'search', required: true, maxLength: 510, autocomplete: 'off' }}
          {...{ autocapitalize: 'off', spellcheck: false, value: text }}
          onInput={({ currentTarget }) => setText(currentTarget.value)}
        />
        <button type="submit" class="primary">
          Find claims
        </button>
      </div>
    </form>
  );
}

function FoundClaims({ user, state }: { user: string; state: string | null }) {
  const pages = usePages(
    async (cursor, signal) => {
      const args = { user_id: user, state: statesOf(state), ...(cursor && { cursor }) };
      const result = await service.listUserClaims(args, { signal, timeoutMs: 30_000 });
      if (result.outcome !== 'ok') return result;
      const { claims: items, next_cursor } = result.value;
      return { ...result, value: { items, next_cursor } };
    },
    { key: `${state} ${user}` },
  );
  const { items, hasMore, isReading, refusal } = pages;
  const isEmpty = items.length === 0 && !isReading && refusal === undefined;
  if (isEmpty && !hasMore) {
    return (
      <p role="status">
        {state === null
          ? 'This user has never claimed.'
          : `This user has no claim that is ${state}.`}
      </p>
    );
  }
  return (
    <>
      {items.length > 0 && <ClaimTable claims={items} by="user" />}
      <MoreButton pages={pages} of="claims" />
    </>
  );
}
