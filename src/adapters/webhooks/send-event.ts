// SPDX-License-Identifier: GPL-3.0-or-later
import http from 'node:http';
import https from 'node:https';
import { urlToHttpOptions } from 'node:url';
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
import { RequestLimit } from './request-limit.ts';
import { secondsOfRetryAfter } from './retry-after.ts';
import { signEvent } from './sign-event.ts';

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
const targetsMax = 1_000;

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
  const targetOf = rememberLast((url) => findTarget(url, rules, agents));
  const underWay = new Set<RequestLimit>();
  let isClosed = false;
  const send: SendEvent = async (receiver, { eventId, body }, signal) => {
    const target = targetOf(receiver.url);
    if ('error' in target) return { kind: 'failed', error: target.error, isForbidden: true };
    const headers = {
      'content-type': 'application/json',
      'content-length': Buffer.byteLength(body),
      'user-agent': userAgent,
      ...signEvent(receiver.secrets, { eventId, sentAt: new Date(), body }),
    };
    const limit = new RequestLimit(limits.timeoutMs, signal);
    if (isClosed) limit.giveUp();
    underWay.add(limit);
    const call = { body, responseBytesMax: limits.responseBytesMax, limit };
    const attempt = (agent: http.Agent) =>
      callReceiver({ ...target.options, headers, agent }, call);
    try {
      let result = await attempt(target.kept);
      if (result.kind === 'failed' && result.isStale && !limit.isOver) {
        result = await attempt(target.fresh);
      }
      return answerOf(result, limit.isLate ? limits.timeoutMs : undefined);
    } finally {
      limit.release();
      underWay.delete(limit);
    }
  };
  return {
    send,
    close() {
      isClosed = true;
      for (const limit of underWay) limit.giveUp();
      for (const { kept, fresh } of Object.values(agents)) {
        for (const agent of [...Object.values(kept), ...Object.values(fresh)]) agent.destroy();
      }
    },
  };
}

/** How a receiver is called, or why it may not be. */
type Target =
  | { options: https.RequestOptions; kept: http.Agent; fresh: http.Agent }
  | { error: string };

function findTarget(
  text: string,
  rules: ReceiverRules,
  agents: ReturnType<typeof openAgents>,
): Target {
  const reason = whyForbidden(text, rules);
  if (reason !== undefined) return { error: `the URL ${reason}` };
  const url = new URL(text);
  const protocol = url.protocol as 'https:' | 'http:';
  const { kept, fresh } = agents[isNamed(url, rules) ? 'named' : 'public'];
  return {
    options: { ...urlToHttpOptions(url), method: 'POST' },
    ...{ kept: kept[protocol], fresh: fresh[protocol] },
  };
}

/** Remembers the results for the URLs that were asked for last. */
function rememberLast(find: (url: string) => Target): (url: string) => Target {
  const found = new Map<string, Target>();
  return (url) => {
    const target = found.get(url) ?? find(url);
    if (found.size >= targetsMax) found.clear();
    found.set(url, target);
    return target;
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
