// SPDX-License-Identifier: GPL-3.0-or-later

import {
  type ClaimState,
  claimStates,
  type HistoryHead,
  operations,
  sagaStates,
  ticketStates,
} from '../history.ts';
import { counted } from '../numbers.ts';
import { Members } from './members.ts';
import { isCutOff, type Line, parseObject, RecordingError, readLines } from './read-lines.ts';
import { isOutsideType, outsideTypes, readOutside } from './read-outside.ts';
import { type CompletionType, RecordedHistory } from './recorded-history.ts';
import { claimIdIn } from './ticket-id.ts';

/**
 * Reads a history line by line and joins its events to operations. Throws a `RecordingError` that names the line when
 * the recording contradicts itself, since it then proves nothing. It tolerates a last line that is cut off, with a note.
 */
export async function readHistory(file: string): Promise<RecordedHistory> {
  let reading: HistoryReading | undefined;
  await readLines(file, (line) => {
    if (reading === undefined) reading = new HistoryReading(toHead(line));
    else if (isCutOff(line)) {
      reading.history.notes.push(`line ${line.number} is cut off and ignored`);
    } else reading.add(line);
  });
  if (reading === undefined) throw new RecordingError(`the history is empty: ${advice}`);
  return reading.finish();
}

const operationTypes = ['invoke', 'accepted', 'ok', 'fail', 'info'] as const;

const advice = 'name the history of a `firstcome drill`';

function toHead(line: Line): HistoryHead {
  const value = parseHead(line);
  const head = new Members(line.number, value);
  if (value.history !== 'firstcome') head.fail(`is not the head of a history: ${advice}`);
  if (value.version !== 1)
    head.fail('version is not 1: audit it with the release that recorded it');
  head.text('scenario');
  head.number('seed');
  head.time('started_at');
  const { nodes } = value;
  if (!Array.isArray(nodes) || nodes.some((node) => typeof node !== 'string')) {
    head.fail('nodes is not a list of texts');
  }
  return value as HistoryHead;
}

function parseHead(line: Line): Record<string, unknown> {
  try {
    return parseObject(line);
  } catch (error) {
    throw new RecordingError(`${(error as Error).message}: ${advice}`);
  }
}

class HistoryReading {
  readonly history: RecordedHistory;
  #events = 0;
  /** The last operation of each client. */
  readonly #lastOfProc = new Map<number, number>();

  constructor(head: HistoryHead) {
    this.history = new RecordedHistory(head);
  }

  add(line: Line): void {
    const event = new Members(line.number, parseObject(line));
    const i = event.int('i');
    if (i !== this.#events) event.fail(`i is ${i}, but ${this.#events} comes next`);
    this.#events += 1;
    const ms = event.number('t_ms');
    if (ms < this.history.lastMs) {
      event.fail(`t_ms goes back from ${this.history.lastMs} to ${ms}`);
    }
    this.history.lastMs = ms;
    this.history.eventMs.set(i, ms);
    const type = event.oneOf('type', [...operationTypes, ...outsideTypes]);
    if (isOutsideType(type)) {
      this.history.outside.push({ i, t_ms: ms, ...readOutside(event, type) });
      return;
    }
    const op = event.int('op');
    if (type === 'invoke') this.#begin(event, { op, i, ms });
    else if (type === 'accepted') this.#accept(event, { op, i });
    else this.#end(event, { op, i, ms, type });
  }

  finish(): RecordedHistory {
    let open = 0;
    for (let op = 0; op < this.history.count; op += 1) {
      if (!this.history.isOpen(op)) continue;
      open += 1;
      const claimId = this.#claimIdOfTicket(op);
      if (claimId !== undefined) {
        this.history.claimId.set(op, this.history.claimIds.number(claimId));
      }
    }
    if (open > 0) {
      const [have, count] = open === 1 ? ['has', 'counts'] : ['have', 'count'];
      const operations = counted(open, 'operation');
      this.history.notes.push(`${operations} ${have} no completion and ${count} as info`);
    }
    return this.history;
  }

  #begin(event: Members, { op, i, ms }: { op: number; i: number; ms: number }): void {
    const { history } = this;
    if (op < history.count && op >= 0) event.fail(`op ${op} begins twice`);
    if (op !== history.count) event.fail(`op ${op} begins, but ${history.count} comes next`);
    this.#takeTurn(event, op);
    history.count += 1;

    const operation = event.oneOf('f', operations);
    history.operationIndex.set(op, operations.indexOf(operation));
    history.node.set(op, history.labels.number(event.text('node')));
    history.coupon.set(op, history.coupons.number(event.text('coupon')));
    history.begunEvent.set(op, i);
    history.begunMs.set(op, ms);
    const user = event.optionalText('user');
    if (user !== undefined) history.user.set(op, history.users.number(user));
    else if (operation === 'claim' || operation === 'find_claim' || history.isChange(op)) {
      event.fail(`${operation} names no user`);
    }
    const key = event.optionalText('key');
    if (key !== undefined) history.key.set(op, history.keys.number(key));
    if (operation === 'create' || operation === 'add_stock') {
      history.units.set(op, event.int('units'));
    }
    if (operation === 'read_ticket') this.#readTicketId(event, op);
    if (event.has('cursor')) history.laterPages.add(op);
    if (event.has('max_age_s')) history.maxAgeSeconds.set(op, event.number('max_age_s'));
    const named = history.isChange(op) ? event.optionalText('claim_id') : undefined;
    if (named !== undefined) history.namedClaimId.set(op, history.claimIds.number(named));
    if (operation === 'create' && event.has('hold_seconds')) {
      history.holdSeconds.set(op, event.number('hold_seconds'));
    }
    const saga = operation === 'create' ? event.optionalText('saga') : undefined;
    if (saga !== undefined) history.sagas.set(op, saga);
    if (operation === 'create') {
      history.windows.set(op, {
        opensAt: event.optionalTimeText('opens_at'),
        closesAt: event.optionalTimeText('closes_at'),
      });
    }
  }

  /** Checks that a client has one operation under way at a time, and gets a new number after an `info`. */
  #takeTurn(event: Members, op: number): void {
    const { history } = this;
    const proc = event.int('proc');
    const last = this.#lastOfProc.get(proc);
    if (last !== undefined && history.isOpen(last)) {
      event.fail(`proc ${proc} begins op ${op} while its op ${last} is under way`);
    }
    if (last !== undefined && history.type(last) === 'info') {
      event.fail(`proc ${proc} goes on after its op ${last} ended as info`);
    }
    this.#lastOfProc.set(proc, op);
    history.proc.set(op, proc);
  }

  /** The claim of a ticket waits for its decision; its operation goes on. */
  #accept(event: Members, { op, i }: { op: number; i: number }): void {
    const { history } = this;
    this.#assertUnderWay(event, op);
    if (history.operation(op) !== 'claim') event.fail(`op ${op} is accepted but is no claim`);
    if (history.isAccepted(op)) event.fail(`op ${op} is accepted twice`);
    this.#compare(event, op);
    this.#readTicketId(event, op);
    history.acceptedEvent.set(op, i);
  }

  #readTicketId(event: Members, op: number): void {
    const { history } = this;
    history.ticketId.set(op, history.ticketIds.number(event.text('ticket_id')));
  }

  #assertUnderWay(event: Members, op: number): void {
    if (op < 0 || op >= this.history.count) event.fail(`op ${op} completes but never began`);
    if (!this.history.isOpen(op)) event.fail(`op ${op} completes twice`);
  }

  #end(
    event: Members,
    { op, i, ms, type }: { op: number; i: number; ms: number; type: CompletionType },
  ): void {
    const { history } = this;
    this.#assertUnderWay(event, op);
    this.#compare(event, op);
    history.setType(op, type);
    history.endedEvent.set(op, i);
    history.endedMs.set(op, ms);

    const outcome = event.optionalText('outcome');
    if (outcome !== undefined) history.outcomeLabel.set(op, history.labels.number(outcome));
    if (event.has('effect')) {
      const effect = event.oneOf('effect', ['none', 'unknown']);
      history.effectLabel.set(op, history.labels.number(effect));
    }
    this.#readTicket(event, op);
    const claimId = event.optionalText('claim_id') ?? this.#claimIdOfTicket(op);
    if (claimId !== undefined) history.claimId.set(op, history.claimIds.number(claimId));
    if (event.has('http')) history.http.set(op, event.int('http'));
    if (event.has('position')) history.position.set(op, event.int('position'));
    if (event.has('claimed_at')) history.claimedAt.set(op, event.time('claimed_at'));
    this.#readState(event, op);
    if (event.has('retry_after_s')) {
      history.retryAfterSeconds.set(op, event.number('retry_after_s'));
    }
    if (event.has('age_s')) history.ageSeconds.set(op, event.number('age_s'));
    if (event.has('amount')) history.amount.set(op, event.int('amount'));
    if (event.has('remaining_amount')) history.remaining.set(op, event.int('remaining_amount'));
  }

  #readTicket(event: Members, op: number): void {
    const { history } = this;
    if (event.has('ticket_id')) this.#readTicketId(event, op);
    if (event.has('ticket_state')) {
      history.ticketStateIndex.set(
        op,
        ticketStates.indexOf(event.oneOf('ticket_state', ticketStates)),
      );
    }
    if (event.has('result')) {
      history.result.set(op, history.results.number(comparableText(event.object('result'))));
    }
  }

  /** The claim that a claim with an unknown outcome may have made, where its ticket says so. */
  #claimIdOfTicket(op: number): string | undefined {
    const { history } = this;
    if (history.operation(op) !== 'claim' || history.type(op) !== 'info') return undefined;
    const ticketId = history.ticketIds.text(history.ticketId.at(op));
    return ticketId === undefined ? undefined : claimIdIn(ticketId);
  }

  #readState(event: Members, op: number): void {
    const { history } = this;
    if (event.has('state')) {
      history.stateIndex.set(op, claimStates.indexOf(event.oneOf('state', claimStates)));
    }
    if (event.has('expires_at')) history.expiresAt.set(op, event.time('expires_at'));
    if (event.has('confirmed_at')) history.confirmedAt.set(op, event.time('confirmed_at'));
    if (event.has('redeemed_at')) history.redeemedAt.set(op, event.time('redeemed_at'));
    if (event.has('claims')) {
      const claims = event.pairs('claims', claimStates).map(([id, state]): [number, ClaimState] => {
        return [history.claimIds.number(id), state];
      });
      history.pages.set(op, { claims, isLast: !event.has('next_cursor') });
    }
    if (event.has('released_at')) history.releasedAt.set(op, event.time('released_at'));
    const sagaId = event.optionalText('saga_id');
    if (sagaId !== undefined) history.sagaId.set(op, history.labels.number(sagaId));
    if (event.has('saga_state')) {
      history.sagaStateIndex.set(op, sagaStates.indexOf(event.oneOf('saga_state', sagaStates)));
    }
  }

  /** A completion repeats the members of its invocation. */
  #compare(event: Members, op: number): void {
    const { history } = this;
    const compared: [name: string, found: unknown, expected: unknown][] = [
      ['proc', event.int('proc'), history.proc.at(op)],
      ['node', event.text('node'), history.labels.text(history.node.at(op))],
      ['f', event.text('f'), history.operation(op)],
      ['coupon', event.text('coupon'), history.coupons.text(history.coupon.at(op))],
    ];
    for (const name of ['user', 'key'] as const) {
      const list = name === 'user' ? history.users : history.keys;
      const found = event.optionalText(name);
      if (found !== undefined) compared.push([name, found, list.text(history[name].at(op))]);
    }
    for (const [name, found, expected] of compared) {
      if (found !== expected) event.fail(`op ${op} began with ${name} ${expected}, not ${found}`);
    }
  }
}

/** A result as text, the same for each read of a ticket. The `instance` of a problem names the request that reads it. */
function comparableText({ instance: _, ...result }: Record<string, unknown>): string {
  return JSON.stringify(result, (_key, value: unknown) => {
    const isObject = typeof value === 'object' && value !== null && !Array.isArray(value);
    if (!isObject) return value;
    return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)));
  });
}
