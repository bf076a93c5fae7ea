// SPDX-License-Identifier: GPL-3.0-or-later
import { createHmac } from 'node:crypto';

/** A secret with its prefix, as receivers get it. */
const keyOf = (secret: string) => Buffer.from(secret.replace(/^whsec_/, ''), 'base64');

/** The headers that sign a message with each of the secrets, as Standard Webhooks 1.0 defines them. */
export function signMessage(
  secrets: readonly string[],
  { messageId, sentAt, body }: { messageId: string; sentAt: Date; body: string },
): Record<`webhook-${'id' | 'timestamp' | 'signature'}`, string> {
  const timestamp = String(Math.floor(sentAt.getTime() / 1_000));
  const signed = `${messageId}.${timestamp}.${body}`;
  const signatures = secrets.map(
    (secret) => `v1,${createHmac('sha256', keyOf(secret)).update(signed).digest('base64')}`,
  );
  return {
    'webhook-id': messageId,
    'webhook-timestamp': timestamp,
    'webhook-signature': signatures.join(' '),
  };
}
