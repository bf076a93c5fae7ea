// SPDX-License-Identifier: GPL-3.0-or-later
/** The saga that the bench runs: three steps, each one call of the same participant. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { CleanUp } from './clean-up.ts';

export const sagaName = 'bench';
export const stepNames = ['authorize', 'points', 'capture'];

/** Writes a `SAGAS_FILE` with the saga. Its secret is the variable `BENCH_SECRET`. Returns the path. */
export function sagasFile(url: string, cleanUp: CleanUp): string {
  const folder = mkdtempSync(join(tmpdir(), 'firstcome-bench-sagas-'));
  cleanUp.add(() => rmSync(folder, { recursive: true, force: true }));
  const path = join(folder, 'sagas.json');
  const steps = stepNames.map((name) => ({
    ...{ name, kind: 'http', participant: 'bench', run: `/${name}`, undo: `/undo-${name}` },
    data: { amount_cents: 1_999, currency: 'EUR' },
  }));
  const participants = { bench: { url, secret_env: 'BENCH_SECRET' } };
  writeFileSync(path, JSON.stringify({ participants, sagas: { [sagaName]: { steps } } }));
  return path;
}
