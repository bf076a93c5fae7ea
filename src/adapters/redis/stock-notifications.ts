// SPDX-License-Identifier: GPL-3.0-or-later
import {
  type StockNotification,
  type StockNotifications,
  stockNotificationKinds,
} from '../../core/stock/stock-notifications.ts';
import type { RedisConnection } from './redis.ts';

/** How many were sent, and how many of other processes have arrived, by kind. */
export type NotificationCounts = Record<
  'sent' | 'received',
  Record<StockNotification['kind'], number>
>;

const channel = 'stock';

/** Sends notifications on a channel of Redis. `sender` identifies this process. */
export function redisStockNotifications(
  redis: RedisConnection,
  sender: string,
): StockNotifications & { counts(): NotificationCounts } {
  const counts: NotificationCounts = {
    sent: { sold_out: 0, units_back: 0 },
    received: { sold_out: 0, units_back: 0 },
  };
  return {
    send({ kind, couponName }) {
      const message = JSON.stringify([sender, kind, couponName]);
      redis
        .run((client) => client.publish(redis.prefix + channel, message))
        .then(
          () => {
            counts.sent[kind] += 1;
          },
          // Lost, and counted with the calls.
          () => undefined,
        );
    },
    subscribe(onNotification) {
      redis.subscribe(channel, (message) => {
        const read = readMessage(message);
        if (read === undefined || read.sender === sender) return;
        counts.received[read.notification.kind] += 1;
        onNotification(read.notification);
      });
    },
    counts: () => counts,
  };
}

/** A message of this release. A later one may send others, which are ignored. */
function readMessage(
  message: string,
): { sender: string; notification: StockNotification } | undefined {
  let content: unknown;
  try {
    content = JSON.parse(message);
  } catch {
    return undefined;
  }
  if (!Array.isArray(content)) return undefined;
  const [sender, kind, couponName] = content;
  if (typeof sender !== 'string' || typeof couponName !== 'string') return undefined;
  if (!stockNotificationKinds.includes(kind)) return undefined;
  return { sender, notification: { kind, couponName } };
}
