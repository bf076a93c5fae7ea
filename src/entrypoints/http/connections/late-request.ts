// SPDX-License-Identifier: GPL-3.0-or-later
import type { Socket } from 'node:net';
import { connectionOf, isBeingAnswered, responseUnderWay } from './connection.ts';

/** The error that Node reports for a request that is not complete in time. */
export const lateRequest: Error & { code: string } = Object.assign(new Error('late request'), {
  code: 'ERR_HTTP_REQUEST_TIMEOUT',
});

/**
 * Calls `answer` for an error that Node reports for a connection, unless Node is wrong that a request is late:
 *
 * - A connection on which nothing has arrived has no request yet, but Node counts from its opening. A client that sends
 *   its request at this moment would take a 408 for its response.
 * - Node compares times before it reads what has arrived. If this process was paused, the rest of the request may be
 *   there, so it is read first.
 */
export function answerUnlessComplete(
  error: Error & { code?: string },
  socket: Socket,
  answer: () => void,
): void {
  const isLate = error.code === lateRequest.code;
  if (isLate && socket.bytesRead === 0) return;
  // Where one request is being answered, the late one is the next on the same connection.
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
