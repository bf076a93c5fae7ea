// SPDX-License-Identifier: GPL-3.0-or-later
/** The command `sagas`: lists, shows and changes sagas of a running service over HTTP, as any operator can. */
import type { Config } from '../config.ts';
import type { StartError } from '../core/errors.ts';
import type { Output, SagasArguments, Verdict } from '../entrypoints/cli/program.ts';
import { ownUrl } from './own-url.ts';
import {
  answerTo,
  LostAnswerError,
  originOf,
  type ProblemBody,
  refusalBy,
  type ServiceAnswer,
} from './service-client.ts';

/** A saga as the API returns it in a list. */
type SagaSummary = {
  saga_id: string;
  saga: string;
  state: string;
  coupon_name: string;
  user_id: string;
  started_at: string;
};

type Step = {
  name: string;
  participant: string;
  state: string;
  attempts: number;
  last_status: number | null;
  last_error: string | null;
};

type SagaBody = SagaSummary & { message?: string; steps: Step[] };

type SagaPage = { sagas: SagaSummary[]; next_cursor: string | null };

const pageMax = 1000;

/**
 * Makes the call and prints the sagas as they are then. Rejects with a `StartError` that says what to do when the service
 * refuses the call, or cannot be reached.
 */
export async function callOnSagas(
  { http: { host, port }, auth }: Config,
  { url = ownUrl(host, port), ...given }: SagasArguments,
  output: Output,
): Promise<Verdict> {
  const origin = originOf(url);
  const key = auth.adminApiKey?.reveal();
  if (given.call === 'list') {
    await printList({ origin, key }, given, output);
    return 'passed';
  }
  const path = `/api/sagas/${encodeURIComponent(given.id)}`;
  const change = {
    ...{ method: 'POST' as const, path: `${path}/${given.call}` },
    body: given.call === 'resolve' ? { as: given.as, note: given.note } : {},
  };
  try {
    const call = given.call === 'show' ? { path } : change;
    const answer = await answerTo<SagaBody>(origin, { ...call, key }, 'saga_id');
    if (given.json) output.stdout(`${answer.text.trim()}\n`);
    else if (answer.isDone) output.stdout(linesOf(answer.body));
    if (answer.isDone) return 'passed';
    if (answer.body.code !== 'outcome_unknown') throw toError(origin, answer.body, given);
  } catch (error) {
    if (!(error instanceof LostAnswerError)) throw error;
  }
  output.stderr(
    'firstcome: the answer was lost, and the saga may have changed\n' +
      `See it with: firstcome sagas show ${given.id}\n`,
  );
  return 'unknown';
}

/** Prints sagas page by page, the oldest first. */
async function printList(
  service: { origin: string; key: string | undefined },
  given: Extract<SagasArguments, { call: 'list' }>,
  output: Output,
): Promise<void> {
  let cursor: string | null = null;
  for (let left = given.limit; left > 0; ) {
    const query = new URLSearchParams({ limit: String(Math.min(left, pageMax)) });
    for (const state of given.states) query.append('state', state);
    if (cursor !== null) query.set('cursor', cursor);
    const call = { path: `/api/sagas?${query}`, key: service.key };
    const answer: ServiceAnswer<SagaPage> = await answerTo(service.origin, call, 'sagas');
    if (!answer.isDone) throw toError(service.origin, answer.body, given);
    for (const saga of answer.body.sagas) {
      output.stdout(given.json ? `${JSON.stringify(saga)}\n` : summaryOf(saga));
    }
    left -= answer.body.sagas.length;
    cursor = answer.body.next_cursor;
    if (cursor === null) return;
  }
}

const toSecond = 'yyyy-mm-ddThh:mm:ss'.length;
const stateColumns = 'needs_attention'.length;

/** Two lines. Names are quoted, so that spaces at their ends show. */
function summaryOf({ started_at: at, ...saga }: SagaSummary): string {
  const [name, coupon, user] = [saga.saga, saga.coupon_name, saga.user_id].map(quoted);
  return (
    `${saga.saga_id}  ${saga.state.padEnd(stateColumns)}  ${at.slice(0, toSecond)}Z\n` +
    `  saga ${name}, coupon ${coupon}, user ${user}\n`
  );
}

const quotedMembers = new Set(['saga', 'coupon_name', 'user_id', 'cause']);
const nameColumns = 'next_attempt_at  '.length;

/** A line for each member that is not null, and for each step. */
function linesOf({ steps, message: _, ...saga }: SagaBody): string {
  const members = Object.entries(saga)
    .filter(([, value]) => value !== null)
    .map(([name, value]) => {
      const shown = quotedMembers.has(name) ? quoted(value) : value;
      return `${name.padEnd(nameColumns)}${shown}\n`;
    });
  const lines = steps.map((step, index) => `step ${index + 1}`.padEnd(nameColumns) + lineOf(step));
  return [...members, ...lines].join('');
}

/** What became of a step, and in a second line what its last call has failed with. */
function lineOf({ name, participant, state, attempts, ...last }: Step): string {
  const calls = attempts === 1 ? '1 call' : `${attempts} calls`;
  const facts = [state, ...(attempts > 0 ? [calls] : [])];
  if (last.last_status !== null) facts.push(`status ${last.last_status}`);
  const error = last.last_error === null ? '' : `${' '.repeat(nameColumns)}${last.last_error}\n`;
  return `${name} (${participant}): ${facts.join(', ')}\n${error}`;
}

function quoted(text: unknown): string {
  return JSON.stringify(text);
}

/** What the service says, and what to do about it. */
function toError(origin: string, problem: ProblemBody, given: SagasArguments): StartError {
  const isChange = given.call === 'retry' || given.call === 'resolve';
  return refusalBy(origin, problem, {
    ...(given.call !== 'list' && {
      saga_not_found: [
        `there is no saga ${given.id}`,
        'To list sagas: firstcome sagas list --state needs_attention',
      ],
    }),
    ...(isChange && {
      invalid_request: [problem.detail, `See it with: firstcome sagas show ${given.id}`],
    }),
  });
}
