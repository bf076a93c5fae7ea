// SPDX-License-Identifier: GPL-3.0-or-later
import type { Delivery } from '../../../client.ts';
import { service } from '../../service.ts';
import type { ReadPage } from '../../ui/read-pages.ts';

/** Reads the deliveries of a webhook in pages, the newest event first. */
export function deliveriesOf(id: string, limit?: number): ReadPage<Delivery> {
  return async (cursor, signal) => {
    const args = { id, ...(cursor !== undefined && { cursor }), ...(limit && { limit }) };
    const result = await service.listWebhookDeliveries(args, { signal });
    if (result.outcome !== 'ok') return result;
    const { deliveries: items, next_cursor } = result.value;
    return { ...result, value: { items, next_cursor } };
  };
}
