// SPDX-License-Identifier: GPL-3.0-or-later
import { remainingAt } from './assumptions.ts';
import type { Step } from './sale-steps.ts';

/**
 * Whether an order of the steps exists, each between its beginning and its end, in which every step is possible.
 * Undefined after more than `triesMax` states.
 *
 * After Wing and Gong: take any step that begins before every remaining step has ended, if the sale allows it; continue
 * with the rest, and backtrack when no step fits. The set of taken steps determines the state of the sale, so a set that
 * failed once is not tried again. An observation is taken as soon as it is true, since it changes nothing.
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
  readonly #holders = new Set<number>();
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
    const indexes = this.#possible().filter((index) => {
      const step = this.#steps[index] as Step;
      if (!('change' in step)) return false;
      return step.change === 'grant' || this.#remaining() > 0;
    });
    if (awaited === undefined) return indexes;
    const isAwaited = (index: number) => {
      const step = this.#steps[index] as Step;
      return 'change' in step && step.change === 'win' && step.user === awaited;
    };
    return [...indexes.filter(isAwaited), ...indexes.filter((index) => !isAwaited(index))];
  }

  #remaining(): number {
    return remainingAt({ granted: this.#granted, holders: this.#holders.size });
  }

  #isTrue(step: Step): boolean {
    if (!('observed' in step)) return false;
    const remaining = this.#remaining();
    switch (step.observed) {
      case 'holds':
        return this.#holders.has(step.user);
      case 'lacks':
        return !this.#holders.has(step.user) && (!step.soldOut || remaining === 0);
      case 'stock':
        return step.amount === this.#granted && step.remaining === remaining;
    }
  }

  #take(index: number): void {
    this.#isTaken[index] = true;
    const step = this.#steps[index] as Step;
    if (!('change' in step)) return;
    if (step.change === 'grant') this.#granted += step.units;
    else this.#holders.add(step.user);
  }

  #undo(index: number): void {
    this.#isTaken[index] = false;
    const step = this.#steps[index] as Step;
    if (!('change' in step)) return;
    if (step.change === 'grant') this.#granted -= step.units;
    else this.#holders.delete(step.user);
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
