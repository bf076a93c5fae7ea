// SPDX-License-Identifier: GPL-3.0-or-later
import type { Socket } from 'node:net';
import { connectionOf, isBeingAnswered, responseUnderWay } from './connection-list.ts';

/** The error that Node reports for a request that is not complete in time. */
export const lateRequest: Error & { code: string } = Object.assign(new Error('late request'), {
  code: 'ERR_HTTP_REQUEST_TIMEOUT',
});

/**
 * Calls `answer` for an error that Node reports for a connection, unless Node takes a request for late that is not:
 *
 * - A connection on which nothing has arrived has no request yet. Node counts from its opening; a 408 could meet a
 *   client that sends its request at this very moment and takes the 408 for its answer.
 * - Node compares times before it reads what has arrived meanwhile. After a moment in which this process stood still
 *   the rest of the request may be there, so it is read first.
 */
export function answerUnlessComplete(
  error: Error & { code?: string },
  socket: Socket,
  answer: () => void,
): void {
  const isLate = error.code === lateRequest.code;
  if (isLate && socket.bytesRead === 0) return;
  // Where one request is being answered, the late one is another behind it.
  if (!isLate || isBeingAnswered(socket)) {
    answer();
    return;
  }
  const hadHead = responseUnderWay(socket) != null;
  const requestsBefore = connectionOf(socket)?.requests;
  setImmediate(() => {
    const isHeadNew = connectionOf(socket)?.requests !== requestsBefore;
    const isAnswered = responseUnderWay(socket) == null && (hadHead || isHeadNew);
    if (!isAnswered && !isBeingAnswered(socket)) answer();
  });
}
