// SPDX-License-Identifier: GPL-3.0-or-later
import { closeSync, openSync, writeSync } from 'node:fs';
import type { HistoryHead, OutsideContent } from '../history.ts';
import type { Acceptance, Completion } from './completion.ts';
import type { ServiceRequest } from './request.ts';

/** An operation that is recorded as begun. `complete` needs it. */
export type RecordedOperation = { op: number; proc: number; tail: string };

/** Where the clients record their operations. */
export type Recorder = Pick<HistoryWriter, 'invoke' | 'accept' | 'complete'>;

/** Records nothing. */
export const noRecorder: Recorder = {
  invoke: () => unrecorded,
  accept: () => undefined,
  complete: () => undefined,
};

const unrecorded: RecordedOperation = { op: 0, proc: 0, tail: '' };

const pendingCharactersMax = 256 * 1024;

/**
 * Writes a history in the order of the calls. It builds the JSON lines by hand, since a drill writes tens of thousands
 * a second. It buffers lines and writes them in blocks, at every `flush` at the latest. Writes are synchronous: a slow
 * disk shows as a late generator, and the buffer stays bounded.
 */
export class HistoryWriter {
  private readonly path: string;
  private file: number | undefined;
  private readonly now: () => number;
  private readonly nodes: readonly string[];
  private pending = '';
  private eventsWritten = 0;
  private operationsBegun = 0;
  private failedWith: Error | undefined;

  /** Does not touch the file at `path` before `open`. `now` returns milliseconds since the recording began. */
  constructor(path: string, head: HistoryHead, now: () => number) {
    this.path = path;
    this.now = now;
    this.nodes = head.nodes.map((node) => JSON.stringify(node));
    this.pending = `${JSON.stringify(head)}\n`;
  }

  /** The number of events so far. */
  get events(): number {
    return this.eventsWritten;
  }

  /** The number of operations so far. */
  get operations(): number {
    return this.operationsBegun;
  }

  /** Why the file cannot be written, such as a full disk. Nothing more is written after that. */
  get failure(): Error | undefined {
    return this.failedWith;
  }

  /** Call it right before the request is sent. */
  invoke(proc: number, node: number, request: ServiceRequest): RecordedOperation {
    const op = this.operationsBegun;
    this.operationsBegun += 1;
    const tail = `,"proc":${proc},"node":${this.nodes[node]}${requestMembers(request)}`;
    this.append(`"type":"invoke","op":${op}${tail}${invocationMembers(request)}}\n`);
    return { op, proc, tail };
  }

  /** Call it right after the answer that accepts a claim arrives. The operation goes on. */
  accept({ op, tail }: RecordedOperation, { http, outcome, ticketId }: Acceptance): void {
    const ticket = `,"ticket_id":${JSON.stringify(ticketId)}`;
    this.append(
      `"type":"accepted","op":${op}${tail},"http":${http},"outcome":"${outcome}"${ticket}}\n`,
    );
  }

  /** Call it right after the answer arrives, or the wait for it ends. */
  complete({ op, tail }: RecordedOperation, completion: Completion): void {
    this.append(`"type":"${completion.type}","op":${op}${tail}${completionMembers(completion)}}\n`);
  }

  /** Records what the outside of the service saw, right when it was seen. */
  see({ type, ...members }: OutsideContent): void {
    this.append(`"type":"${type}",${JSON.stringify(members).slice(1)}\n`);
  }

  /** Overwrites the file with all events so far, which are kept in memory until then. */
  open(): void {
    this.file = openSync(this.path, 'w');
    this.flush();
  }

  /** Passes all buffered events to the operating system. Does nothing while the file is not open. */
  flush(): void {
    if (this.pending === '' || this.file === undefined) return;
    const bytes = Buffer.from(this.pending);
    this.pending = '';
    if (this.failedWith !== undefined) return;
    try {
      for (let at = 0; at < bytes.length; ) at += writeSync(this.file, bytes, at);
    } catch (error) {
      this.failedWith = error as Error;
    }
  }

  /** Flushes and closes the file. Does nothing if it is not open. */
  close(): void {
    if (this.file === undefined) return;
    this.flush();
    closeSync(this.file);
    this.file = undefined;
  }

  private append(rest: string): void {
    const ms = Math.round(this.now() * 1000) / 1000;
    this.pending += `{"i":${this.eventsWritten},"t_ms":${ms},${rest}`;
    this.eventsWritten += 1;
    if (this.pending.length > pendingCharactersMax) this.flush();
  }
}

function requestMembers(request: ServiceRequest): string {
  let text = `,"f":"${request.f}","coupon":${JSON.stringify(request.coupon)}`;
  if (request.user !== undefined) text += `,"user":${JSON.stringify(request.user)}`;
  if (request.key !== undefined) text += `,"key":${JSON.stringify(request.key)}`;
  text += `,"attempt":${request.attempt}`;
  if (request.units !== undefined) text += `,"units":${request.units}`;
  return text;
}

/** The members that the completion does not repeat. */
function invocationMembers(request: ServiceRequest): string {
  const { f, claimId, holdSeconds, saga, cursor, maxAgeS, ticketId } = request;
  if (ticketId !== undefined) return `,"ticket_id":${JSON.stringify(ticketId)}`;
  if (maxAgeS !== undefined) return `,"max_age_s":${maxAgeS}`;
  if (cursor !== undefined) return `,"cursor":${JSON.stringify(cursor)}`;
  const named = claimId === undefined ? '' : `,"claim_id":${JSON.stringify(claimId)}`;
  if (f !== 'create') return named;
  const held = holdSeconds === undefined ? '' : `,"hold_seconds":${holdSeconds}`;
  return windowOf(request) + held + (saga === undefined ? '' : `,"saga":${JSON.stringify(saga)}`);
}

function windowOf({ opensAt, closesAt }: ServiceRequest): string {
  if (opensAt === undefined && closesAt === undefined) return '';
  const end = (text: string | undefined) => (text === undefined ? 'null' : JSON.stringify(text));
  return `,"opens_at":${end(opensAt)},"closes_at":${end(closesAt)}`;
}

function completionMembers(completion: Completion): string {
  const { http, outcome, effect, claimId, position, claimedAt, retryAfterS } = completion;
  const { amount, remainingAmount, ageS } = completion;
  let text = http === undefined ? '' : `,"http":${http}`;
  text += `,"outcome":${JSON.stringify(outcome)}`;
  if (effect !== undefined) text += `,"effect":"${effect}"`;
  if (claimId !== undefined) text += `,"claim_id":${JSON.stringify(claimId)}`;
  if (position !== undefined) text += `,"position":${position}`;
  if (claimedAt !== undefined) text += `,"claimed_at":${JSON.stringify(claimedAt)}`;
  if (completion.state !== undefined) text += stateMembers(completion);
  text += ticketMembers(completion);
  if (completion.listed !== undefined) text += pageMembers(completion);
  if (retryAfterS !== undefined) text += `,"retry_after_s":${retryAfterS}`;
  if (ageS !== undefined) text += `,"age_s":${ageS}`;
  if (amount !== undefined) text += `,"amount":${amount}`;
  if (remainingAmount !== undefined) text += `,"remaining_amount":${remainingAmount}`;
  return text;
}

function stateMembers(completion: Completion): string {
  const { state, expiresAt, confirmedAt, redeemedAt, releasedAt } = completion;
  const { sagaId, sagaState } = completion;
  let text = `,"state":"${state}"`;
  if (expiresAt !== undefined) text += `,"expires_at":${JSON.stringify(expiresAt)}`;
  if (confirmedAt !== undefined) text += `,"confirmed_at":${JSON.stringify(confirmedAt)}`;
  if (redeemedAt !== undefined) text += `,"redeemed_at":${JSON.stringify(redeemedAt)}`;
  if (releasedAt !== undefined) text += `,"released_at":${JSON.stringify(releasedAt)}`;
  if (sagaId !== undefined) text += `,"saga_id":${JSON.stringify(sagaId)}`;
  if (sagaState !== undefined) text += `,"saga_state":"${sagaState}"`;
  return text;
}

function ticketMembers({ ticketId, ticketState, result }: Completion): string {
  let text = ticketId === undefined ? '' : `,"ticket_id":${JSON.stringify(ticketId)}`;
  if (ticketState !== undefined) text += `,"ticket_state":"${ticketState}"`;
  if (result !== undefined) text += `,"result":${JSON.stringify(result)}`;
  return text;
}

function pageMembers({ listed, nextCursor }: Completion): string {
  const next = nextCursor === undefined ? '' : `,"next_cursor":${JSON.stringify(nextCursor)}`;
  return `,"claims":${JSON.stringify(listed)}${next}`;
}
