// SPDX-License-Identifier: GPL-3.0-or-later
/** Draws a saga while it runs: in place on a terminal, else a line for each change. */

/** A saga, as `GET /api/sagas/{id}` shows it. */
export type SagaBody = {
  saga_id: string;
  user_id: string;
  state: string;
  cause: string | null;
  steps: {
    name: string;
    participant: string;
    state: string;
    attempts: number;
    last_status: number | null;
    last_error: string | null;
  }[];
};

const columnsMax = 80;
const marks: Record<string, string> = {
  ...{ pending: '·', done: '✓', declined: '✗', unknown: '?', undone: '↩' },
};

/** The lines of a saga, at most 80 columns wide. */
export function linesOf(saga: SagaBody): string[] {
  const head = `Saga of ${saga.user_id} (${saga.saga_id}): ${saga.state}`;
  const steps = saga.steps.map(
    ({ name, participant, state, attempts, last_status, last_error }) => {
      const calls = attempts === 1 ? '1 call' : `${attempts} calls`;
      const last = last_status === null ? (last_error ?? '') : `last status ${last_status}`;
      const called = state === 'pending' && attempts === 0 ? '' : `${calls.padEnd(7)} ${last}`;
      const columns = [name.padEnd(9), participant.padEnd(7), state.padEnd(8), called];
      return `  ${marks[state] ?? ' '} ${columns.join(' ')}`;
    },
  );
  const cause = saga.cause === null ? [] : [`  because: ${saga.cause}`];
  return [head, ...steps, ...cause].map((line) => line.trimEnd().slice(0, columnsMax));
}

const countsEveryMs = 1_000;

/** Writes the state of things again and again. */
export class Drawing {
  private readonly out: NodeJS.WriteStream;
  private readonly startedMs = performance.now();
  private readonly printed = new Set<string>();
  private linesAbove = 0;
  private countedMs = Number.NEGATIVE_INFINITY;

  constructor(out: NodeJS.WriteStream) {
    this.out = out;
  }

  /** Shows a saga and counts in place of those before. Not on a terminal: only what is new, and counts once a second. */
  show(saga: string[], counts: string[]): void {
    if (this.out.isTTY) this.redraw([...saga, '', ...counts]);
    else this.printNew(saga, counts);
  }

  private redraw(lines: string[]): void {
    const up = this.linesAbove === 0 ? '' : `\u001b[${this.linesAbove}A\u001b[J`;
    this.out.write(`${up}${lines.map((line) => `${line}\n`).join('')}`);
    this.linesAbove = lines.length;
  }

  private printNew(saga: string[], counts: string[]): void {
    const nowMs = performance.now();
    const isCounted = nowMs - this.countedMs >= countsEveryMs;
    if (isCounted) this.countedMs = nowMs;
    const seconds = ((nowMs - this.startedMs) / 1_000).toFixed(1).padStart(4);
    for (const line of [...saga, ...(isCounted ? counts : [])]) {
      if (!this.printed.has(line))
        this.out.write(`${`${seconds} s ${line}`.slice(0, columnsMax)}\n`);
      this.printed.add(line);
    }
  }
}
