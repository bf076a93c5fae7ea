// SPDX-License-Identifier: GPL-3.0-or-later
import { useState } from 'preact/hooks';
import type { CheckedCoupon, WriteResult } from '../../../client.ts';
import { service } from '../../service.ts';
import { useMayOperate } from '../../session/session.tsx';
import { foreignAnswer } from '../../ui/foreign-answer.ts';
import { RefusalNote } from '../../ui/refusal-note.tsx';
import { CheckResult } from './check-result.tsx';
import './parts.css';

/** A check takes up to half a minute. While the node checks another coupon, the client waits and asks again. */
const checkMs = 75_000;

type Checked = { result: WriteResult<CheckedCoupon>; tookMs: number };

/** Compares all records of a coupon while its sale goes on, and shows what each rule has found. */
export function CheckPanel({ name }: { name: string }) {
  const mayOperate = useMayOperate();
  const [checked, setChecked] = useState<Checked>();
  const [isRunning, setRunning] = useState(false);

  const check = async () => {
    if (isRunning) return;
    setRunning(true);
    const startedAtMs = performance.now();
    const result = await service.checkCoupon({ name }, { timeoutMs: checkMs }).catch(foreignAnswer);
    setChecked({ result: result as Checked['result'], tookMs: performance.now() - startedAtMs });
    setRunning(false);
  };

  return (
    <section class="panel stack" aria-labelledby="check">
      <h2 id="check">Prove it</h2>
      <p>
        Compares the stock, each claim and the ledger of this sale by the rules of consistency. It
        changes nothing, no claim waits for it, and it takes up to half a minute.
      </p>
      <div class="row">
        <button type="button" disabled={!mayOperate} aria-disabled={isRunning} onClick={check}>
          {isRunning ? 'Checking …' : 'Check the records'}
        </button>
        {!mayOperate && <small>The check needs the admin key.</small>}
      </div>
      <div role="status" class="stack">
        {isRunning && <p>The records are being compared.</p>}
        {checked !== undefined && !isRunning && <Outcome {...checked} />}
      </div>
    </section>
  );
}

function Outcome({ result, tookMs }: Checked) {
  if (result.outcome === 'ok') return <CheckResult checked={result.value} tookMs={tookMs} />;
  if (result.outcome === 'unknown') {
    return <p class="note">No answer arrived. A check changes nothing, so run it again.</p>;
  }
  if (result.outcome === 'overloaded') {
    return (
      <p class="note">
        This node still checks another coupon. It checks one at a time, each in half a minute at
        most: try again then.
      </p>
    );
  }
  return <RefusalNote refusal={result} />;
}
