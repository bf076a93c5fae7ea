// SPDX-License-Identifier: GPL-3.0-or-later
import http from 'node:http';
import https from 'node:https';
import type { RequestLimit } from './request-limit.ts';

/**
 * What became of a request. `isWhole`: all of the response has arrived. `isStale`: the receiver closed a connection that was
 * kept just as it was used again.
 */
export type CallResult =
  | { kind: 'answered'; status: number; retryAfter: string | undefined; isWhole: boolean }
  | { kind: 'failed'; error: Error & { code?: string }; isStale: boolean };

/**
 * Sends one request. The rest of the response is read up to the limit, so that the connection can be used again. It ends with
 * the response, or when the limit is reached: after the status that is no failure. Never rejects.
 */
export function callReceiver(
  /** Where and how. Few members: each request copies them several times. */
  options: Pick<https.RequestOptions, 'protocol' | 'hostname' | 'port' | 'path' | 'method'>,
  call: {
    agent: http.Agent;
    /** Names and values in turn, with the host. Such a list is written as it is. */
    headers: readonly string[];
    body: string;
    /** Limits the head and the body of the response, each by itself. */
    responseBytesMax: number;
    limit: RequestLimit;
  },
): Promise<CallResult> {
  const { agent, headers, body, responseBytesMax, limit } = call;
  return new Promise((resolve) => {
    const open = options.protocol === 'https:' ? https.request : http.request;
    const request = open({ ...options, agent, headers, maxHeaderSize: responseBytesMax });
    let bytesBefore: number | undefined;
    let isAnswered = false;
    request.on('socket', (socket) => {
      bytesBefore = socket.bytesRead;
    });
    request.on('response', (response) => {
      isAnswered = true;
      const { statusCode: status = 0, headers } = response;
      const end = (isWhole: boolean) =>
        resolve({ kind: 'answered', status, retryAfter: headers['retry-after'], isWhole });
      let bytes = 0;
      response.on('data', (chunk: Buffer) => {
        bytes += chunk.length;
        if (bytes > responseBytesMax) response.destroy();
      });
      response.on('end', () => end(bytes <= responseBytesMax));
      response.on('error', () => end(false)).on('close', () => end(false));
    });
    request.on('error', (error) => {
      const isStale = request.reusedSocket && request.socket?.bytesRead === bytesBefore;
      if (!isAnswered) resolve({ kind: 'failed', error, isStale });
    });
    request.on('close', () => {
      if (isAnswered) return;
      // The receiver has changed to another protocol, for example.
      const error = new Error('the connection ended without a response');
      resolve({ kind: 'failed', error, isStale: false });
    });
    limit.onEnd(() => request.destroy(new Error('the limit of the request is reached')));
    request.end(body);
  });
}
