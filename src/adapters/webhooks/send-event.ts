// SPDX-License-Identifier: GPL-3.0-or-later
import { setMaxListeners } from 'node:events';
import http from 'node:http';
import https from 'node:https';
import { Webhook } from 'standardwebhooks';
import type { SendAnswer, SendEvent } from '../../core/webhooks/ports.ts';
import { type CallResult, callReceiver } from './call-receiver.ts';
import {
  ForbiddenAddressError,
  lookupWith,
  type Resolve,
  resolveWithSystem,
  shareResolving,
} from './public-lookup.ts';
import { isNamed, type ReceiverRules, whyForbidden } from './receiver-url.ts';
import { secondsOfRetryAfter } from './retry-after.ts';

/** The limits of one request. */
export type SendLimits = {
  /** From the resolving of the name to the end of the response, also with a second attempt. */
  timeoutMs: number;
  responseBytesMax: number;
  connectionsMax: number;
};

const limitsDefault: SendLimits = {
  timeoutMs: 3_000,
  responseBytesMax: 64 * 1024,
  connectionsMax: 64,
};
// Connections without a request are closed before most receivers and balancers close them.
const idleMs = 4_000;

type AgentOptions = https.AgentOptions & http.AgentOptions;

/**
 * Sends events with signatures as Standard Webhooks 1.0 defines them. A name is resolved at most once for each connection, and
 * the connection goes to the addresses that were checked; the certificate is checked by the name. No redirect is followed and
 * no proxy is used.
 */
export function createSendEvent(options: {
  rules: ReceiverRules;
  userAgent: string;
  resolve?: Resolve;
  limits?: SendLimits;
  /** Certificate authorities to trust, instead of those of Node. */
  ca?: string;
}): { send: SendEvent; close(): void } {
  const { rules, userAgent, limits = limitsDefault, ca } = options;
  const resolve = shareResolving(options.resolve ?? resolveWithSystem);
  const tls = { rejectUnauthorized: true, ...(ca !== undefined && { ca }) };
  const agents = openAgents(resolve, { ...tls, maxSockets: limits.connectionsMax });
  const closing = new AbortController();
  const send: SendEvent = async (receiver, { eventId, body }, signal) => {
    const reason = whyForbidden(receiver.url, rules);
    if (reason !== undefined) {
      return { kind: 'failed', error: `the URL ${reason}`, isForbidden: true };
    }
    const url = new URL(receiver.url);
    const headers = {
      'content-type': 'application/json',
      'content-length': Buffer.byteLength(body),
      'user-agent': userAgent,
      ...signatureHeaders(receiver.secrets, { eventId, sentAt: new Date(), body }),
    };
    const protocol = url.protocol as 'https:' | 'http:';
    const group = agents[isNamed(url, rules) ? 'named' : 'public'];
    const limit = limitOf(limits.timeoutMs, [signal, closing.signal]);
    const attempt = (agent: http.Agent) =>
      callReceiver(url, {
        ...{ body, responseBytesMax: limits.responseBytesMax, signal: limit.signal },
        options: { method: 'POST', agent, headers },
      });
    try {
      let result = await attempt(group.kept[protocol]);
      if (result.kind === 'failed' && result.isStale && !limit.signal.aborted) {
        result = await attempt(group.fresh[protocol]);
      }
      return answerOf(result, limit.isLate() ? limits.timeoutMs : undefined);
    } finally {
      limit.end();
    }
  };
  return {
    send,
    close() {
      closing.abort();
      for (const { kept, fresh } of Object.values(agents)) {
        for (const agent of [...Object.values(kept), ...Object.values(fresh)]) agent.destroy();
      }
    },
  };
}

/** The headers that sign an event, with each of the secrets. */
export function signatureHeaders(
  secrets: readonly string[],
  { eventId, sentAt, body }: { eventId: string; sentAt: Date; body: string },
): Record<`webhook-${'id' | 'timestamp' | 'signature'}`, string> {
  const signatures = secrets.map((secret) => new Webhook(secret).sign(eventId, sentAt, body));
  return {
    'webhook-id': eventId,
    'webhook-timestamp': String(Math.floor(sentAt.getTime() / 1_000)),
    'webhook-signature': signatures.join(' '),
  };
}

/** Those for public receivers check each address. Only connections of the kept ones are used again. */
function openAgents(resolve: Resolve, shared: AgentOptions) {
  const ofProtocols = (options: AgentOptions) => ({
    'https:': new https.Agent(options),
    'http:': new http.Agent(options),
  });
  const group = (onlyPublic: boolean) => {
    const lookup = lookupWith(resolve, { onlyPublic });
    return {
      kept: ofProtocols({ ...shared, lookup, keepAlive: true, timeout: idleMs }),
      fresh: ofProtocols({ ...shared, lookup }),
    };
  };
  return { public: group(true), named: group(false) };
}

/** Aborts after a time, and with any of the signals. `end` must be called. */
function limitOf(timeoutMs: number, signals: readonly AbortSignal[]) {
  const controller = new AbortController();
  const abort = () => controller.abort();
  let isLate = false;
  const timer = setTimeout(() => {
    isLate = true;
    abort();
  }, timeoutMs);
  for (const signal of signals) {
    // Many requests share it.
    setMaxListeners(0, signal);
    if (signal.aborted) abort();
    else signal.addEventListener('abort', abort);
  }
  return {
    signal: controller.signal,
    isLate: () => isLate,
    end() {
      clearTimeout(timer);
      for (const signal of signals) signal.removeEventListener('abort', abort);
    },
  };
}

function answerOf(result: CallResult, lateAfterMs: number | undefined): SendAnswer {
  if (result.kind === 'answered') {
    const { status, retryAfter } = result;
    const retryAfterSeconds = secondsOfRetryAfter(retryAfter, Date.now());
    return { kind: 'answered', status, retryAfterSeconds };
  }
  const { error } = result;
  const isForbidden = error instanceof ForbiddenAddressError;
  if (lateAfterMs !== undefined) {
    const late = `there was no answer within ${lateAfterMs / 1_000} s`;
    return { kind: 'failed', error: late, isForbidden };
  }
  return { kind: 'failed', error: messageOf(error), isForbidden };
}

/** The cause without anything that the receiver has sent. */
function messageOf(error: Error & { code?: string }): string {
  if (error instanceof ForbiddenAddressError) return error.message;
  return error.code === undefined ? 'the request failed' : `the request failed (${error.code})`;
}
