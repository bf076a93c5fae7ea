// SPDX-License-Identifier: GPL-3.0-or-later
import dns from 'node:dns';
import http from 'node:http';
import https from 'node:https';
import type { LookupFunction } from 'node:net';
import { Webhook } from 'standardwebhooks';
import type { SendAnswer, SendEvent } from '../../core/webhooks/ports.ts';
import { isPublicAddress } from './public-address.ts';
import { isNamed, type ReceiverRules, whyForbidden } from './receiver-url.ts';

/** Resolves a name to all its addresses. */
export type Resolve = (host: string) => Promise<{ address: string; family: number }[]>;

/** The limits of one request. */
export type SendLimits = { timeoutMs: number; responseBytesMax: number; connectionsMax: number };

const limitsDefault: SendLimits = {
  timeoutMs: 3_000,
  responseBytesMax: 64 * 1024,
  connectionsMax: 64,
};
// Connections without a request are closed before most receivers and balancers close them.
const idleMs = 4_000;

class ForbiddenAddressError extends Error {
  override readonly name = 'ForbiddenAddressError';
}

const resolveWithSystem: Resolve = (host) => dns.promises.lookup(host, { all: true });

/**
 * Sends events with signatures as Standard Webhooks 1.0 defines them. A name is resolved once for each connection, and the
 * connection goes to the addresses that were checked; the certificate is checked by the name. No redirect is followed and no
 * proxy is used.
 */
export function createSendEvent(options: {
  rules: ReceiverRules;
  userAgent: string;
  resolve?: Resolve;
  limits?: SendLimits;
}): { send: SendEvent; close(): void } {
  const { rules, userAgent, resolve = resolveWithSystem, limits = limitsDefault } = options;
  const shared = { keepAlive: true, maxSockets: limits.connectionsMax, timeout: idleMs };
  const lookup = lookupOfPublic(resolve);
  const agents = {
    public: {
      'https:': new https.Agent({ ...shared, lookup }),
      'http:': new http.Agent({ ...shared, lookup }),
    },
    named: { 'https:': new https.Agent(shared), 'http:': new http.Agent(shared) },
  };
  const send: SendEvent = async (receiver, { eventId, body }, signal) => {
    const reason = whyForbidden(receiver.url, rules);
    if (reason !== undefined) {
      return { kind: 'failed', error: `the URL ${reason}`, isForbidden: true };
    }
    const url = new URL(receiver.url);
    const protocol = url.protocol as 'https:' | 'http:';
    const sentAt = new Date();
    const signatures = receiver.secrets.map((secret) =>
      new Webhook(secret).sign(eventId, sentAt, body),
    );
    return request(protocol === 'https:' ? https.request : http.request, {
      url,
      body,
      limits,
      signal,
      options: {
        method: 'POST',
        agent: agents[isNamed(url, rules) ? 'named' : 'public'][protocol],
        headers: {
          'content-type': 'application/json',
          'content-length': Buffer.byteLength(body),
          'user-agent': userAgent,
          'webhook-id': eventId,
          'webhook-timestamp': String(Math.floor(sentAt.getTime() / 1_000)),
          'webhook-signature': signatures.join(' '),
        },
      },
    });
  };
  return {
    send,
    close() {
      for (const { 'https:': secure, 'http:': plain } of Object.values(agents)) {
        secure.destroy();
        plain.destroy();
      }
    },
  };
}

/** Resolves a name for a connection, and fails when one of its addresses is not public. */
function lookupOfPublic(resolve: Resolve): LookupFunction {
  return (host, { all, family }, callback) => {
    resolve(host).then(
      (found) => {
        const forbidden = found.find(({ address }) => !isPublicAddress(address));
        const usable = found.filter((one) => !family || one.family === family);
        const [first] = usable;
        if (forbidden !== undefined) {
          callback(new ForbiddenAddressError(`${host} has an address that is not public`), '', 0);
        } else if (first === undefined) {
          callback(new Error(`${host} has no address`), '', 0);
        } else if (all) {
          callback(null, usable);
        } else {
          callback(null, first.address, first.family);
        }
      },
      (error) => callback(error, '', 0),
    );
  };
}

/** The status decides. The rest of the response is read up to a limit, so that the connection can be used again. */
function request(
  open: typeof https.request,
  call: {
    url: URL;
    options: https.RequestOptions;
    body: string;
    limits: SendLimits;
    signal: AbortSignal;
  },
): Promise<SendAnswer> {
  const { url, options, body, limits, signal } = call;
  const deadline = AbortSignal.timeout(limits.timeoutMs);
  return new Promise((resolve) => {
    const fail = (error: Error) => {
      const late = `there was no answer within ${limits.timeoutMs / 1_000} s`;
      resolve({
        kind: 'failed',
        error: deadline.aborted ? late : messageOf(error),
        isForbidden: error instanceof ForbiddenAddressError,
      });
    };
    const sent = open(
      url,
      { ...options, signal: AbortSignal.any([deadline, signal]) },
      (response) => {
        const { statusCode: status = 0, headers } = response;
        resolve({ kind: 'answered', status, retryAfterSeconds: secondsOf(headers['retry-after']) });
        let bytes = 0;
        response.on('data', (chunk: Buffer) => {
          bytes += chunk.length;
          if (bytes > limits.responseBytesMax) response.destroy();
        });
        response.on('error', () => undefined);
      },
    );
    sent.on('error', fail);
    sent.end(body);
  });
}

/** The cause without anything that the receiver has sent. */
function messageOf(error: Error & { code?: string }): string {
  if (error instanceof ForbiddenAddressError) return error.message;
  return error.code === undefined ? 'the request failed' : `the request failed (${error.code})`;
}

/** `Retry-After` in seconds: a number of seconds or a date (RFC 9110, 10.2.3). */
function secondsOf(retryAfter: string | undefined): number | undefined {
  if (retryAfter === undefined) return undefined;
  if (/^\d{1,9}$/.test(retryAfter)) return Number(retryAfter);
  const ms = Date.parse(retryAfter) - Date.now();
  return Number.isNaN(ms) ? undefined : Math.max(0, Math.ceil(ms / 1_000));
}
