// SPDX-License-Identifier: GPL-3.0-or-later
/** A queue in generated histories: it decides claims in its order, and its tickets show their final states. */
import type { DumpedTicket } from '../../src/proof/dump.ts';
import type { HistoryEvent } from '../../src/proof/history.ts';
import { type Answer, answerFor, type HistoryRecorder, head } from './proof-recorder.ts';
import type { Schedule } from './proof-schedule.ts';
import { resultOf, ticketIdOf, ticketRow } from './proof-ticket-script.ts';
import type { ClaimRequest, Decision, SaleModel } from './sale-model.ts';

const open: Answer = { type: 'ok', http: 200, outcome: 'accepted', ticket_state: 'accepted' };
const expiredAnswer: Answer = {
  ...{ type: 'fail', http: 200, outcome: 'ticket_expired', effect: 'none' },
};
const timeout: Answer = { type: 'info', outcome: 'timeout' };
const turnMsMax = 15;
const readMs = 6;
const expiredShare = 0.03;
const lostReadShare = 0.1;
const readAgainShare = 0.3;

/** A claim that waits. */
type Waiting = { name: string; claim: ClaimRequest; invoked: HistoryEvent; acceptedMs: number };
/** What became of it: what a read of its ticket shows, and the answer to the claim that it stands for. */
type Final = { shown: Answer; answer: Answer; decision: Decision | undefined };

export class TicketQueue {
  readonly rows: DumpedTicket[] = [];
  private readonly parts: {
    sale: SaleModel;
    recorder: HistoryRecorder;
    schedule: Schedule;
    random: () => number;
  };
  /** When the last claim of a coupon is decided. */
  private readonly decidedMs = new Map<string, number>();
  private readonly finals = new Map<string, Final>();

  constructor(parts: TicketQueue['parts']) {
    this.parts = parts;
  }

  /** Answers a claim with 202 now. Calls `onEnd` when a client has read its decision, or that there is none. */
  accept(
    { name, claim, invoked }: Omit<Waiting, 'acceptedMs'>,
    onEnd: (decision: Decision | undefined) => void,
  ): void {
    const { recorder, schedule, random } = this.parts;
    const waiting = { name, claim, invoked, acceptedMs: schedule.ms };
    recorder.accept(schedule.ms, invoked, ticketIdOf(claim.claimId));
    const turnMs = Math.max(this.decidedMs.get(name) ?? 0, schedule.ms) + random() * turnMsMax;
    this.decidedMs.set(name, turnMs);
    schedule.at(turnMs, () => this.decide(waiting));
    let isEnded = false;
    const read = () => {
      this.read(waiting, (final) => {
        if (final !== undefined && !isEnded) {
          isEnded = true;
          recorder.complete(schedule.ms, invoked, final.answer);
          onEnd(final.decision);
        }
        if (!isEnded || random() < readAgainShare) schedule.at(schedule.ms + random() * 20, read);
      });
    };
    schedule.at(schedule.ms + random() * 10, read);
  }

  private decide({ name, claim, acceptedMs }: Waiting): void {
    const { sale, schedule, random } = this.parts;
    const isExpired = random() < expiredShare;
    const [decision] = isExpired ? [] : sale.decide(name, [claim], schedule.ms);
    const answer: Answer =
      decision === undefined
        ? { ...expiredAnswer, ticket_state: 'expired' }
        : { ...answerFor(decision), ticket_state: 'decided' };
    const expired: Answer = { ...open, outcome: 'expired', ticket_state: 'expired' };
    const shown = decision === undefined ? expired : resultOf(answer);
    this.finals.set(claim.claimId, { shown, answer, decision });
    const couponId = String([...sale.coupons.keys()].indexOf(name) + 1);
    const times = { acceptedMs, decidedMs: schedule.ms };
    this.rows.push(
      ticketRow({ claimId: claim.claimId, ...times, answer, couponId, user: claim.userId }),
    );
  }

  /** Reads the ticket on any node: as it is at one moment between request and answer. */
  private read({ claim, invoked }: Waiting, onAnswer: (final: Final | undefined) => void): void {
    const { recorder, schedule, random } = this.parts;
    const { coupon, user } = invoked;
    const read = recorder.invoke(schedule.ms, {
      ...{ f: 'read_ticket', coupon, ...(user !== undefined && { user }) },
      ...{ proc: recorder.newProc(), ticket_id: ticketIdOf(claim.claimId) },
      node: head.nodes[Math.floor(random() * head.nodes.length)] ?? '',
    });
    let final: Final | undefined;
    const isLost = random() < lostReadShare;
    schedule.at(schedule.ms + random() * (readMs - 1), () => {
      final = this.finals.get(claim.claimId);
    });
    schedule.at(schedule.ms + readMs, () => {
      recorder.complete(schedule.ms, read, isLost ? timeout : (final?.shown ?? open));
      onAnswer(isLost ? undefined : final);
    });
  }
}
