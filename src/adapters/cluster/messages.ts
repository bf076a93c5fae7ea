// SPDX-License-Identifier: GPL-3.0-or-later

/** Metrics as text, as they are scraped. */
export type MetricsText = { contentType: string; text: string };

/** The current API keys by name. A key that is not set is missing, since messages are JSON. */
export type KeysMessage = Readonly<Record<string, string | undefined>>;

/** What a worker tells the primary. */
export type FromWorker =
  | { type: 'firstcome:ready'; url: string }
  | { type: 'firstcome:metrics-wanted'; id: number }
  | { type: 'firstcome:snapshot'; id: number; snapshot: unknown };

/** What the primary tells a worker. */
export type FromPrimary =
  | { type: 'firstcome:metrics'; id: number; metrics: MetricsText | null }
  | { type: 'firstcome:snapshot-wanted'; id: number }
  | { type: 'firstcome:keys'; keys: KeysMessage };

/** Whether a message on the channel, which others use too, has this type. */
export function isMessage<Message extends { type: string }, Type extends Message['type']>(
  message: unknown,
  type: Type,
): message is Extract<Message, { type: Type }> {
  return (
    typeof message === 'object' && message !== null && 'type' in message && message.type === type
  );
}
