// SPDX-License-Identifier: GPL-3.0-or-later
import type { Socket } from 'node:net';
import type { FieldError } from '../../../core/errors.ts';
import { type ProblemDetails, problemBody, problemMediaType } from '../problems/problem.ts';
import { problems } from '../problems/problem-kinds.ts';
import { contentLengthFault, transferEncodingFault } from '../requests/request-head.ts';
import { isBeingAnswered, responseUnderWay } from './connection.ts';
import type { UnreadBodies } from './unread-bodies.ts';

/**
 * Answers bytes that never became a request, such as headers that are too large or too slow, or bytes that are no HTTP,
 * and closes the connection. If another request of this connection is being decided, or its response is being sent,
 * that response is the last one instead: an error in its place would say that the request changed nothing. A request
 * whose response is sent gets no second one, which a client would take for the response to its next request.
 */
export function answerClientError(
  error: Error & { code?: string },
  socket: Socket,
  requestId: string,
  unreadBodies: UnreadBodies,
): void {
  if (error.code === 'ECONNRESET' || socket.destroyed) return;
  const underWay = responseUnderWay(socket);
  if (underWay && isBeingAnswered(socket)) {
    unreadBodies.closeAfter(underWay, socket);
    return;
  }
  if (unreadBodies.isDiscarding(socket) || unreadBodies.hasAnswer(socket)) {
    socket.destroy();
    return;
  }
  const details = detailsOf(error.code);
  if (socket.writable) {
    const { status, title } = problems[details.code];
    const body = problemBody(requestId, details);
    socket.write(
      `HTTP/1.1 ${status} ${title}\r\nContent-Type: ${problemMediaType}\r\nContent-Length: ${Buffer.byteLength(body)}` +
        `\r\nX-Content-Type-Options: nosniff\r\nCache-Control: no-store\r\nConnection: close\r\n\r\n${body}`,
    );
  }
  unreadBodies.close(socket, details.code === 'request_timeout');
}

function detailsOf(code: string | undefined): ProblemDetails {
  switch (code) {
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return { code: 'request_timeout', detail: 'the request was not complete in time' };
    case 'HPE_HEADER_OVERFLOW':
      return { code: 'header_too_large', detail: 'the headers are too large' };
    case 'HPE_UNEXPECTED_CONTENT_LENGTH':
    case 'HPE_INVALID_CONTENT_LENGTH':
      return invalidHeader(contentLengthFault);
    case 'HPE_INVALID_TRANSFER_ENCODING':
      return invalidHeader(transferEncodingFault);
    default:
      return { code: 'invalid_request', detail: 'the request is not valid HTTP' };
  }
}

function invalidHeader(fault: FieldError): ProblemDetails {
  return {
    code: 'invalid_request',
    detail: `${fault.field} ${fault.message}`,
    fields: [fault],
  };
}
