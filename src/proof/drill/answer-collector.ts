// SPDX-License-Identifier: GPL-3.0-or-later
import type { SeenClaim } from '../seen-answers.ts';
import { type Completion, classOf } from './completion.ts';
import type { RoutedRequest } from './request.ts';

const contradictionsMax = 20;

/** Keeps the acknowledged claims of a load that has no history, and counts its other answers. */
export class AnswerCollector {
  readonly claims = new Map<string, SeenClaim>();
  readonly undecided = new Set<string>();
  readonly contradictions: string[] = [];
  refusals = 0;
  /** The users who got an answer that is no replay. */
  private readonly newlyClaimed = new Set<string>();

  add({ request }: RoutedRequest, completion: Completion): void {
    const { f, user, key } = request;
    if (f !== 'claim' || user === undefined) return;
    const outcomeClass = classOf(f, completion);
    if (outcomeClass === 'won') this.addClaim(user, key, completion);
    else if (outcomeClass === 'refused') this.addRefusal(user, completion);
    else if (!this.claims.has(user)) this.undecided.add(user);
  }

  private addClaim(user: string, key: string | undefined, completion: Completion): void {
    const { outcome, claimId, position, claimedAt } = completion;
    this.undecided.delete(user);
    if (outcome === 'claimed') {
      if (this.newlyClaimed.has(user)) this.contradict(user, 'got two new claims under one key');
      this.newlyClaimed.add(user);
    }
    const known = this.claims.get(user);
    const shown = { claimId: claimId ?? '', position: position ?? 0, claimedAt, key };
    if (known === undefined) this.claims.set(user, shown);
    else if (known.claimId !== shown.claimId || known.position !== shown.position) {
      this.contradict(user, `got claim ${known.claimId} first and ${shown.claimId} later`);
    }
  }

  private addRefusal(user: string, { outcome }: Completion): void {
    this.undecided.delete(user);
    this.refusals += 1;
    if (this.claims.has(user)) this.contradict(user, `got ${outcome} after a claim`);
  }

  private contradict(user: string, what: string): void {
    if (this.contradictions.length < contradictionsMax) {
      this.contradictions.push(`${user} ${what}`);
    }
  }
}
