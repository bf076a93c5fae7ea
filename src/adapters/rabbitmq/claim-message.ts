// SPDX-License-Identifier: GPL-3.0-or-later
/**
 * Claims in the queue, as JSON: those that a node has accepted at once for one partition share a message. Nodes of several
 * releases may share a queue: what has another version, another shape or another installation is not decided, and becomes a
 * dead letter. The broker is trusted as the database is, so a message has no signature.
 */
import type { Options } from 'amqplib';
import { idempotencyKeyRule, textRule, uuidRule } from '../../core/input-rules.ts';
import type { QueuedClaim } from '../../core/tickets/ticket.ts';

/** Raise it when a member is added or changes its meaning. */
const version = 2;
/** How many claims a message may hold. */
export const claimsPerMessageMax = 100;
/** UTF-16 units of the claims of one message. */
export const charactersPerMessageMax = 30_000;
// As many characters of up to 3 bytes, one more claim, and the members around them; other writers may escape more.
const bytesMax = 131_072;
const attemptsMax = 1_000;

/** Why a message holds no claims. */
export type Unreadable = { reason: string };

/** What a message holds. */
export type ReadMessage = {
  /** In the order in which they were accepted. */
  claims: QueuedClaim[];
  /** Entries that are no claims, each as a message of its own. */
  wrong: { content: Buffer; reason: string }[];
};

/** The content type and the type of the messages. */
export const claimProperties = { contentType: 'application/json', type: 'firstcome.claims' };

/** The properties of a message. `replyTo` is where the results of claims that a caller waits for are expected. */
export function propertiesOfClaims(replyTo: string | undefined): Options.Publish {
  return replyTo === undefined ? claimProperties : { ...claimProperties, replyTo };
}

/** One claim as a part of a message. All but the address of its node, which is a property of the message. */
export function partOfClaim(claim: QueuedClaim): string {
  const { attempts, claimId, acceptedAtMs, idempotencyKey, replyTo, traceParent } = claim;
  // An id needs no escapes. Text by text this takes half the time of one object.
  let text =
    `{"claim_id":"${claimId}","accepted_at_ms":${acceptedAtMs}` +
    `,"coupon_name":${JSON.stringify(claim.couponName)},"user_id":${JSON.stringify(claim.userId)}`;
  if (idempotencyKey !== undefined) text += `,"idempotency_key":${JSON.stringify(idempotencyKey)}`;
  if (attempts > 0) text += `,"attempts":${attempts}`;
  if (replyTo !== undefined) text += ',"is_awaited":true';
  if (traceParent !== undefined) text += `,"traceparent":${JSON.stringify(traceParent)}`;
  return `${text}}`;
}

/** The body of a message with these parts. */
export function messageOf(parts: readonly string[], installationId: string): Buffer {
  const installation = JSON.stringify(installationId);
  return Buffer.from(
    `{"version":${version},"installation":${installation},"claims":[${parts.join(',')}]}`,
  );
}

/** The body of a message with one claim. */
export function encodeClaim(claim: QueuedClaim, installationId: string): Buffer {
  return messageOf([partOfClaim(claim)], installationId);
}

/**
 * What a body holds, or why there is nothing. `replyTo` is the address of the node whose callers wait for some of its claims.
 * Never throws.
 */
export function decodeClaims(
  content: Buffer,
  installationId: string,
  replyTo?: string,
): ReadMessage | Unreadable {
  if (content.length > bytesMax) return { reason: `it is larger than ${bytesMax} bytes` };
  const message = parse(content);
  if (message === undefined) return { reason: 'it is no JSON object' };
  if (message.version !== version) return { reason: 'it has another version' };
  if (message.installation !== installationId) return { reason: 'it is of another installation' };
  const { claims: entries } = message;
  if (!Array.isArray(entries) || entries.length === 0 || entries.length > claimsPerMessageMax) {
    return { reason: 'its claims are missing or wrong' };
  }
  const read: ReadMessage = { claims: [], wrong: [] };
  for (const entry of entries) {
    const wrong = whyNoClaim(entry);
    if (wrong === undefined) read.claims.push(claimOf(entry, replyTo));
    else {
      const part = messageOf([JSON.stringify(entry)], installationId);
      read.wrong.push({ content: part, reason: wrong });
    }
  }
  // Such a message is not changed any more, so that operators find what was sent.
  const [onlyWrong] = read.wrong;
  return entries.length === 1 && onlyWrong !== undefined ? { reason: onlyWrong.reason } : read;
}

type Entry = {
  claim_id: string;
  accepted_at_ms: number;
  coupon_name: string;
  user_id: string;
  idempotency_key?: string;
  attempts?: number;
  is_awaited?: boolean;
  traceparent?: string;
};

function claimOf(entry: Entry, replyTo: string | undefined): QueuedClaim {
  return {
    claimId: entry.claim_id,
    acceptedAtMs: entry.accepted_at_ms,
    couponName: entry.coupon_name,
    userId: entry.user_id,
    idempotencyKey: entry.idempotency_key,
    attempts: entry.attempts ?? 0,
    replyTo: entry.is_awaited === true ? replyTo : undefined,
    traceParent: entry.traceparent,
  };
}

type Check = (value: unknown) => boolean;

const matches = ({ pattern }: { pattern: string }): Check => {
  const expression = new RegExp(pattern, 'u');
  return (value) => typeof value === 'string' && expression.test(value);
};
const isText = matches(textRule);
const isKey = matches(idempotencyKeyRule);
const isName: Check = (value) =>
  typeof value === 'string' &&
  value !== '' &&
  // Characters are code points, and there are never more of them than of UTF-16 units.
  (value.length <= textRule.maxLength || [...value].length <= textRule.maxLength) &&
  isText(value);
const isCountUpTo =
  (max: number): Check =>
  (value) =>
    Number.isSafeInteger(value) && (value as number) >= 0 && (value as number) <= max;
const optional =
  (check: Check): Check =>
  (value) =>
    value === undefined || check(value);

const members: Record<keyof Entry, Check> = {
  claim_id: matches(uuidRule),
  accepted_at_ms: isCountUpTo(Number.MAX_SAFE_INTEGER),
  coupon_name: isName,
  user_id: isName,
  idempotency_key: optional(isKey),
  attempts: optional(isCountUpTo(attemptsMax)),
  is_awaited: optional((value) => typeof value === 'boolean'),
  traceparent: optional(isKey),
};
const checks = Object.entries(members);

function whyNoClaim(entry: unknown): string | undefined {
  if (!isObject(entry)) return 'it holds something else than a claim';
  for (const [name, check] of checks) {
    if (!check(entry[name])) return `its ${name} is missing or wrong`;
  }
  return undefined;
}

function parse(content: Buffer): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(content.toString());
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
