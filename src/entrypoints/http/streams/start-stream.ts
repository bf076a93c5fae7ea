// SPDX-License-Identifier: GPL-3.0-or-later
import type { ClientConnections } from '../connections/client-connections.ts';
import { isNewest } from '../connections/connection.ts';
import { endTraceOf } from '../requests/trace-requests.ts';
import type { ServerParts } from '../route.ts';
import { invalidRequest } from '../schemas/validation.ts';
import { eventStreamType } from './stock-event.ts';

const isNotLast = {
  field: 'request',
  message: 'must be the last one of its connection, because an event stream does not end',
};

/**
 * Starts event streams on these connections. Throws `invalid_request` where another request has arrived behind the one for
 * the stream: it is being carried out, and its response could never be sent.
 */
export function startStreamWith(clients: ClientConnections): ServerParts['startStream'] {
  return (request, reply) => {
    const { socket } = request.raw;
    if (!isNewest(request.raw)) throw invalidRequest([isNotLast]);
    reply.hijack();
    if (socket.destroyed) return undefined;
    clients.beforeStream(request, reply);
    const response = reply.raw;
    // Without chunks the text of an event is the same bytes for every stream; then the end of the connection ends the body.
    response.removeHeader('Transfer-Encoding');
    // Node reports here what is written while the connection closes.
    response.on('error', () => undefined);
    for (const [name, value = ''] of Object.entries(reply.getHeaders())) {
      response.setHeader(name, value);
    }
    response.setHeader('Content-Type', eventStreamType);
    response.setHeader('Connection', 'close');
    endTraceOf(request, response.statusCode);
    return { response, connection: socket };
  };
}
