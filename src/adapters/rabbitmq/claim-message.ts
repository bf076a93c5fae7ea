// SPDX-License-Identifier: GPL-3.0-or-later
/**
 * A claim in the queue, as JSON. Nodes of several releases may share a queue: what has another version, another shape or
 * another installation is not decided, and becomes a dead letter. The broker is trusted as the database is, so a message
 * has no signature.
 */
import { idempotencyKeyRule, textRule, uuidRule } from '../../core/input-rules.ts';
import type { QueuedClaim } from '../../core/tickets/ticket.ts';

/** Raise it when a member is added or changes its meaning. */
const version = 1;
// Three names of 255 characters of up to 12 bytes each, and little more.
const bytesMax = 16_384;
const attemptsMax = 1_000;

/** Why a message holds no claim. */
export type Unreadable = { reason: string };

/** The content type and the type of the messages. */
export const claimProperties = { contentType: 'application/json', type: 'firstcome.claim' };

/** The body of a message. What is only for the delivery is in its properties. */
export function encodeClaim(claim: QueuedClaim, installationId: string): Buffer {
  return Buffer.from(
    JSON.stringify({
      version,
      installation: installationId,
      claim_id: claim.claimId,
      accepted_at_ms: claim.acceptedAtMs,
      coupon_name: claim.couponName,
      user_id: claim.userId,
      idempotency_key: claim.idempotencyKey,
      attempts: claim.attempts,
    }),
  );
}

/** The claim of a body, or why there is none. Never throws. */
export function decodeClaim(
  content: Buffer,
  installationId: string,
): Omit<QueuedClaim, 'replyTo' | 'traceParent'> | Unreadable {
  if (content.length > bytesMax) return { reason: `it is larger than ${bytesMax} bytes` };
  const message = parse(content);
  if (message === undefined) return { reason: 'it is no JSON object' };
  if (message.version !== version) return { reason: 'it has another version' };
  if (message.installation !== installationId) return { reason: 'it is of another installation' };
  const wrong = wrongMember(message);
  if (wrong !== undefined) return { reason: `its ${wrong} is missing or wrong` };
  return {
    claimId: message.claim_id as string,
    acceptedAtMs: message.accepted_at_ms as number,
    couponName: message.coupon_name as string,
    userId: message.user_id as string,
    idempotencyKey: message.idempotency_key as string | undefined,
    attempts: message.attempts as number,
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

const members: Record<string, Check> = {
  claim_id: matches(uuidRule),
  accepted_at_ms: isCountUpTo(Number.MAX_SAFE_INTEGER),
  coupon_name: isName,
  user_id: isName,
  idempotency_key: (value) => value === undefined || isKey(value),
  attempts: isCountUpTo(attemptsMax),
};
const checks = Object.entries(members);

function wrongMember(message: Record<string, unknown>): string | undefined {
  return checks.find(([name, check]) => !check(message[name]))?.[0];
}

function parse(content: Buffer): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(content.toString());
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : undefined;
  } catch {
    return undefined;
  }
}
