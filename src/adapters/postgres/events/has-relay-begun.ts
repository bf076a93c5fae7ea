// SPDX-License-Identifier: GPL-3.0-or-later
import type pg from 'pg';
import { statement } from '../statements.ts';

const readRelayBegun = statement('has-relay-begun');

/** Whether the relay has begun, in the installation of a session: there is a webhook, or a coupon with a saga. */
export async function hasRelayBegun(client: pg.ClientBase): Promise<boolean> {
  const { rows } = await client.query<{ has_begun: boolean }>(readRelayBegun.text);
  return rows[0]?.has_begun === true;
}
