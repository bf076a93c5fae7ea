// SPDX-License-Identifier: GPL-3.0-or-later
import type pg from 'pg';
import { statement } from '../statements.ts';

const readHasWebhooks = statement('has-webhooks');

/** Whether there is a webhook, in the installation of a session. */
export async function hasWebhooks(client: pg.ClientBase): Promise<boolean> {
  const { rows } = await client.query<{ has_webhooks: boolean }>(readHasWebhooks.text);
  return rows[0]?.has_webhooks === true;
}
