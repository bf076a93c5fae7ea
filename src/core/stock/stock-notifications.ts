// SPDX-License-Identifier: GPL-3.0-or-later

/** What a node notifies the others of: a coupon has sold out, or units of it have come back. */
export const stockNotificationKinds = ['sold_out', 'units_back'] as const;

/**
 * A notification is a hint. It may make a node take a stock snapshot, or end what it caches; it never stands for a snapshot.
 * One that is late, lost, out of order or sent twice changes no answer.
 */
export type StockNotification = {
  kind: (typeof stockNotificationKinds)[number];
  couponName: string;
};

/** Carries notifications between nodes. Never rejects; while it is away nothing arrives. */
export type StockNotifications = {
  send(notification: StockNotification): void;
  /** Calls `onNotification` with those of other processes. */
  subscribe(onNotification: (notification: StockNotification) => void): void;
};
