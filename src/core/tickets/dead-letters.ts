// SPDX-License-Identifier: GPL-3.0-or-later
/** Dead letters: messages of the queue of claims that could not be decided. Operators read them, redrive or discard them. */
import type { Clock } from '../clock.ts';
import { AppError } from '../errors.ts';
import type { ActedBy, LoggedDeadLetter } from '../operator-log/operator-log.ts';
import { type DeadLetter, type DeadLetterQueue, type VisitEnd, visitedMax } from './dead-letter.ts';
import type { ClaimQueue, TicketStore } from './ports.ts';

/** Writes an entry into the operator log. */
export type LogDeadLetter = (
  entry: {
    action: 'redrive_dead_letter' | 'discard_dead_letter';
    couponName: string | null;
    before: LoggedDeadLetter;
  },
  by: ActedBy,
) => Promise<void>;

/** A dead letter as operators see it. */
export type DeadLetterView = Omit<DeadLetter, 'content'> & {
  /** Undefined where the letter is too large for the call. */
  body: { encoding: 'utf8' | 'base64'; text: string } | undefined;
};

/** The dead letters of a call. */
export type DeadLetterSelection = {
  ids: ReadonlySet<string> | 'all';
  /** Changes nothing, and returns what would be done. */
  isDryRun: boolean;
};

/** What a call has done. */
export type HandledDeadLetters = {
  /** How many were redriven or discarded. */
  done: number;
  /** Those that cannot be redriven: the first ones, and how many there are. */
  refused: { count: number; first: { id: string; reason: string }[] };
  /** Ids without a dead letter. */
  notFound: string[];
  /** How many of the selected ones are still there and can be handled by another call. */
  left: number;
  /** Why it has stopped before its end; undefined also where it has reached `changedMax`. */
  stoppedBy: string | undefined;
};

/** What operators do with dead letters. Each call rejects with `overloaded` or `unavailable` where the broker is away. */
export type DeadLetters = {
  /** Returns letters from the place `after` on, 0 for the first one, and the place of the next page. */
  list(page: {
    after: number;
    limit: number;
  }): Promise<{ letters: DeadLetterView[]; total: number; next: number | undefined }>;
  /** Rejects with `dead_letter_not_found`. */
  show(id: string): Promise<DeadLetterView>;
  /**
   * Puts the claims of letters into the queue again, with all of their attempts, at most `changedMax` of them and
   * `redrivenPerSecond`. Rejects with `outcome_unknown` when it fails after the first one.
   */
  redrive(selection: DeadLetterSelection, by: ActedBy): Promise<HandledDeadLetters>;
  /** Ends the tickets of letters as `failed` and removes the letters, at most `changedMax` of them. Rejects as `redrive`. */
  discard(selection: DeadLetterSelection, by: ActedBy): Promise<HandledDeadLetters>;
};

/** What the calls work with. */
export type DeadLettersOptions = {
  letters: DeadLetterQueue;
  queue: Pick<ClaimQueue, 'publish'>;
  store: Pick<TicketStore, 'fail'>;
  log: LogDeadLetter;
  clock: Pick<Clock, 'nowMs' | 'sleep'>;
};

/** How many letters one call redrives or discards: a call must end before its client gives up. */
export const changedMax = 1_000;
/** Redriven claims come on top of the load of the service, and must not fill its lanes. */
const redrivenPerSecond = 200;
/** The largest body in a list. A claim of this service is smaller. */
export const listedBytesMax = 16_384;
/** The largest body that is shown: the largest message that current releases of RabbitMQ accept by default. */
const shownBytesMax = 16 * 1_024 * 1_024;
const refusedShownMax = 100;
const millisecondsPerSecond = 1_000;

/** Creates the calls. */
export function deadLettersWith(options: DeadLettersOptions): DeadLetters {
  const { clock, letters, log, queue, store } = options;
  let nextRedriveMs = Number.NEGATIVE_INFINITY;
  const waitForTurn = async () => {
    const nowMs = clock.nowMs();
    const atMs = Math.max(nowMs, nextRedriveMs);
    nextRedriveMs = atMs + millisecondsPerSecond / redrivenPerSecond;
    if (atMs > nowMs) await clock.sleep(atMs - nowMs);
  };
  const change =
    (action: Change) =>
    async (selection: DeadLetterSelection, by: ActedBy): Promise<HandledDeadLetters> => {
      const round = new Round(selection, action, by, log);
      try {
        return round.result(await letters.visit((letter) => round.visit(letter), 0));
      } catch (error) {
        throw round.toFault(error);
      }
    };
  return {
    async list({ after, limit }) {
      const found: DeadLetterView[] = [];
      let place = 0;
      const { total } = await letters.visit(async (letter) => {
        if (found.length === limit) return 'end';
        if (place >= after) found.push(viewOf(letter));
        place += 1;
        return 'keep';
      }, listedBytesMax);
      const hasMore = place < Math.min(total, visitedMax) && found.length > 0;
      return { letters: found, total, next: hasMore ? place : undefined };
    },
    async show(id) {
      let found: DeadLetterView | undefined;
      await letters.visit(async (letter) => {
        if (letter.id !== id) return 'keep';
        found = viewOf(letter);
        return 'end';
      }, shownBytesMax);
      if (found === undefined) {
        throw new AppError('dead_letter_not_found', { detail: 'no dead letter has this id' });
      }
      return found;
    },
    redrive: change({
      name: 'redrive_dead_letter',
      refusal: ({ unreadable }) => unreadable,
      async run({ claim }) {
        if (claim === undefined) return undefined;
        await waitForTurn();
        // Nobody waits for it any more.
        const result = await queue.publish({ ...claim, attempts: 0, replyTo: undefined });
        return result === 'confirmed' ? undefined : notPublished[result];
      },
    }),
    discard: change({
      name: 'discard_dead_letter',
      refusal: () => undefined,
      async run({ claim }) {
        if (claim !== undefined) {
          const { claimId, acceptedAtMs } = claim;
          await store.fail({ claimId, acceptedAtMs }, discarded);
        }
        return undefined;
      },
    }),
  };
}

const notPublished = {
  full: 'the queue of claims is full',
  away: 'RabbitMQ takes no claims at present',
  unknown:
    'RabbitMQ has not confirmed a claim in time: it may be in the queue, and its letter is kept',
};
const discarded = { code: 'internal', detail: 'an operator has discarded the claim' } as const;

/** What a call does with each letter. */
type Change = {
  name: Parameters<LogDeadLetter>[0]['action'];
  /** Why it cannot be done with a letter. */
  refusal(letter: DeadLetter): string | undefined;
  /** Does it before the letter is removed, so that a crash in between only repeats it. Resolves to why it is not possible now. */
  run(letter: DeadLetter): Promise<string | undefined>;
};

/** One call that changes letters. */
class Round {
  private readonly selection: DeadLetterSelection;
  private readonly change: Change;
  private readonly by: ActedBy;
  private readonly log: LogDeadLetter;
  private readonly found = new Set<string>();
  private readonly refused: HandledDeadLetters['refused'] = { count: 0, first: [] };
  private stoppedBy: string | undefined;
  private done = 0;
  /** Whether letters that it has not visited may be among the selected ones. */
  private hasEnded = false;
  /** Whether a letter may be changed although it is still there. */
  private hasBegun = false;

  constructor(selection: DeadLetterSelection, change: Change, by: ActedBy, log: LogDeadLetter) {
    this.selection = selection;
    this.change = change;
    this.by = by;
    this.log = log;
  }

  async visit(letter: DeadLetter): Promise<VisitEnd> {
    const { ids, isDryRun } = this.selection;
    if (ids !== 'all' && !ids.has(letter.id)) return 'keep';
    const refusal = this.change.refusal(letter);
    if (refusal !== undefined) {
      this.found.add(letter.id);
      this.refuse(letter.id, refusal);
      return 'keep';
    }
    if (!isDryRun && this.done === changedMax) return this.end();
    if (!isDryRun) {
      this.hasBegun = true;
      this.stoppedBy = await this.change.run(letter);
      if (this.stoppedBy !== undefined) return this.end();
      await this.log(this.entryOf(letter), this.by);
    }
    this.found.add(letter.id);
    this.done += 1;
    return isDryRun ? 'keep' : 'remove';
  }

  result({ total }: { total: number }): HandledDeadLetters {
    const { done, found, hasEnded, refused, stoppedBy } = this;
    const { ids } = this.selection;
    const missing = ids === 'all' ? [] : [...ids].filter((id) => !found.has(id));
    const leftOfAll = Math.max(total - done - refused.count, 0);
    return {
      ...{ done, refused, stoppedBy },
      notFound: hasEnded ? [] : missing,
      left: ids === 'all' ? leftOfAll : hasEnded ? missing.length : 0,
    };
  }

  /** What the caller gets where the visits have failed: some letters may be changed by then. */
  toFault(error: unknown): unknown {
    if (!this.hasBegun) return error;
    return new AppError('outcome_unknown', {
      detail: 'the call was broken off: some of the dead letters are handled, the others are there',
      cause: error,
    });
  }

  private end(): VisitEnd {
    this.hasEnded = true;
    return 'end';
  }

  private refuse(id: string, reason: string): void {
    this.refused.count += 1;
    if (this.refused.first.length < refusedShownMax) this.refused.first.push({ id, reason });
  }

  private entryOf({ id, claim, reason }: DeadLetter): Parameters<LogDeadLetter>[0] {
    return {
      action: this.change.name,
      couponName: claim?.couponName ?? null,
      before: {
        dead_letter_id: id,
        ...{ claim_id: claim?.claimId ?? null, user_id: claim?.userId ?? null },
        dead_reason: reason,
      },
    };
  }
}

function viewOf({ content, ...letter }: DeadLetter): DeadLetterView {
  return { ...letter, body: content && bodyOf(content) };
}

function bodyOf(content: Uint8Array): NonNullable<DeadLetterView['body']> {
  try {
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(content);
    return { encoding: 'utf8', text };
  } catch {
    return { encoding: 'base64', text: Buffer.from(content).toString('base64') };
  }
}
