// SPDX-License-Identifier: GPL-3.0-or-later
import { useState } from 'preact/hooks';
import type { Claim, Refusal } from '../../client.ts';
import { UndoClaim } from '../actions/undo-claim.tsx';
import { service } from '../service.ts';
import { useMayOperate } from '../session/session.tsx';
import { Identifier } from '../ui/identifier.tsx';
import { RefusalNote } from '../ui/refusal-note.tsx';
import { useRead } from '../ui/use-read.ts';
import { ClaimFacts } from './claim-facts.tsx';
import { SaleLink } from './claim-links.tsx';
import './search.css';
import { TimelineList } from './timeline-list.tsx';

/** The service searches a claim along the positions of its coupon: with millions of them that takes some seconds. */
export const claimSearchMs = 60_000;

/** One claim, and what happened to it. */
export function ClaimView({ query }: { query: URLSearchParams }) {
  const coupon = query.get('coupon') ?? '';
  const id = query.get('id') ?? '';
  const { value, refusal, isReading, reload } = useRead(
    (signal) =>
      service.readTimeline(
        { coupon_name: coupon, claim_id: id },
        { signal, timeoutMs: claimSearchMs },
      ),
    { key: `${id} ${coupon}` },
  );
  return (
    <div class="stack">
      <h1>Claim</h1>
      <p>
        <Identifier of={id} /> of <SaleLink name={coupon} />
      </p>
      <p class="row" role="status">
        {isReading ? 'Searching. With millions of claims this takes some seconds.' : ''}
      </p>
      <ClaimRefusal refusal={refusal} />
      {value !== undefined && (
        <>
          <section class="panel stack" aria-labelledby="claim-facts">
            <h2 id="claim-facts">State</h2>
            <ClaimFacts claim={value.claim} />
            <UndoButton claim={value.claim} onDone={reload} />
          </section>
          <section class="panel stack" aria-labelledby="claim-timeline">
            <div class="row">
              <h2 id="claim-timeline">Timeline</h2>
              <button type="button" onClick={reload}>
                Read again
              </button>
            </div>
            <TimelineList entries={value.entries} />
            <p>
              <small>Deliveries are kept for 30 days.</small>
            </p>
          </section>
        </>
      )}
      {value === undefined && refusal !== undefined && (
        <p>
          <button type="button" onClick={reload}>
            Search again
          </button>
        </p>
      )}
    </div>
  );
}

/** Opens the dialog that releases the claim. One that is redeemed or released cannot be. */
function UndoButton({ claim, onDone }: { claim: Claim; onDone: () => void }) {
  const mayOperate = useMayOperate();
  const [isOpen, setOpen] = useState(false);
  if (claim.state === 'redeemed' || claim.state === 'released') return null;
  return (
    <div class="row">
      <button type="button" class="danger" disabled={!mayOperate} onClick={() => setOpen(true)}>
        Undo the claim …
      </button>
      {!mayOperate && <small>It needs the admin key.</small>}
      {isOpen && (
        <UndoClaim
          couponName={claim.coupon_name}
          claim={claim}
          onDone={(released) => {
            setOpen(false);
            if (released !== undefined) onDone();
          }}
        />
      )}
    </div>
  );
}

/** Why a claim is not shown, in words for the two cases that an operator can correct. */
export function ClaimRefusal({ refusal }: { refusal: Refusal | undefined }) {
  const why = {
    coupon_not_found: 'No coupon has this name. Names are compared exactly.',
    claim_not_found: 'This coupon has no such claim, neither a live one nor one that has ended.',
    invalid_request: 'A claim id consists of 32 hexadecimal digits in five groups.',
  }[refusal?.outcome as string];
  if (why === undefined) return <RefusalNote refusal={refusal} />;
  return (
    <p class="note" role="alert">
      {why}
    </p>
  );
}
