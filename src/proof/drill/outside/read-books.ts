// SPDX-License-Identifier: GPL-3.0-or-later
import { bookActions, type OutsideContent } from '../../history.ts';
import type { SagaSettings } from '../saga-options.ts';
import { readJson } from './service-api.ts';

type Book = SagaSettings['books'][number];

/** Reads the books of participants again and again, and records the entries of one coupon. */
export class BookReader {
  readonly #books: readonly Book[];
  readonly #coupon: string;
  readonly #see: (content: OutsideContent) => void;
  /** The last entry of each book that a reading has shown. */
  readonly #read = new Map<string, number>();
  #underWay: Promise<string[]> | undefined;

  constructor(options: {
    books: readonly Book[];
    coupon: string;
    see(content: OutsideContent): void;
  }) {
    this.#books = options.books;
    this.#coupon = options.coupon;
    this.#see = options.see;
  }

  /** Returns the URLs of the books that could not be read. One reading at a time. Never rejects. */
  async read(): Promise<string[]> {
    while (this.#underWay !== undefined) await this.#underWay;
    this.#underWay = this.#readAll();
    try {
      return await this.#underWay;
    } finally {
      this.#underWay = undefined;
    }
  }

  async #readAll(): Promise<string[]> {
    const areRead = await Promise.all(this.#books.map((book) => this.#readOne(book)));
    return this.#books.filter((_, index) => !areRead[index]).map(({ url }) => url);
  }

  async #readOne({ url, kind }: Book): Promise<boolean> {
    this.#see({ type: 'book_asked', book: url, kind });
    const answer = await readJson(`${url}/book?after=${this.#read.get(url) ?? 0}`);
    const entries = answer?.body.entries;
    if (answer?.status !== 200 || !Array.isArray(entries)) return false;
    const before = this.#read.get(url) ?? 0;
    const added = (entries as Record<string, unknown>[]).filter(({ seq }) => Number(seq) > before);
    const records = added
      .filter(({ coupon_name: coupon }) => coupon === this.#coupon)
      .map((entry) => toRecord(url, entry));
    if (records.includes(undefined)) return false;
    for (const record of records) if (record !== undefined) this.#see(record);
    const last = added.reduce((most, { seq }) => Math.max(most, Number(seq)), before);
    this.#read.set(url, last);
    this.#see({ type: 'book_read', book: url, kind, seq: last });
    return true;
  }
}

/** Undefined for what no book of this form has. */
function toRecord(book: string, entry: Record<string, unknown>): OutsideContent | undefined {
  const action = bookActions.find((one) => one === entry.action);
  // In cents, or in points.
  const amount = entry.amount_cents ?? entry.points;
  if (action === undefined || !Number.isInteger(amount)) return undefined;
  return {
    ...{ type: 'entry', book, seq: Number(entry.seq), action, amount: Number(amount) },
    ...{ saga_id: String(entry.saga_id), step: String(entry.step) },
    ...{ claim_id: String(entry.claim_id), user: String(entry.user_id) },
    coupon: String(entry.coupon_name),
  };
}
