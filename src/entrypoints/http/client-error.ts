// SPDX-License-Identifier: GPL-3.0-or-later
import type { Socket } from 'node:net';
import { connectionOf, isBeingAnswered, responseUnderWay } from './connection-list.ts';
import { type ProblemDetails, problemBody, problemMediaType } from './problem.ts';
import { problems } from './problem-kinds.ts';

/**
 * Answers what never became a request: headers too large or too slow, bytes that are no HTTP. The connection ends
 * after it. When the bytes follow a request that is still being decided, its own answer is the last one instead: an
 * error in its place would say that it changed nothing.
 */
export function answerClientError(
  error: Error & { code?: string },
  socket: Socket,
  newRequestId: () => string,
): void {
  switch (error.code) {
    case 'ECONNRESET':
      break;
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      answerIfLate(socket, newRequestId);
      break;
    case 'HPE_HEADER_OVERFLOW':
      endWith(socket, newRequestId(), {
        code: 'header_too_large',
        detail: 'the headers are too large',
      });
      break;
    default:
      endWith(socket, newRequestId(), {
        code: 'invalid_request',
        detail: 'the request is not valid HTTP',
      });
  }
}

/** Answers a request that has not arrived in time, and ends its connection. */
export function answerLateRequest(socket: Socket, requestId: string): void {
  endWith(socket, requestId, {
    code: 'request_timeout',
    detail: 'the request was not complete in time',
  });
}

/**
 * Answers a request that Node finds to be late, unless there is none or it is complete:
 *
 * - A connection on which nothing has arrived has no request yet. Node counts from its opening; a 408 could meet a
 *   client that sends its request at this very moment and takes it for the answer.
 * - Node compares times before it reads what has arrived meanwhile. After a moment in which this process stood still
 *   the rest of the request may be there, so it is read first.
 */
function answerIfLate(socket: Socket, newRequestId: () => string): void {
  if (socket.bytesRead === 0) return;
  if (isBeingAnswered(socket)) {
    // Late is another one, whose bytes came behind it.
    answerLateRequest(socket, newRequestId());
    return;
  }
  const hadHead = responseUnderWay(socket) != null;
  const requestsBefore = connectionOf(socket)?.requests;
  setImmediate(() => {
    const isHeadNew = connectionOf(socket)?.requests !== requestsBefore;
    const isAnswered = responseUnderWay(socket) == null && (hadHead || isHeadNew);
    if (!isAnswered && !isBeingAnswered(socket)) answerLateRequest(socket, newRequestId());
  });
}

function endWith(socket: Socket, requestId: string, details: ProblemDetails): void {
  if (socket.destroyed) return;
  if (isBeingAnswered(socket)) {
    const response = responseUnderWay(socket);
    if (response != null) response.shouldKeepAlive = false;
    return;
  }
  if (socket.writable) {
    const { status, title } = problems[details.code];
    const body = problemBody(requestId, details);
    socket.write(
      `HTTP/1.1 ${status} ${title}\r\nContent-Type: ${problemMediaType}\r\nContent-Length: ${Buffer.byteLength(body)}` +
        `\r\nX-Content-Type-Options: nosniff\r\nCache-Control: no-store\r\nConnection: close\r\n\r\n${body}`,
    );
  }
  socket.destroySoon();
}
