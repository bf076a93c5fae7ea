// SPDX-License-Identifier: GPL-3.0-or-later
import type {
  BookKind,
  DeliveredRecord,
  EntryRecord,
  ReceivedRecord,
  SubscribedRecord,
} from '../history.ts';
import type { RecordedHistory } from './recorded-history.ts';

/** A reading of a book: at a moment between two lines of the history, `seq` was its last entry. */
export type BookReading = { asked: number; seq: number };

/** The book of a participant, as far as it was read. */
export type Book = {
  name: string;
  kind: BookKind;
  /** In order of `seq`. */
  entries: EntryRecord[];
  /** In order of time. */
  readings: BookReading[];
};

/** What the outside of the service saw. */
export type Outside = {
  books: Book[];
  /** The entries of the claim with this id, book by book. */
  entriesOf: Map<string, { book: Book; entries: EntryRecord[] }[]>;
  subscriptions: SubscribedRecord[];
  /** In order of arrival, each with its line. */
  received: (ReceivedRecord & { i: number })[];
  /** Undefined where it was never asked what is left to deliver. */
  delivered: DeliveredRecord | undefined;
};

/** Collects the lines of the history that record the outside. */
export function outsideOf({ outside }: RecordedHistory): Outside {
  const books = new Map<string, Book & { asked: number }>();
  const found: Outside = {
    ...{ books: [], entriesOf: new Map(), subscriptions: [], received: [] },
    delivered: undefined,
  };
  for (const record of outside) {
    if (record.type === 'subscribed') found.subscriptions.push(record);
    else if (record.type === 'received') found.received.push(record);
    else if (record.type === 'delivered') found.delivered = record;
    else {
      const name = record.book;
      const kind = record.type === 'entry' ? 'payment' : record.kind;
      const book = books.get(name) ?? { name, kind, entries: [], readings: [], asked: 0 };
      books.set(name, book);
      if (record.type === 'book_asked') book.asked = record.i;
      else if (record.type === 'entry') book.entries.push(record);
      else book.readings.push({ asked: book.asked, seq: record.seq });
    }
  }
  found.books = [...books.values()];
  for (const book of found.books) {
    book.entries.sort((a, b) => a.seq - b.seq);
    for (const entry of book.entries) addEntry(found.entriesOf, { book, entry });
  }
  return found;
}

function addEntry(
  entriesOf: Outside['entriesOf'],
  { book, entry }: { book: Book; entry: EntryRecord },
): void {
  const parts = entriesOf.get(entry.claim_id) ?? [];
  const part = parts.find((one) => one.book === book);
  if (part === undefined) parts.push({ book, entries: [entry] });
  else part.entries.push(entry);
  entriesOf.set(entry.claim_id, parts);
}
