// SPDX-License-Identifier: GPL-3.0-or-later
/** Plays a small sale whose claims wait in a queue, one request at a time. */
import type { Dump, DumpedTicket } from '../../src/proof/dump.ts';
import type { HistoryEvent } from '../../src/proof/history.ts';
import { type Answer, SaleScript } from './proof-recorder.ts';
import { timeAt } from './sale-dump.ts';

/** A claim that was answered with 202. Its row is its final state; undefined while it waits. */
export type WaitingClaim = {
  invoked: HistoryEvent;
  claimId: string;
  ticketId: string;
  acceptedMs: number;
  row: DumpedTicket | undefined;
  /** What a read of the ticket shows in its final state, and the answer to the claim that it stands for. */
  final: Answer | undefined;
  answer: Answer | undefined;
  isCompleted: boolean;
};

const idTail = Buffer.alloc(30, 7);

/** The id of the ticket of a claim, in the layout that the audit knows. */
export function ticketIdOf(claimId: string): string {
  const id = Buffer.from(claimId.replaceAll('-', ''), 'hex');
  return Buffer.concat([Buffer.of(1), id, idTail]).toString('base64url');
}

/** The row of a ticket whose decision is the answer. */
export function ticketRow(parts: {
  claimId: string;
  acceptedMs: number;
  decidedMs: number;
  answer: Answer;
  couponId: string;
  user: string;
}): DumpedTicket {
  const { claimId, acceptedMs, decidedMs, answer, couponId, user } = parts;
  const { outcome = '', position, claim_id: shown } = answer;
  const hasClaim = position !== undefined;
  return {
    ...{ claim_id: claimId, accepted_at: timeAt(acceptedMs), decided_at: timeAt(decidedMs) },
    ...{ outcome, coupon_id: hasClaim ? couponId : null, user_id: hasClaim ? user : null },
    position: position ?? null,
    held_claim_id: shown === undefined || shown === claimId ? null : shown,
  };
}

/** What a read of a decided ticket shows. */
export function resultOf({ http, outcome, claim_id, position, claimed_at }: Answer): Answer {
  const isWin = outcome === 'claimed' || outcome === 'replayed';
  const body = isWin
    ? { claim_id, position, claimed_at, ...(outcome === 'replayed' && { replayed: true }) }
    : { code: outcome, effect: 'none', ...(claim_id && { claim: { claim_id, position } }) };
  const result = { status: http, ...body };
  return { type: 'ok', http: 200, outcome: 'decided', ticket_state: 'decided', result };
}

const open: Answer = { type: 'ok', http: 200, outcome: 'accepted', ticket_state: 'accepted' };

export class TicketScript extends SaleScript {
  readonly waiting: WaitingClaim[] = [];
  /** Rows that a test stores besides those of the tickets. */
  readonly otherRows: DumpedTicket[] = [];

  /** Claims, and gets a 202. */
  accept(
    coupon: string,
    user: string,
    { key, node, ticketId }: { key?: string; node?: string; ticketId?: string } = {},
  ): WaitingClaim {
    const invoked = this.invokeClaim(coupon, user, {
      ...(key !== undefined && { key }),
      ...(node !== undefined && { node }),
    });
    const claimId = this.sale.newId();
    const id = ticketId ?? ticketIdOf(claimId);
    this.ms += 1;
    this.recorder.accept(this.ms, invoked, id);
    const one: WaitingClaim = {
      ...{ invoked, claimId, ticketId: id, acceptedMs: this.ms, isCompleted: false },
      ...{ row: undefined, final: undefined, answer: undefined },
    };
    this.waiting.push(one);
    return one;
  }

  /** Decides the claim now, and stores its final state. */
  decideTicket(one: WaitingClaim): WaitingClaim {
    const answer = this.decide(one.invoked, one.claimId);
    const { coupon, user = '' } = one.invoked;
    const couponId = String([...this.sale.coupons.keys()].indexOf(coupon) + 1);
    const { claimId, acceptedMs } = one;
    const row = ticketRow({ claimId, acceptedMs, decidedMs: this.ms, answer, couponId, user });
    return Object.assign(one, { answer, final: resultOf(answer), row });
  }

  /** Stores that there is no decision. */
  endTicket(one: WaitingClaim, state: 'expired' | 'failed'): WaitingClaim {
    const outcome = `ticket_${state}`;
    const answer: Answer = {
      ...{ type: 'fail', http: 200, outcome, effect: 'none', ticket_state: state },
    };
    const { claimId, acceptedMs } = one;
    const shared = { claimId, acceptedMs, couponId: '', user: '' };
    const row = ticketRow({ ...shared, decidedMs: this.ms, answer });
    const final: Answer = { type: 'ok', http: 200, outcome: state, ticket_state: state };
    return Object.assign(one, { answer, final, row });
  }

  /** Reads the ticket. The first final state completes its claim, as in a drill. */
  readTicket(one: WaitingClaim, answer?: Answer): HistoryEvent {
    const { coupon, user } = one.invoked;
    const proc = this.recorder.newProc();
    const node = 'http://c';
    this.ms += 1;
    const invoked = this.recorder.invoke(this.ms, {
      ...{ f: 'read_ticket', coupon, proc, node, ticket_id: one.ticketId },
      ...(user !== undefined && { user }),
    });
    this.ms += 1;
    const shown = answer ?? one.final ?? open;
    const read = this.recorder.complete(this.ms, invoked, shown);
    const isFinal = shown === one.final && one.answer !== undefined;
    if (isFinal && !one.isCompleted) {
      one.isCompleted = true;
      this.complete(one.invoked, { ...one.answer, ticket_state: shown.ticket_state } as Answer);
    }
    return read;
  }

  /** Accepts, decides and reads. */
  claimByTicket(coupon: string, user: string, options: { key?: string; node?: string } = {}) {
    const one = this.decideTicket(this.accept(coupon, user, options));
    this.readTicket(one);
    return one;
  }

  override dump(): Dump {
    const rows = this.waiting.flatMap(({ row }) => (row === undefined ? [] : [row]));
    return { ...super.dump(), tickets: [...rows, ...this.otherRows] };
  }
}
