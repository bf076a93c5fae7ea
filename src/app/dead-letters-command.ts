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
      const answer = await answerToRead(service, given.id);
      if (given.json) output.stdout(`${answer.text.trim()}\n`);
      else if (answer.isDone) output.stdout(linesOf(answer.body));
      if (!answer.isDone) throw toError(service.origin, answer.body, given.id);
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

async function readLetter(service: Service, id: string): Promise<LetterBody> {
  const answer = await answerToRead(service, id);
  if (!answer.isDone) throw toError(service.origin, answer.body, id);
  return answer.body;
}

function answerToRead({ origin, key }: Service, id: string): Promise<ServiceAnswer<LetterBody>> {
  const call = { path: `/api/dead-letters/${encodeURIComponent(id)}`, key };
  return answerTo(origin, call, 'dead_letter_id');
}

/** Calls again until nothing is left: each call does a limited number. */
async function changeLetters(service: Service, given: Change, output: Output): Promise<Verdict> {
  const rounds = given.ids === 'all' ? ['all' as const] : inParts(given.ids);
  let [isBegun, isPart] = [false, false];
  for (const ids of rounds) {
    for (;;) {
      const answer = await answerToChange(service, given, ids);
      if (answer === 'lost') return reportLost(output);
      if (!answer.isDone) {
        if (isBegun) return reportStop(answer.body.detail, output);
        if (given.json) output.stdout(`${answer.text.trim()}\n`);
        throw toError(service.origin, answer.body);
      }
      output.stdout(given.json ? `${answer.text.trim()}\n` : reportOf(given, answer.body));
      const { done, left, not_found: notFound, refused_count: refused } = answer.body;
      const { stopped_by: stoppedBy } = answer.body;
      if (stoppedBy !== null) return reportStop(stoppedBy, output);
      isBegun = true;
      isPart ||= notFound.length > 0 || refused > 0;
      if (!given.yes || left === 0 || done === 0) break;
    }
  }
  if (!given.yes && !given.json) output.stdout('nothing was changed; to do it add --yes\n');
  return isPart ? 'unknown' : 'passed';
}

/** One call. Resolves to `lost` where it may have changed letters. */
async function answerToChange(
  { origin, key }: Service,
  { call, yes = false }: Change,
  ids: readonly string[] | 'all',
): Promise<ServiceAnswer<HandledBody> | 'lost'> {
  try {
    const answer = await answerTo<HandledBody>(
      origin,
      {
        ...{ method: 'POST', path: `/api/dead-letters/${call}`, key, changesNothing: !yes },
        body: { ...(ids === 'all' ? { all: true } : { ids }), dry_run: !yes },
      },
      'done',
    );
    return !answer.isDone && answer.body.code === 'outcome_unknown' ? 'lost' : answer;
  } catch (error) {
    if (error instanceof LostAnswerError) return 'lost';
    throw error;
  }
}

function reportStop(reason: string, output: Output): Verdict {
  output.stderr(`firstcome: stopped: ${reason}\nRun it again later.\n`);
  return 'unknown';
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
// With the two columns before it a line has 80.
const reasonColumnsMax = 78;

/** Three lines. Names and reasons are quoted, so that spaces at their ends and line breaks show; long reasons are cut. */
function summaryOf(letter: LetterBody): string {
  const { dead_letter_id: id, died_at: at, coupon_name: coupon, user_id: user } = letter;
  const claim =
    coupon === null
      ? `unreadable: ${letter.unreadable}`
      : `coupon ${JSON.stringify(coupon)}, user ${JSON.stringify(user)}`;
  const when = at === null ? 'unknown time' : `${at.slice(0, toSecond)}Z`;
  return `${id}  ${when}\n  ${claim}\n  ${cut(JSON.stringify(letter.reason))}\n`;
}

function cut(text: string): string {
  return text.length <= reasonColumnsMax ? text : `${text.slice(0, reasonColumnsMax - 3)}...`;
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

function toError(origin: string, problem: ProblemBody, id?: string): StartError {
  return refusalBy(origin, problem, {
    dead_letter_not_found: [
      `there is no dead letter ${id}`,
      'To list them: firstcome dead-letters list',
    ],
    route_not_found: [
      `the service at ${origin} has no queue of claims`,
      'Set AMQP_URL there, or the address of another service with --url.',
    ],
  });
}
