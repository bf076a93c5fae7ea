// SPDX-License-Identifier: GPL-3.0-or-later
import http from 'node:http';
import https from 'node:https';
import { shareUnderWay } from '../../core/share-under-way.ts';
import type { SendAnswer, SendEvent } from '../../core/webhooks/ports.ts';
import type { CallResult } from './call-receiver.ts';
import {
  ForbiddenAddressError,
  lookupWith,
  type Resolve,
  resolveWithSystem,
} from './public-lookup.ts';
import { isNamed, type ReceiverRules, whyForbidden } from './receiver-url.ts';
import { secondsOfRetryAfter } from './retry-after.ts';
import {
  type CallTarget,
  connectionsMax,
  failureOf,
  idleMs,
  lateAfter,
  responseBytesMax,
  SignedCalls,
  targetOf,
} from './signed-calls.ts';

/** The limits of one request. */
export type SendLimits = {
  /** From the resolving of the name to the end of the response, also with a second attempt. */
  timeoutMs: number;
  responseBytesMax: number;
  connectionsMax: number;
};

const limitsDefault: SendLimits = { timeoutMs: 3_000, responseBytesMax, connectionsMax };
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
  // The system resolves few names at a time. So one whose servers are slow takes the place of one, however many requests wait.
  const resolve = shareUnderWay(options.resolve ?? resolveWithSystem);
  const tls = { rejectUnauthorized: true, ...(ca !== undefined && { ca }) };
  const agents = openAgents(resolve, { ...tls, maxSockets: limits.connectionsMax });
  const findOnce = rememberLast((url) => findTarget(url, rules, agents));
  const calls = new SignedCalls({ userAgent, responseBytesMax: limits.responseBytesMax });
  const send: SendEvent = async (receiver, { eventId, body, traceparent }, signal) => {
    const target = findOnce(receiver.url);
    if ('error' in target) return { kind: 'failed', error: target.error, isForbidden: true };
    const message = {
      ...{ messageId: eventId, body, secrets: receiver.secrets },
      ...(traceparent !== undefined && { headers: { traceparent } }),
    };
    const { timeoutMs } = limits;
    const { result, isLate } = await calls.send(target, message, { timeoutMs, signal });
    return answerOf(result, isLate ? timeoutMs : undefined);
  };
  return {
    send,
    close() {
      calls.close();
      for (const { kept, fresh } of Object.values(agents)) {
        for (const agent of [...Object.values(kept), ...Object.values(fresh)]) agent.destroy();
      }
    },
  };
}

/** How a receiver is called, or why it may not be. */
type Target = CallTarget | { error: string };

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
  return targetOf(url, { kept: kept[protocol], fresh: fresh[protocol] });
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
    return { kind: 'failed', error: lateAfter(lateAfterMs), isForbidden };
  }
  return { kind: 'failed', error: isForbidden ? error.message : failureOf(error), isForbidden };
}
