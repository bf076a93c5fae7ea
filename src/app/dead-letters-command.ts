// SPDX-License-Identifier: GPL-3.0-or-later
/** The command `dead-letters`: reads and changes dead letters of a running service over HTTP, as any operator can. */
import type { Config } from '../config.ts';
import type { StartError } from '../core/errors.ts';
import type { DeadLettersArguments, Output, Verdict } from '../entrypoints/cli/program.ts';
import { ownUrl } from './own-url.ts';
import {
  answerTo,
  LostAnswerError,
  originOf,
  type ProblemBody,
  refusalBy,
  type ServiceAnswer,
} from './service-client.ts';

/** A dead letter as the API returns it. */
type LetterBody = {
  dead_letter_id: string;
  reason: string;
  died_at: string | null;
  unreadable: string | null;
  coupon_name: string | null;
  user_id: string | null;
  body: object | null;
};

type PageBody = { dead_letters: LetterBody[]; total: number; next_cursor: string | null };

type HandledBody = {
  done: number;
  refused_count: number;
  refused: { dead_letter_id: string; reason: string }[];
  not_found: string[];
  left: number;
  stopped_by: string | null;
};

type Service = { origin: string; key: string | undefined };
type Change = Extract<DeadLettersArguments, { call: 'redrive' | 'discard' }>;

// A page of the largest bodies is a few megabytes.
const pageMax = 200;
const idsMax = 1_000;

/**
 * Makes the calls and prints what they return. Resolves to `unknown` when only a part is done or known. Rejects with a
 * `StartError` that says what to do when the service refuses a call, or cannot be reached.
 */
export async function callOnDeadLetters(
  { http: { host, port }, auth }: Config,
  { url = ownUrl(host, port), ...given }: DeadLettersArguments,
  output: Output,
): Promise<Verdict> {
  const service = { origin: originOf(url), key: auth.adminApiKey?.reveal() };
  switch (given.call) {
    case 'list':
      await printList(service, given, output);
      return 'passed';
    case 'show': {
      const letter = await readLetter(service, given.id);
      output.stdout(given.json ? `${JSON.stringify(letter)}\n` : linesOf(letter));
      return 'passed';
    }
    case 'export':
      for await (const letter of lettersOf(service, Number.POSITIVE_INFINITY)) {
        const whole =
          letter.body === null ? await readLetter(service, letter.dead_letter_id) : letter;
        output.stdout(`${JSON.stringify(whole)}\n`);
      }
      return 'passed';
    default:
      return changeLetters(service, given, output);
  }
}

async function printList(
  service: Service,
  { limit, json }: Extract<DeadLettersArguments, { call: 'list' }>,
  output: Output,
): Promise<void> {
  let count = 0;
  for await (const letter of lettersOf(service, limit)) {
    count += 1;
    output.stdout(json ? `${JSON.stringify(letter)}\n` : summaryOf(letter));
  }
  if (count === 0 && !json) output.stdout('there are no dead letters\n');
}

/** The letters page by page, the oldest first. */
async function* lettersOf({ origin, key }: Service, limit: number): AsyncGenerator<LetterBody> {
  let cursor: string | null = null;
  for (let left = limit; left > 0; ) {
    const query = new URLSearchParams({ limit: String(Math.min(left, pageMax)) });
    if (cursor !== null) query.set('cursor', cursor);
    const call = { path: `/api/dead-letters?${query}`, key };
    const answer: ServiceAnswer<PageBody> = await answerTo(origin, call, 'dead_letters');
    if (!answer.isDone) throw toError(origin, answer.body);
    yield* answer.body.dead_letters;
    left -= answer.body.dead_letters.length;
    cursor = answer.body.next_cursor;
    if (cursor === null) return;
  }
}

async function readLetter({ origin, key }: Service, id: string): Promise<LetterBody> {
  const call = { path: `/api/dead-letters/${encodeURIComponent(id)}`, key };
  const answer = await answerTo<LetterBody>(origin, call, 'dead_letter_id');
  if (!answer.isDone) throw toError(origin, answer.body);
  return answer.body;
}

/** Calls again until nothing is left: each call does a limited number. */
async function changeLetters(service: Service, given: Change, output: Output): Promise<Verdict> {
  const rounds = given.ids === 'all' ? ['all' as const] : inParts(given.ids);
  try {
    for (const ids of rounds) {
      for (;;) {
        const handled = await changeOnce(service, given, ids, output);
        if (handled === undefined) return reportLost(output);
        if (handled.stopped_by !== null) {
          output.stderr(`firstcome: stopped: ${handled.stopped_by}\nRun it again later.\n`);
          return 'unknown';
        }
        if (!given.yes || handled.left === 0 || handled.done === 0) break;
      }
    }
  } catch (error) {
    if (!(error instanceof LostAnswerError)) throw error;
    return reportLost(output);
  }
  if (!given.yes) output.stdout('nothing was changed; to do it add --yes\n');
  return 'passed';
}

/** One call. Undefined: it may have changed letters. */
async function changeOnce(
  { origin, key }: Service,
  given: Change,
  ids: readonly string[] | 'all',
  output: Output,
): Promise<HandledBody | undefined> {
  const answer = await answerTo<HandledBody>(
    origin,
    {
      ...{ method: 'POST', path: `/api/dead-letters/${given.call}`, key },
      body: { ...(ids === 'all' ? { all: true } : { ids }), dry_run: given.yes !== true },
    },
    'done',
  );
  if (!answer.isDone) {
    if (answer.body.code === 'outcome_unknown') return undefined;
    throw toError(origin, answer.body);
  }
  output.stdout(given.json ? `${answer.text.trim()}\n` : reportOf(given, answer.body));
  return answer.body;
}

function reportLost(output: Output): Verdict {
  output.stderr(
    'firstcome: the answer was lost, and dead letters may have changed\n' +
      'See them with: firstcome dead-letters list\n' +
      'Running the same command again is safe.\n',
  );
  return 'unknown';
}

const doneWords = { redrive: ['redriven', 'redrive'], discard: ['discarded', 'discard'] } as const;

function reportOf({ call, yes }: Change, handled: HandledBody): string {
  const [past, verb] = doneWords[call];
  const lines = [yes ? `${past}: ${handled.done}` : `would ${verb}: ${handled.done}`];
  if (handled.refused_count > 0) {
    lines.push(`cannot be redriven: ${handled.refused_count}`);
    for (const { dead_letter_id: id, reason } of handled.refused) lines.push(`  ${id}  ${reason}`);
  }
  for (const id of handled.not_found) lines.push(`not found: ${id}`);
  if (handled.left > 0) lines.push(`left: ${handled.left}`);
  return lines.map((line) => `${line}\n`).join('');
}

const toSecond = 'yyyy-mm-ddThh:mm:ss'.length;

/** Two or three lines. Names and reasons are quoted, so that spaces at their ends and line breaks show. */
function summaryOf(letter: LetterBody): string {
  const { dead_letter_id: id, died_at: at, coupon_name: coupon, user_id: user } = letter;
  const claim =
    coupon === null
      ? `unreadable: ${letter.unreadable}`
      : `coupon ${JSON.stringify(coupon)}, user ${JSON.stringify(user)}`;
  const when = at === null ? 'unknown time' : `${at.slice(0, toSecond)}Z`;
  return `${id}  ${when}\n  ${claim}\n  ${JSON.stringify(letter.reason)}\n`;
}

const nameColumns = 'dead_letter_id  '.length;
const plainMembers = new Set([
  'dead_letter_id',
  'died_at',
  'claim_id',
  'accepted_at',
  'size_bytes',
]);

/** A line for each member that is not null. */
function linesOf(letter: LetterBody): string {
  return Object.entries(letter)
    .filter(([, value]) => value !== null)
    .map(([name, value]) => {
      const shown = plainMembers.has(name) ? value : JSON.stringify(value);
      return `${name.padEnd(nameColumns)}${shown}\n`;
    })
    .join('');
}

function inParts(ids: readonly string[]): (readonly string[])[] {
  const parts: (readonly string[])[] = [];
  for (let first = 0; first < ids.length; first += idsMax) {
    parts.push(ids.slice(first, first + idsMax));
  }
  return parts;
}

function toError(origin: string, problem: ProblemBody): StartError {
  return refusalBy(origin, problem, {
    unauthorized: [
      `the service at ${origin} refuses the key (401)`,
      'Set ADMIN_API_KEY to the admin key of the service.',
    ],
    dead_letter_not_found: [problem.detail, 'To list them: firstcome dead-letters list'],
    route_not_found: [
      `the service at ${origin} has no queue of claims`,
      'Set AMQP_URL there, or the address of another service with --url.',
    ],
  });
}
