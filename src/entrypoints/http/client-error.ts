// SPDX-License-Identifier: GPL-3.0-or-later
import type { Socket } from 'node:net';
import { type ProblemDetails, problemBody, problemMediaType, problems } from './problem.ts';

/**
 * Answers what never became a request: headers too large or too slow, bytes that are no HTTP. The connection ends
 * after it.
 */
export function answerClientError(
  error: Error & { code?: string },
  socket: Socket,
  requestId: string,
): void {
  if (error.code === 'ECONNRESET' || socket.destroyed) return;
  const details = detailsOf(error.code);
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

function detailsOf(code: string | undefined): ProblemDetails {
  switch (code) {
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return { code: 'request_timeout', detail: 'the request was not complete in time' };
    case 'HPE_HEADER_OVERFLOW':
      return { code: 'header_too_large', detail: 'the headers are too large' };
    default:
      return { code: 'invalid_request', detail: 'the request is not valid HTTP' };
  }
}
