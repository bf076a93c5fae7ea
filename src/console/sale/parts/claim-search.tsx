// SPDX-License-Identifier: GPL-3.0-or-later
import { useId, useState } from 'preact/hooks';
import type { Claim, ReadResult } from '../../../client.ts';
import { Link } from '../../routing/link.tsx';
import { goTo, hrefOf, useRoute } from '../../routing/route.ts';
import { ClaimTable } from '../../search/claim-table.tsx';
import { ClaimRefusal, claimSearchMs } from '../../search/claim-view.tsx';
import { service } from '../../service.ts';
import '../../ui/ui.css';
import { Text } from '../../ui/text.tsx';
import { useRead } from '../../ui/use-read.ts';
import { claimsOf, isPosition, type SearchBy, searchByOf } from './search-claims.ts';
import './parts.css';

const choices: [SearchBy, string][] = [
  ['user', 'User id'],
  ['position', 'Position'],
  ['id', 'Claim id'],
];

/** Finds a claim of a coupon by its user, its position or its id. What was searched stands in the address. */
export function ClaimSearch({ name }: { name: string }) {
  const { query } = useRoute();
  const by = searchByOf(query.get('by'));
  const find = query.get('find') ?? '';
  return (
    <section class="panel stack" aria-labelledby="claim-search">
      <h2 id="claim-search">Find a claim</h2>
      <SearchForm key={`${by} ${find}`} {...{ name, by, find }} />
      {by === 'position' && find !== '' && !isPosition(find) ? (
        <p class="note" role="alert">
          A position is a whole number from 1 on.
        </p>
      ) : (
        find !== '' && <Found {...{ name, by, find }} />
      )}
    </section>
  );
}

type Search = { name: string; by: SearchBy; find: string };

function SearchForm({ name, by, find }: Search) {
  const [chosen, setChosen] = useState(by);
  const [text, setText] = useState(find);
  const id = useId();
  return (
    <form
      class="stack"
      onSubmit={(event) => {
        event.preventDefault();
        goTo(hrefOf('sale', { name, by: chosen, find: chosen === 'user' ? text : text.trim() }));
      }}
    >
      <fieldset class="choices">
        <legend>Search by</legend>
        {choices.map(([value, label]) => (
          <label key={value}>
            <input
              {...{ type: 'radio', name: `${id}-by`, value, checked: chosen === value }}
              onChange={() => setChosen(value)}
            />
            {label}
          </label>
        ))}
      </fieldset>
      <div class="search-row">
        <input
          {...{ type: 'search', required: true, autocomplete: 'off', autocapitalize: 'off' }}
          {...{ spellcheck: false, value: text }}
          aria-label={choices.find(([value]) => value === chosen)?.[1]}
          inputMode={chosen === 'position' ? 'numeric' : 'text'}
          onInput={({ currentTarget }) => setText(currentTarget.value)}
        />
        <button type="submit">Find the claim</button>
      </div>
    </form>
  );
}

function Found({ name, by, find }: Search) {
  const { value, refusal, isReading } = useRead((signal) => search({ name, by, find }, signal), {
    key: `${by} ${find} ${name}`,
  });
  const ended = refusal?.problem.last_claim;
  const shown = value ?? (ended === undefined ? undefined : [ended]);
  return (
    <div class="stack">
      <p role="status">{isReading ? 'Searching …' : ''}</p>
      {ended === undefined && <ClaimRefusal refusal={refusal} />}
      {ended !== undefined && <p>This user holds no claim now. The last one has ended:</p>}
      {shown !== undefined && shown.length > 0 && <ClaimTable claims={shown} by="coupon" />}
      {shown?.length === 0 && <p>No claim has this position.</p>}
      {by === 'user' && (
        <p>
          <Link view="claims" query={{ user: find }}>
            All claims of <Text of={find} />, also of other sales
          </Link>
        </p>
      )}
    </div>
  );
}

async function search(
  { name, by, find }: Search,
  signal: AbortSignal,
): Promise<ReadResult<Claim[]>> {
  const options = { signal, timeoutMs: claimSearchMs };
  const of = { coupon_name: name };
  switch (by) {
    case 'user':
      return claimsOf(await service.findClaim({ ...of, user_id: find }, options), (one) => [one]);
    case 'position':
      return claimsOf(
        await service.listClaims({ ...of, position: Number(find) }, options),
        ({ claims }) => claims,
      );
    case 'id':
      return claimsOf(await service.readTimeline({ ...of, claim_id: find }, options), (found) => [
        found.claim,
      ]);
  }
}
