// SPDX-License-Identifier: GPL-3.0-or-later
import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { FieldError } from '../../../core/errors.ts';
import type { BodyDrain } from '../connections/unread-bodies.ts';
import { contentLengthFault, transferEncodingFault } from '../requests/request-head.ts';
import { type ProblemDetails, problemBody, problemMediaType } from './problem.ts';
import { problems } from './problem-kinds.ts';

/**
 * Answers what never became a request: headers too large or too slow, bytes that are no HTTP. The connection closes
 * after it. When a request of this connection is still being decided, or its answer is on its way, that answer is the
 * last one instead: an error in its place would say that it changed nothing. A request whose answer is sent gets no
 * second one, which a client would take for the answer to its next request.
 */
export function answerClientError(
  error: Error & { code?: string },
  socket: Socket,
  requestId: string,
  drain: BodyDrain,
): void {
  if (error.code === 'ECONNRESET' || socket.destroyed) return;
  const underWay = answerUnderWay(socket);
  if (underWay && (underWay.req.complete || underWay.headersSent)) {
    drain.closeAfter(underWay, socket);
    return;
  }
  if (drain.isDraining(socket) || drain.hasAnswer(socket)) {
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
  drain.close(socket, details.code === 'request_timeout');
}

/** Where Node keeps the answer that a connection waits for; its own handling of such errors looks there too. */
function answerUnderWay(socket: Socket): ServerResponse | null | undefined {
  return (socket as { _httpMessage?: ServerResponse | null })._httpMessage;
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
