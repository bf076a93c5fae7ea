// SPDX-License-Identifier: GPL-3.0-or-later
import { remainingAt } from './assumptions.ts';
import type { Step } from './sale-steps.ts';

type Change = Extract<Step, { change: string }>;

/**
 * Whether an order of the steps exists, each between its beginning and its end, in which every step is possible.
 * Undefined after more than `triesMax` states.
 *
 * After Wing and Gong: take any step that begins before every remaining step has ended, if the sale allows it; continue
 * with the rest, and backtrack when no step fits. Changes with a time are taken in the order of their times. The set of
 * taken steps determines the state of the sale, so a set that failed once is not tried again. An observation is taken as
 * soon as it is true, since it changes nothing.
 */
export function searchOrder(steps: readonly Step[], triesMax: number): boolean | undefined {
  const search = new Search(steps, triesMax);
  const found = search.explore();
  return search.tries > triesMax ? undefined : found;
}

class Search {
  tries = 0;
  readonly #triesMax: number;
  readonly #steps: Step[];
  readonly #isTaken: boolean[];
  readonly #deadEnds = new Set<string>();
  /** The live claim of each user. */
  readonly #holders = new Map<number, number>();
  readonly #ended = new Set<number>();
  #granted = 0;

  constructor(steps: readonly Step[], triesMax: number) {
    this.#steps = steps.toSorted((a, b) => a.ended - b.ended);
    this.#isTaken = this.#steps.map(() => false);
    this.#triesMax = triesMax;
  }

  explore(): boolean {
    this.tries += 1;
    if (this.tries > this.#triesMax) return false;
    const taken = this.#takeObservations();
    const firstLeft = this.#isTaken.indexOf(false);
    if (firstLeft === -1) return true;
    const state = this.#stateKey();
    if (!this.#deadEnds.has(state)) {
      for (const index of this.#candidates(firstLeft)) {
        this.#take(index);
        if (this.explore()) return true;
        this.#undo(index);
        if (this.tries > this.#triesMax) break;
      }
      this.#deadEnds.add(state);
    }
    for (const index of taken) this.#isTaken[index] = false;
    return false;
  }

  /** Takes all observations that are true in the present state, and returns their indexes. */
  #takeObservations(): number[] {
    const taken: number[] = [];
    for (;;) {
      const before = taken.length;
      for (const index of this.#possible()) {
        if (!this.#isTrue(this.#steps[index] as Step)) continue;
        this.#isTaken[index] = true;
        taken.push(index);
      }
      if (taken.length === before) return taken;
    }
  }

  /** The indexes of the remaining steps that begin before every remaining step has ended. */
  #possible(): number[] {
    const first = this.#isTaken.indexOf(false);
    if (first === -1) return [];
    const deadline = (this.#steps[first] as Step).ended;
    const indexes: number[] = [];
    for (let index = first; index < this.#steps.length; index += 1) {
      if (this.#isTaken[index] === true) continue;
      if (index === first || (this.#steps[index] as Step).begun < deadline) indexes.push(index);
    }
    return indexes;
  }

  /** The possible changes, likeliest first: the one that the most urgent observation needs, then by urgency. */
  #candidates(firstLeft: number): number[] {
    const urgent = this.#steps[firstLeft] as Step;
    const awaited = 'observed' in urgent && urgent.observed === 'holds' ? urgent.user : undefined;
    const next = this.#nextTime();
    const indexes = this.#possible().filter((index) => {
      const step = this.#steps[index] as Step;
      return 'change' in step && timeOf(step) <= next && this.#canTake(step);
    });
    if (awaited === undefined) return indexes;
    const isAwaited = (index: number) => {
      const step = this.#steps[index] as Step;
      return 'change' in step && step.change === 'win' && step.user === awaited;
    };
    return [...indexes.filter(isAwaited), ...indexes.filter((index) => !isAwaited(index))];
  }

  /** The time of the change that is next in the order of the database. */
  #nextTime(): number {
    let next = Number.POSITIVE_INFINITY;
    for (const [index, step] of this.#steps.entries()) {
      if (this.#isTaken[index] !== true && 'at' in step && step.at !== undefined) {
        next = Math.min(next, step.at);
      }
    }
    return next;
  }

  #canTake(step: Change): boolean {
    switch (step.change) {
      case 'grant':
        return true;
      case 'win':
        return this.#remaining() > 0 && !this.#holders.has(step.user);
      case 'end':
        return this.#holders.get(step.user) === step.claim;
    }
  }

  #remaining(): number {
    return remainingAt({ granted: this.#granted, holders: this.#holders.size });
  }

  #isTrue(step: Step): boolean {
    if (!('observed' in step)) return false;
    const remaining = this.#remaining();
    switch (step.observed) {
      case 'holds': {
        const claim = this.#holders.get(step.user);
        return claim !== undefined && (step.claim ?? claim) === claim;
      }
      case 'ended':
        return this.#ended.has(step.claim);
      case 'lacks':
        return !this.#holders.has(step.user) && (!step.soldOut || remaining === 0);
      case 'stock':
        return step.amount === this.#granted && step.remaining === remaining;
    }
  }

  #take(index: number): void {
    this.#isTaken[index] = true;
    const step = this.#steps[index] as Step;
    if ('change' in step) this.#apply(step, true);
  }

  #undo(index: number): void {
    this.#isTaken[index] = false;
    const step = this.#steps[index] as Step;
    if ('change' in step) this.#apply(step, false);
  }

  /** Makes a change, or undoes it. */
  #apply(step: Change, isMade: boolean): void {
    if (step.change === 'grant') {
      this.#granted += isMade ? step.units : -step.units;
      return;
    }
    const { user, claim } = step;
    if ((step.change === 'win') === isMade) this.#holders.set(user, claim);
    else this.#holders.delete(user);
    if (step.change !== 'end') return;
    if (isMade) this.#ended.add(claim);
    else this.#ended.delete(claim);
  }

  /** The set of taken steps as a text, sixteen to a character. */
  #stateKey(): string {
    const bits = new Uint16Array(Math.ceil(this.#isTaken.length / 16));
    for (const [index, isTaken] of this.#isTaken.entries()) {
      if (isTaken) bits[index >> 4] = (bits[index >> 4] as number) | (1 << (index & 15));
    }
    return String.fromCharCode(...bits);
  }
}

/** Changes without a time are taken in any order. */
function timeOf(step: Change): number {
  return 'at' in step && step.at !== undefined ? step.at : Number.NEGATIVE_INFINITY;
}
