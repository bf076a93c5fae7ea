// SPDX-License-Identifier: GPL-3.0-or-later
import type { Connection } from './connection.ts';

/**
 * A linked list of connections, in the order in which they were added. A connection is in one list at most. Adding and
 * removing cost the same for any number of connections, which a `Set` does not guarantee for its first member.
 */
export class ConnectionList {
  first: Connection | undefined;
  size = 0;
  private last: Connection | undefined;

  /** Moves it from the list that it is in to the end of this one. */
  add(connection: Connection): void {
    connection.list?.remove(connection);
    connection.list = this;
    connection.previous = this.last;
    if (this.last === undefined) this.first = connection;
    else this.last.next = connection;
    this.last = connection;
    this.size += 1;
  }

  /** Removes a connection that is in this list. */
  remove(connection: Connection): void {
    const { previous, next } = connection;
    if (previous === undefined) this.first = next;
    else previous.next = next;
    if (next === undefined) this.last = previous;
    else next.previous = previous;
    connection.list = undefined;
    connection.previous = undefined;
    connection.next = undefined;
    this.size -= 1;
  }
}
