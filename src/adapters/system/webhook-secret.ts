// SPDX-License-Identifier: GPL-3.0-or-later
import { randomBytes } from 'node:crypto';
import { Secret } from '../../core/secret.ts';

// Standard Webhooks 1.0 recommends 24 to 64 bytes.
const secretBytes = 32;

/** A new secret of a webhook, as Standard Webhooks serializes it. */
export function newWebhookSecret(): Secret {
  return new Secret(`whsec_${randomBytes(secretBytes).toString('base64')}`);
}
