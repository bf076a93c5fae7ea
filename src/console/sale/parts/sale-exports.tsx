// SPDX-License-Identifier: GPL-3.0-or-later
import { useEffect, useId, useRef, useState } from 'preact/hooks';
import { type ClaimState, FirstcomeError, type Refusal } from '../../../client.ts';
import { claimStates } from '../../search/claim-states.ts';
import { service } from '../../service.ts';
import { foreignAnswer } from '../../ui/foreign-answer.ts';
import { formatCount, formatCountOf } from '../../ui/format.ts';
import { RefusalNote } from '../../ui/refusal-note.tsx';
import { saveFile } from '../../ui/save-file.ts';
import '../../ui/ui.css';
import { ndjsonOf, spreadsheetPath } from './claims-file.ts';
import './parts.css';

/** Downloads the claims of a coupon: as CSV for a spreadsheet, or as lines of JSON for a program. */
export function SaleExports({ name }: { name: string }) {
  const [chosen, setChosen] = useState<ReadonlySet<ClaimState>>(
    new Set(claimStates.filter((state) => state !== 'released')),
  );
  const id = useId();
  const states = claimStates.filter((state) => chosen.has(state));
  const toggle = (state: ClaimState) => {
    const next = new Set(chosen);
    if (!next.delete(state)) next.add(state);
    setChosen(next);
  };
  return (
    <section class="panel stack" aria-labelledby="exports">
      <h2 id="exports">Export the claims</h2>
      <fieldset class="choices">
        <legend>Claims that are</legend>
        {claimStates.map((state) => (
          <label key={state} for={`${id}-${state}`}>
            <input
              {...{ id: `${id}-${state}`, type: 'checkbox', checked: chosen.has(state) }}
              onChange={() => toggle(state)}
            />
            {state}
          </label>
        ))}
      </fieldset>
      {states.length === 0 ? (
        <p>Choose at least one state.</p>
      ) : (
        <div class="row">
          <a class="button" href={spreadsheetPath(name, states)} download>
            Download CSV for a spreadsheet
          </a>
          <NdjsonExport key={states.join()} {...{ name, states }} />
        </div>
      )}
    </section>
  );
}

type Progress =
  | { step: 'idle' }
  | { step: 'reading'; count: number }
  | { step: 'saved'; count: number }
  | { step: 'failed'; refusal: Refusal | undefined };

// The first claims can be far along the positions, where few are in the states.
const firstByteMs = 60_000;

function NdjsonExport({ name, states }: { name: string; states: ClaimState[] }) {
  const [progress, setProgress] = useState<Progress>({ step: 'idle' });
  const reading = useRef<AbortController | undefined>(undefined);
  useEffect(() => () => reading.current?.abort(), []);

  const run = async () => {
    if (progress.step === 'reading') return;
    const own = new AbortController();
    reading.current = own;
    let count = 0;
    const onCount = (read: number) => {
      count = read;
      setProgress({ step: 'reading', count });
    };
    onCount(0);
    try {
      const options = { signal: own.signal, timeoutMs: firstByteMs };
      const claims = service.exportClaims({ coupon_name: name, state: states }, options);
      saveFile(await ndjsonOf(claims, onCount), `claims of ${name}.ndjson`);
      setProgress({ step: 'saved', count });
    } catch (error) {
      if (own.signal.aborted) setProgress({ step: 'idle' });
      else setProgress({ step: 'failed', refusal: refusalOf(error) });
    }
  };

  return (
    <>
      <button type="button" aria-disabled={progress.step === 'reading'} onClick={run}>
        Download NDJSON for a program
      </button>
      <output class="row">
        {progress.step === 'reading' && (
          <>
            {formatCount(progress.count)} claims read …
            <button type="button" onClick={() => reading.current?.abort()}>
              Stop
            </button>
          </>
        )}
        {progress.step === 'saved' && `${formatCountOf(progress.count, ['claim', 'claims'])} saved`}
      </output>
      {progress.step === 'failed' && (
        <div class="stack">
          <p class="note error" role="alert">
            The export broke off, and nothing was saved. Start it again.
          </p>
          <RefusalNote refusal={progress.refusal} />
        </div>
      )}
    </>
  );
}

/** Undefined: the connection broke in the middle. */
function refusalOf(error: unknown): Refusal | undefined {
  if (!(error instanceof FirstcomeError)) return undefined;
  const { result } = error;
  return result === undefined || result.outcome === 'unknown' ? foreignAnswer(error) : result;
}
