// SPDX-License-Identifier: GPL-3.0-or-later
import type { Step } from './sale-steps.ts';

/**
 * Whether there is an order of the steps, each between its beginning and its end, in which every step is possible.
 * Undefined when more than `triesMax` states were looked at.
 *
 * After Wing and Gong: take any step that begins before every step left over has ended, if the sale allows it, and go on
 * with the rest; go back when nothing fits. What is taken determines the state of the sale, so a set of taken steps that
 * led nowhere once is not tried again. A step that only asks is taken as soon as it can be, since that hinders nothing.
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
    const asked = this.#takeQuestions();
    const firstLeft = this.#isTaken.indexOf(false);
    if (firstLeft === -1) return true;
    const state = this.#stateKey();
    if (!this.#deadEnds.has(state)) {
      for (const place of this.#candidates(firstLeft)) {
        this.#take(place);
        if (this.explore()) return true;
        this.#giveBack(place);
        if (this.tries > this.#triesMax) break;
      }
      this.#deadEnds.add(state);
    }
    for (const place of asked) this.#isTaken[place] = false;
    return false;
  }

  /** Takes all questions that the present state answers as they were answered, and returns their places. */
  #takeQuestions(): number[] {
    const asked: number[] = [];
    for (;;) {
      const before = asked.length;
      for (const place of this.#possible()) {
        if (!this.#isTrue(this.#steps[place] as Step)) continue;
        this.#isTaken[place] = true;
        asked.push(place);
      }
      if (asked.length === before) return asked;
    }
  }

  /** The places of the steps left over that begin before all steps left over have ended. */
  #possible(): number[] {
    const first = this.#isTaken.indexOf(false);
    if (first === -1) return [];
    const deadline = (this.#steps[first] as Step).ended;
    const places: number[] = [];
    for (let place = first; place < this.#steps.length; place += 1) {
      if (this.#isTaken[place] === true) continue;
      if (place === first || (this.#steps[place] as Step).begun < deadline) places.push(place);
    }
    return places;
  }

  /** What may change the sale next, the likeliest first: what the most urgent question waits for, then by urgency. */
  #candidates(firstLeft: number): number[] {
    const urgent = this.#steps[firstLeft] as Step;
    const awaited = 'asks' in urgent && urgent.asks === 'holds' ? urgent.user : undefined;
    const places = this.#possible().filter((place) => {
      const step = this.#steps[place] as Step;
      if (!('does' in step)) return false;
      return step.does === 'grant' || this.#holders.size < this.#granted;
    });
    if (awaited === undefined) return places;
    const isAwaited = (place: number) => {
      const step = this.#steps[place] as Step;
      return 'does' in step && step.does === 'win' && step.user === awaited;
    };
    return [...places.filter(isAwaited), ...places.filter((place) => !isAwaited(place))];
  }

  #isTrue(step: Step): boolean {
    if (!('asks' in step)) return false;
    const remaining = this.#granted - this.#holders.size;
    switch (step.asks) {
      case 'holds':
        return this.#holders.has(step.user);
      case 'lacks':
        return !this.#holders.has(step.user) && (!step.soldOut || remaining === 0);
      case 'stock':
        return step.amount === this.#granted && step.remaining === remaining;
    }
  }

  #take(place: number): void {
    this.#isTaken[place] = true;
    const step = this.#steps[place] as Step;
    if (!('does' in step)) return;
    if (step.does === 'grant') this.#granted += step.units;
    else this.#holders.add(step.user);
  }

  #giveBack(place: number): void {
    this.#isTaken[place] = false;
    const step = this.#steps[place] as Step;
    if (!('does' in step)) return;
    if (step.does === 'grant') this.#granted -= step.units;
    else this.#holders.delete(step.user);
  }

  /** The set of taken steps as a text, sixteen to a character. */
  #stateKey(): string {
    const words = new Uint16Array(Math.ceil(this.#isTaken.length / 16));
    for (const [place, isTaken] of this.#isTaken.entries()) {
      if (isTaken) words[place >> 4] = (words[place >> 4] as number) | (1 << (place & 15));
    }
    return String.fromCharCode(...words);
  }
}
